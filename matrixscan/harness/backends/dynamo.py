"""torch.onnx.export(dynamo=True): through torch.export and onnxscript."""

from . import _onnx


class Exporter:
    NAME = "dynamo"
    FORMAT = "onnx"
    SUFFIX = ".onnx"
    OPSETS = (18,)
    PRECISIONS = ("fp32", "fp16")

    check = staticmethod(_onnx.check)
    essence = staticmethod(_onnx.essence)

    @staticmethod
    def unsupported(opset, precision):
        """Return why this exporter does not exist here or cannot write `opset`, or None."""
        import importlib.util
        import inspect

        import torch

        # `dynamo` alone appeared in 2.4 for an earlier exporter without named dynamic axes; both since 2.5.
        if not {"dynamo", "dynamic_shapes"} <= set(inspect.signature(torch.onnx.export).parameters):
            return "torch.onnx.export(dynamo=True, dynamic_shapes=...) does not exist in this torch"
        if importlib.util.find_spec("onnxscript") is None:
            return "the dynamo exporter needs onnxscript, which this combination does not have"
        newest = _newest_opset()
        if newest is not None and opset > newest:
            return "the dynamo exporter of this torch writes opsets up to %d" % newest
        return _onnx.unsupported(precision)

    @staticmethod
    def export(model, inputs, path, outputs, dynamic, opset, precision):
        """Write the model to `path` with the axes in `dynamic` kept dynamic; no fallback to another exporter."""
        import inspect

        import torch

        settings = {
            "input_names": list(inputs),
            "output_names": list(outputs),
            "dynamic_shapes": tuple(_shapes(dynamic.get(name, {}), tensor) for name, tensor in inputs.items()),
            "opset_version": opset,
            "dynamo": True,
            "fallback": False,
            "verify": False,
            "report": False,
            "verbose": False,
        }
        known = inspect.signature(torch.onnx.export).parameters
        settings = {key: value for key, value in settings.items() if key in known}
        torch.onnx.export(model, tuple(inputs.values()), path, **settings)
        _onnx.convert(path, precision)


def _newest_opset():
    try:
        from torch.onnx import _constants

        return int(_constants.ONNX_MAX_OPSET)
    except (ImportError, AttributeError):
        return None


def _shapes(axes, tensor):
    """Mark the dynamic axes.

    Names as texts are the documented form, but torch 2.5 and 2.6 accept and silently ignore them, which bakes the size
    in; DYNAMIC (since 2.6) means the same everywhere and fails where an axis cannot be kept. torch.export cannot keep
    an axis of size 0 or 1 symbolic, so those are left to it.
    """
    import torch

    kept = getattr(torch.export.Dim, "DYNAMIC", torch.export.Dim.AUTO)
    return {axis: kept if tensor.shape[axis] > 1 else torch.export.Dim.AUTO for axis in axes} or None
