"""ONNX Runtime's CPU execution provider with its default graph optimisations, as people deploy it."""


class Runner:
    NAME = "onnxruntime-cpu"
    READS = "onnx"
    PRECISIONS = ("fp32", "fp16")
    WITNESS = False
    PACKAGES = ("onnxruntime", "onnxruntime-gpu")

    @staticmethod
    def unsupported(precision):
        """Return why this runner does not exist here, or None."""
        import importlib.util

        if importlib.util.find_spec("onnxruntime") is None:
            return "this combination has no onnxruntime"
        return None

    @staticmethod
    def load(path, threads, precision):
        """Return an inference session."""
        return _session(path, threads)

    @staticmethod
    def plain(path, threads, precision):
        """Return an inference session that runs the graph as it is in the file."""
        import onnxruntime

        return _session(path, threads, onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)

    @staticmethod
    def input_names(handle):
        """Return the names of the inputs the artifact kept."""
        return [entry.name for entry in handle.get_inputs()]

    @staticmethod
    def run(handle, feeds):
        """Return the outputs in graph order."""
        return handle.run(None, feeds)


def _session(path, threads, level=None):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if level is not None:
        options.graph_optimization_level = level
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
