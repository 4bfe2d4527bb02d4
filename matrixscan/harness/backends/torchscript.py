"""torch.onnx.export through TorchScript tracing; `dynamo=False` where that can be said."""

import importlib

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


#: Where the newest opset of this exporter stands, by module of torch.onnx: today, since 1.13, in 1.12, in 1.11.
_NEWEST = (
    ("_constants", "ONNX_TORCHSCRIPT_EXPORTER_MAX_OPSET"),
    ("_constants", "ONNX_MAX_OPSET"),
    ("_constants", "onnx_main_opset"),
    ("symbolic_helper", "_onnx_main_opset"),
)


def _newest_opset():
    """Read torch's own constant; None where it has moved once more."""
    for module, name in _NEWEST:
        try:
            return int(getattr(importlib.import_module("torch.onnx." + module), name))
        except (ImportError, AttributeError):
            continue
    return None
