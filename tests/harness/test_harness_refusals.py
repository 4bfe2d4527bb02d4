"""What is refused before or instead of a verdict: shown with stand-ins for the parts of torch that are looked at."""

import importlib.machinery
import sys
import types

import pytest

from matrixscan.harness.backends import torchscript
from matrixscan.harness.refusals import refuse_unimportable
from matrixscan.harness.stop import Stop

#: The newest opset of the TorchScript exporter by release of torch: (module of torch.onnx, name, opset), as in wheels.
NEWEST = {
    "2.3": [("_constants", "ONNX_TORCHSCRIPT_EXPORTER_MAX_OPSET", 17), ("_constants", "ONNX_MAX_OPSET", 19)],
    "1.13": [("_constants", "ONNX_MAX_OPSET", 17)],
    "1.12": [("_constants", "onnx_main_opset", 16)],
    "1.11": [("symbolic_helper", "_onnx_main_opset", 15)],
}


@pytest.fixture
def torch_onnx(monkeypatch):
    """Return a function that puts modules of torch.onnx with such constants in the place of torch's own."""

    def put(constants):
        modules = {name: types.ModuleType("torch.onnx." + name) for name in ("_constants", "symbolic_helper")}
        for module, name, value in constants:
            setattr(modules[module], name, value)
        for name in ("torch", "torch.onnx", "onnx"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        sys.modules["onnx"].__spec__ = importlib.machinery.ModuleSpec("onnx", None)
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, "torch.onnx." + name, module)

    return put


@pytest.mark.parametrize("release", NEWEST)
def test_the_newest_opset_is_found_where_each_torch_keeps_it(torch_onnx, release):
    torch_onnx(NEWEST[release])
    newest = NEWEST[release][0][2]
    assert torchscript.Exporter.unsupported(newest, "fp32") is None
    words = torchscript.Exporter.unsupported(newest + 1, "fp32")
    assert words == f"the TorchScript exporter of this torch writes opsets up to {newest}"


def test_a_constant_that_moved_once_more_refuses_nothing(torch_onnx):
    torch_onnx([])
    assert torchscript.Exporter.unsupported(99, "fp32") is None


def model_of(module):
    part = type("Layer", (), {"__module__": module})()
    return types.SimpleNamespace(modules=lambda: [part])


def wrapped(name):
    """Return an error as torch 2.5 raises it: the cause is told in its text."""
    return RuntimeError(f"Failed to export.\n\nModuleNotFoundError: No module named '{name}'\n\n(Refer to the")


def test_a_module_that_the_probe_hid_from_the_exporter_is_not_its_fault():
    with pytest.raises(Stop) as stop:
        refuse_unimportable(model_of("layers_of_mine"), wrapped("layers_of_mine"))
    assert (stop.value.outcome, stop.value.reason) == ("skipped", "requirement")
    assert "put it into sys.modules" in stop.value.error["message"]


@pytest.mark.parametrize(("module", "missing"), [("layers_of_mine", "onnxscript"), ("json", "json"), ("a", "a.b")])
def test_another_missing_module_is_the_combinations(module, missing):
    refuse_unimportable(model_of(module), wrapped(missing))
