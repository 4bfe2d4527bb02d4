"""Runs a piece of a graph in the case's runner, apart from this process, and says what came of it."""

import os
import re
import tempfile
import time

import numpy as np

from ..backends import find_runner
from .reduce_apart import apart

#: ONNX Runtime's graph optimisation levels, by the words diagnoses use.
LEVELS = ("disabled", "basic", "extended", "all")
#: Share of words two messages have in common if they say the same of another graph.
_ALIKE = 0.6


class At(Exception):
    """What went wrong, in words that begin with its type, with the stage it happened at."""

    def __init__(self, at, words):
        super().__init__(words)
        self.at = at


class Runs:
    """One case's runner, as a function of a model and its inputs."""

    def __init__(self, runner, precision, threads, seconds, until):
        self.runner, self.precision, self.threads = runner, precision, threads
        self.seconds, self.until = seconds, until
        self.count = 0

    def late(self):
        """Tell whether it is time to be content with what was found."""
        return time.monotonic() > self.until

    def run(self, model, feeds, level="all"):
        """Return the Ending: "done" has the outputs by name, "raised" the error's fields with `at`, load or run."""
        self.count += 1
        return named(apart(self._outputs, model, feeds, level, seconds=self.seconds))

    def load(self, model):
        """Return the Ending of opening a model."""
        self.count += 1
        return named(apart(self._opened, model, seconds=self.seconds))

    def check(self, model):
        """Return the Ending of ONNX's checker with shape inference."""
        self.count += 1
        return apart(_checked, model, seconds=self.seconds)

    def reference(self, model, feeds):
        """Return the outputs by name of ONNX's reference evaluator, or None where it cannot or does not exist."""
        self.count += 1
        ending = apart(_evaluated, model, feeds, seconds=self.seconds)
        return ending.value if ending.kind == "done" else None

    def _opened(self, model):
        with tempfile.TemporaryDirectory() as folder:
            self._handle(model, os.path.join(folder, "model.onnx"), "all")

    def _handle(self, model, path, level):
        with open(path, "wb") as file:
            file.write(model.SerializeToString())
        try:
            if level != "all":
                return _session(path, self.threads, level)
            return self.runner.load(path, self.threads, self.precision)
        except Exception as error:
            raise At("load", worded(error)) from error

    def _outputs(self, model, feeds, level):
        with tempfile.TemporaryDirectory() as folder:
            handle = self._handle(model, os.path.join(folder, "model.onnx"), level)
            try:
                fed = {name: np.array(feeds[name]) for name in self.runner.input_names(handle)}
                arrays = self.runner.run(handle, fed)
            except Exception as error:
                raise At("run", worded(error)) from error
            names = [entry.name for entry in model.graph.output]
            return {name: array for name, array in zip(names, arrays) if isinstance(array, np.ndarray)}


def worded(error):
    """Return an error's type and message in one text: of an error that crosses processes little else is left."""
    return "%s: %s" % (type(error).__name__, str(error).strip() or repr(error))


def named(ending):
    """Return an ending whose error, if it is an At, has the type and message of what At stands for."""
    if ending.kind == "raised" and ending.value["type"] == "At":
        kind, _, message = ending.value["message"].partition(": ")
        ending.value.update(type=kind, message=message)
    return ending


def _session(path, threads, level):
    import onnxruntime

    names = {"disabled": "DISABLE_ALL", "basic": "ENABLE_BASIC", "extended": "ENABLE_EXTENDED", "all": "ENABLE_ALL"}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, "ORT_" + names[level])
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _checked(model):
    import onnx

    onnx.checker.check_model(model, full_check=True)


def _evaluated(model, feeds):
    evaluator = find_runner("onnx-reference")
    from onnx.reference import ReferenceEvaluator

    handle = ReferenceEvaluator(model)
    arrays = evaluator.run(handle, {name: np.array(feeds[name]) for name in handle.input_names})
    names = [entry.name for entry in model.graph.output]
    return {name: np.asarray(array) for name, array in zip(names, arrays)}


def same_failure(ending, wanted):
    """Tell whether a piece failed as the whole did: the same signal, a hang too, or much the same words."""
    if ending.kind != wanted.kind:
        return False
    if ending.kind != "raised":
        return ending.value == wanted.value
    if ending.value["type"] != wanted.value["type"] or ending.value["at"] != wanted.value["at"]:
        return False
    one, other = _words(ending.value["message"]), _words(wanted.value["message"])
    return len(one & other) >= _ALIKE * len(one | other)


def _words(message):
    """Return the words of a message without what is another one in each graph: numbers, names in quotes, places."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"|\S*/\S*|\{[^}]*\}|\d+", " ", message)
    return set(text.split()) or {message}
