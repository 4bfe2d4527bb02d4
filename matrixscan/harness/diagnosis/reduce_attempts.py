"""What is done with a piece of a model to see whether it still fails: its export, or its way through pnnx and ncnn.

An attempt is made in a copy of the harness's process. It raises what goes wrong, and returns None or, of outputs that
are wrong, what is wrong with the first.
"""

import contextlib
import copy
import os
import re
import tempfile

import numpy as np

from .. import chain as chains
from ..backends import find_exporter, find_runner
from ..backends.ncnn import shapes
from ..compare import compare
from ..protocol import HALF, converted_to
from .reduce_runs import At, worded

#: What of a lane that is no export of ONNX is gone through, in this order.
_WAY = ("export", "check", "load", "run", "compare")
_KILLED = re.compile(r"(pnnx was killed by signal \d+):.*", re.DOTALL)


class Export:
    """The export of a module to ONNX."""

    KIND, RUNS = "export", False
    PACKAGES = ("torch", "onnx", "onnxscript")

    def __init__(self, case):
        self.opset, self.exporter = case["opset"], find_exporter(case["exporter"])

    def __call__(self, module, piece):
        with tempfile.TemporaryDirectory() as folder, _at("export"):
            self.exporter.export(
                module.eval(),
                _tensors(piece.feeds),
                os.path.join(folder, "model.onnx"),
                outputs=list(piece.outputs),
                dynamic=piece.dynamic,
                opset=self.opset,
                precision="fp32",
            )

    def facts(self, piece):  # noqa: ARG002  as the other kind's
        """Return what the reproduction has to know of this kind of attempt besides the piece."""
        return {}


class Conversion:
    """A module's way through TorchScript, pnnx and ncnn as far as the stage that failed."""

    KIND = "conversion"
    PACKAGES = ("torch", "pnnx", "ncnn")

    def __init__(self, case, tables, threads, stage):
        self.precision, self.threads, self.bounds = case["precision"], threads, (*tables[""][:2], 1.0)
        self.exporter, self.runner = find_exporter(case["exporter"]), find_runner(case["runner"])
        self.way = _WAY[: _WAY.index(stage) + 1]
        self.RUNS = "run" in self.way

    def __call__(self, module, piece):
        module.eval()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model" + self.exporter.SUFFIX)
            with _at("export"):
                self.exporter.export(
                    copy.deepcopy(module),
                    _tensors(piece.feeds),
                    path,
                    outputs=list(piece.outputs),
                    dynamic=piece.dynamic,
                    opset=0,
                    precision=converted_to(self.precision),
                )
            if "check" in self.way:
                with _at("check"):
                    self.exporter.check(path)
            if "load" in self.way:
                with _at("load"):
                    handle = self.runner.load(path, self.threads, self.precision)
            if "run" in self.way:
                with _at("run"):
                    fed = {name: piece.given[name] for name in self.runner.input_names(handle)}
                    seen = self.runner.run(handle, fed)
        return self._wrong(module, piece, seen) if "compare" in self.way else None

    def facts(self, piece):
        """Return the shapes that pnnx is told, the lane's halves and what is tolerated."""
        told = shapes(_tensors(piece.feeds), piece.dynamic)
        rtol, atol, _ = self.bounds
        half = {"converted": converted_to(self.precision) in HALF, "run": self.precision == "fp16-run"}
        return {"shapes": list(dict.fromkeys(told)), "half": half, "rtol": rtol, "atol": atol}

    def _wrong(self, module, piece, seen):
        """Return what is wrong with the first output that is, or None."""
        expected = [array for _, array in chains.forward(module, piece.given)]
        if len(seen) != len(expected):
            return {"reason": "outputs", "at": 0, "atol": self.bounds[1]}
        wide = _wide(module, piece.given)
        for at, (name, array) in enumerate(zip(piece.outputs, expected)):
            noise = float(np.abs(wide[at] - array).max()) if wide and array.size else None
            found = compare(name, np.asarray(seen[at]), array, noise, self.bounds)
            if not found["passed"]:
                return {"reason": found["reason"], "at": at, "atol": max(self.bounds[1], found.get("floor") or 0.0)}
        return None


def _tensors(feeds):
    return dict(zip(feeds, chains.tensors(feeds)))


@contextlib.contextmanager
def _at(stage):
    try:
        yield
    except Exception as error:
        raise At(stage, _brief(worded(error))) from error


def _brief(words):
    """Return the words of an error without what pnnx printed before it was killed: that is another for each piece."""
    return _KILLED.sub(r"\1", words)


def _wide(module, feeds):
    """Return the outputs of a module in double precision, or None where it has none."""
    import torch

    wide = {name: array.astype("float64") if array.dtype.kind == "f" else array for name, array in feeds.items()}
    try:
        with torch.no_grad():
            return [array.astype("float64") for _, array in chains.forward(copy.deepcopy(module).double(), wide)]
    except Exception:
        return None
