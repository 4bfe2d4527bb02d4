"""torch.onnx.export through TorchScript tracing; `dynamo=False` where that can be said."""

from . import _onnx


class Exporter:
    NAME = "torchscript"
    FORMAT = "onnx"
    SUFFIX = ".onnx"
    OPSETS = (13, 17)
    PRECISIONS = ("fp32", "fp16")

    check = staticmethod(_onnx.check)
    essence = staticmethod(_onnx.essence)

    @staticmethod
    def unsupported(opset, precision):
        """Return why this exporter cannot write `opset`, or None."""
        newest = _newest_opset()
        if newest is not None and opset > newest:
            return "the TorchScript exporter of this torch writes opsets up to %d" % newest
        return _onnx.unsupported(precision)

    @staticmethod
    def export(model, inputs, path, outputs, dynamic, opset, precision):
        """Write the model to `path` with the axes in `dynamic` named."""
        import inspect

        import torch

        settings = {
            "input_names": list(inputs),
            "output_names": list(outputs),
            "dynamic_axes": {name: axes for name, axes in dynamic.items() if name in inputs or name in outputs},
            "opset_version": opset,
            "do_constant_folding": True,
        }
        if "dynamo" in inspect.signature(torch.onnx.export).parameters:
            settings["dynamo"] = False
        torch.onnx.export(model, tuple(inputs.values()), path, **settings)
        _onnx.convert(path, precision)


def _newest_opset():
    """Read torch's own constant; it moved between releases (symbolic_helper until 1.12, _constants since)."""
    try:
        from torch.onnx import _constants

        return int(_constants.ONNX_TORCHSCRIPT_EXPORTER_MAX_OPSET)
    except (ImportError, AttributeError):
        from torch.onnx import symbolic_helper

        newest = getattr(symbolic_helper, "_onnx_main_opset", None)
        return None if newest is None else int(newest)
