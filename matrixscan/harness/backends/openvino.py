"""OpenVINO's CPU plugin. The precision it computes in is always said: left alone it takes bfloat16 where it can."""

from ..signature import signature  # noqa: TID252  the harness is called by its digest where it runs
from . import Unsupported

_HINT = "INFERENCE_PRECISION_HINT"


class Runner:
    NAME = "openvino-cpu"
    READS = "onnx"
    PRECISIONS = ("fp32", "fp16", "fp16-run")
    WITNESS = False
    PACKAGES = ("openvino",)

    @staticmethod
    def unsupported(precision):
        """Return why this runner does not exist here, or None."""
        import importlib.util

        if importlib.util.find_spec("openvino") is None:
            return "this combination has no openvino"
        if not importlib.util.find_spec("openvino.runtime") and not _core_class():
            return "this openvino has another interface: openvino.runtime came with 2022.1"
        return None

    @staticmethod
    def load(path, threads, precision):
        """Return an inference request and the names of its inputs.

        Raises:
            Unsupported: the plugin does not compute in the asked precision on this processor.
        """
        core = _core_class()()
        wanted = "f16" if precision == "fp16-run" else "f32"
        known = _properties(core, "CPU")
        settings = {_HINT: wanted, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": "1"}
        settings = {name: str(value) for name, value in settings.items() if name in known}
        model = core.read_model(path)
        try:
            compiled = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            if wanted == "f16" and _HINT in str(error):
                raise Unsupported("OpenVINO's CPU plugin does not know f16: %s" % error) from error
            raise
        found = _precision(compiled)
        if found != wanted:
            raise Unsupported("OpenVINO's CPU plugin computes in %s here, asked for %s" % (found, wanted))
        return compiled.create_infer_request(), _input_names(path, model)

    @staticmethod
    def input_names(handle):
        """Return the names of the inputs the artifact kept."""
        return list(handle[1])

    @staticmethod
    def run(handle, feeds):
        """Return the outputs in graph order."""
        request, names = handle
        request.infer({at: feeds[name] for at, name in enumerate(names)})
        return [tensor.data.copy() for tensor in request.output_tensors]


def _core_class():
    """Return the entry to the present interface, which moved up in 2023.1; None before there was one."""
    import importlib.util

    import openvino

    if hasattr(openvino, "Core") or importlib.util.find_spec("openvino.runtime") is None:
        return getattr(openvino, "Core", None)
    from openvino.runtime import Core

    return Core


def _input_names(path, model):
    """Return the names in the file; OpenVINO renames an input that is an output too."""
    names = signature(path)["inputs"]
    if len(names) != len(model.inputs):
        raise LookupError("the file has %d inputs, OpenVINO's model %d" % (len(names), len(model.inputs)))
    return names


def _properties(holder, *device):
    return set(map(str, holder.get_property(*device, "SUPPORTED_PROPERTIES")))


def _precision(compiled):
    """Return what the plugin will really compute in; releases that cannot say it know no other than f32 on CPUs."""
    if _HINT not in _properties(compiled):
        return "f32"
    text = str(compiled.get_property(_HINT))  # "f32", or <Type: 'float32'>
    name = text.split("'")[1] if "'" in text else text
    return {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}.get(name, name)
