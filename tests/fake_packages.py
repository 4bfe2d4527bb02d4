"""Stand-ins for torch, onnx and onnxruntime, small enough to be made in a test and whole enough for the real harness.

A model multiplies by its weights. Its artifact is JSON: the weights, and what a runtime is to do with them. What goes
wrong is a word of the model: `bad-export` comes out wrong of torch 900.2, `bad-run` in onnxruntime 900.2, `refused`
cannot be exported by torch 900.1.
"""

import textwrap

from cheap_project import write_wheel

TORCHES = RUNTIMES = ("900.1", "900.2")
NUMPY = "1.24.4"  # for Python 3.8

_TORCH = '''\
import contextlib

import numpy as np

from . import nn, onnx

__version__ = "@VERSION@"


class Tensor:
    def __init__(self, array):
        self.array = np.asarray(array)
        self.dtype, self.shape = self.array.dtype, self.array.shape

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.array

    def is_floating_point(self):
        return self.array.dtype.kind == "f"

    def dim(self):
        return self.array.ndim

    def to(self, dtype):
        return Tensor(self.array.astype(dtype))

    def copy_(self, other):
        self.array[...] = other.array


class Scale:
    """y = x * weight; `kind` says what goes wrong with it, `seconds` how long its runs take."""

    def __init__(self, kind="plain", seconds=0.0):
        self.kind, self.seconds = kind, seconds
        self.weight = Tensor(np.ones(3, "float32"))

    def eval(self):
        return self

    def double(self):
        self.weight = self.weight.to("float64")
        return self

    def state_dict(self):
        return {"weight": self.weight}

    def named_parameters(self):
        return [("weight", self.weight)]

    def named_modules(self):
        return [("", self)]

    def __call__(self, x):
        return Tensor(x.array * self.weight.array)


def from_numpy(array):
    return Tensor(array)


def manual_seed(_):
    pass


no_grad = contextlib.nullcontext


def set_num_threads(_):
    pass
'''
_EXPORT = """\
import json
import time

from . import _constants

VERSION = "@VERSION@"


def export(model, args, path, input_names, output_names, opset_version, **more):
    print("EXPORTED", flush=True)
    time.sleep(model.seconds)
    if model.kind == "refused" and VERSION == "900.1":
        raise RuntimeError("this torch refuses")
    if model.kind == "full":
        raise OSError(28, "No space left on device")
    wrong = model.kind == "bad-export" and VERSION == "900.2"
    made = {"kind": "wrong" if wrong else model.kind, "weight": model.weight.array.tolist(), "opset": opset_version}
    made.update(input=input_names[0], seconds=model.seconds)
    with open(path, "w") as file:
        json.dump(made, file)
"""
_ONNX = """\
import json
from types import SimpleNamespace

__version__ = "@VERSION@"


def load(path, load_external_data=True):
    with open(path) as file:
        made = json.load(file)
    return SimpleNamespace(
        graph=SimpleNamespace(node=[]), functions=[], ir_version=8, producer_name="fake", producer_version="1",
        opset_import=[SimpleNamespace(domain="", version=made["opset"])],
    )


class checker:
    check_model = staticmethod(lambda path, full_check: load(path))
"""
_RUNTIME = """\
import json
import time
from types import SimpleNamespace

import numpy as np

__version__ = "@VERSION@"


class SessionOptions:
    pass


class InferenceSession:
    def __init__(self, path, options, providers):
        with open(path) as file:
            self.made = json.load(file)

    def get_inputs(self):
        return [SimpleNamespace(name=self.made["input"])]

    def run(self, _, feeds):
        time.sleep(self.made["seconds"])
        wrong = self.made["kind"] == "wrong" or (self.made["kind"] == "bad-run" and __version__ == "900.2")
        return [feeds[self.made["input"]] * np.array(self.made["weight"], "float32") + np.float32(wrong)]
"""


def write_packages(folder, torches=TORCHES, runtimes=RUNTIMES):
    """Put the wheels into a folder."""
    numpy = [f"numpy=={NUMPY}"]
    for version in torches:
        write_wheel(folder, "torch", version, _torch_files(version), numpy)
    write_wheel(folder, "onnx", "900.1", {"onnx/__init__.py": _ONNX.replace("@VERSION@", "900.1")}, numpy)
    for version in runtimes:
        source = _RUNTIME.replace("@VERSION@", version)
        write_wheel(folder, "onnxruntime", version, {"onnxruntime/__init__.py": source}, numpy)


def sources(before_export="", before_import=""):
    """Yield name, requirements and files of each package in release 900.1.

    Args:
        before_export: source that torch runs first in every export.
        before_import: source that onnx runs first when it is imported.
    """
    files = _torch_files("900.1")
    begin = files["torch/onnx/__init__.py"].index('    print("EXPORTED"')
    export = files["torch/onnx/__init__.py"]
    files["torch/onnx/__init__.py"] = export[:begin] + textwrap.indent(before_export, "    ") + export[begin:]
    yield "torch", (), files
    yield "onnx", (), {"onnx/__init__.py": before_import + _ONNX.replace("@VERSION@", "900.1")}
    yield "onnxruntime", (), {"onnxruntime/__init__.py": _RUNTIME.replace("@VERSION@", "900.1")}


def files_of(name, version):
    """Return the files of one package in a release."""
    if name == "torch":
        return _torch_files(version)
    source = {"onnx": _ONNX, "onnxruntime": _RUNTIME}[name]
    return {f"{name}/__init__.py": source.replace("@VERSION@", version)}


def _torch_files(version):
    files = {"torch/__init__.py": _TORCH, "torch/nn.py": "", "torch/onnx/__init__.py": _EXPORT}
    files = {path: text.replace("@VERSION@", version) for path, text in files.items()}
    return files | {"torch/onnx/_constants.py": "ONNX_TORCHSCRIPT_EXPORTER_MAX_OPSET = 17\n"}
