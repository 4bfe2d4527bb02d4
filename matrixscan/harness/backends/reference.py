"""ONNX's own reference implementation in NumPy: slow, and says what the file means rather than what a runtime does."""


class Runner:
    NAME = "onnx-reference"
    READS = "onnx"
    PRECISIONS = ("fp32", "fp16")
    WITNESS = True
    PACKAGES = ("onnx",)

    @staticmethod
    def unsupported(precision):
        """Return why this runner does not exist here, or None."""
        import importlib.util

        if importlib.util.find_spec("onnx") is None:
            return "this combination has no onnx"
        if importlib.util.find_spec("onnx.reference") is None:
            return "this onnx has no reference implementation: it came with 1.13"
        return None

    @staticmethod
    def load(path, threads, precision):
        """Return an evaluator of the whole model."""
        import onnx
        from onnx.reference import ReferenceEvaluator

        # Not by path: some releases do not look for the weights beside the file.
        return ReferenceEvaluator(onnx.load(path))

    @staticmethod
    def input_names(handle):
        """Return the names of the inputs the artifact kept."""
        return list(handle.input_names)

    @staticmethod
    def run(handle, feeds):
        """Return the outputs in graph order."""
        return handle.run(None, feeds)
