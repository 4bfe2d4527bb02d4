"""Runs a case's artifact once more in another way, compared as the case was."""

import contextlib
import copy
import os
import signal
import threading
import time

import numpy as np

from .. import stages
from ..probe import post_process
from ..stop import Stop, described

#: ONNX Runtime's levels of graph optimisation, from none to all.
LEVELS = ("disabled", "basic", "extended", "all")


class TooSlow(Exception):
    """Took longer than it may."""


@contextlib.contextmanager
def at_most(seconds):
    """Give up what Python code does for longer than `seconds`, where the system has such a clock."""
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not usable:
        yield
        return

    def over(_number, _frame):
        raise TooSlow("gave up after %g s" % seconds)

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def optimised(level, saved_to=None):
    """Return what opens a file in ONNX Runtime at a level: a function of path and threads."""
    import onnxruntime

    name = {"disabled": "ORT_DISABLE_ALL"}.get(level, "ORT_ENABLE_" + level.upper())
    chosen = getattr(onnxruntime.GraphOptimizationLevel, name)

    def load(path, threads):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = chosen
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        if saved_to:
            options.optimized_model_filepath = saved_to
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    return load


def in_session(handle, feeds):
    """Run an ONNX Runtime session on the inputs it kept."""
    return handle.run(None, {one.name: np.array(feeds[one.name]) for one in handle.get_inputs()})


def seen(bench, case, load, run):
    """Run the artifacts on what eager was given and compare them; whatever fails is what was seen.

    Args:
        bench: the workbench; the case is through its export.
        case: the case.
        load: opens a file: path, threads -> handle.
        run: handle, feeds by name -> arrays.
    """
    spec, chain = bench.spec(case), bench.kept(case, "build")["chain"]
    samples = bench.kept(case, "eager")["samples"]
    try:
        handles = {
            stage: load(path, bench.request["threads"]) for stage, path in bench.kept(case, "export")["paths"].items()
        }
        ran = _ran(spec, chain, samples, lambda stage, feeds: [np.array(one) for one in run(handles[stage], feeds)])
        outputs, _ = stages.judge(spec, chain, case["precision"], samples, ran)
    except Exception as error:
        found = (error.error if isinstance(error, Stop) else None) or described(error)
        return {"passed": None, "reason": None, "max_abs": None, "error": found}
    wrong = [one for one in outputs if not one["passed"] and one["reason"] != "blind"]
    figures = [one["max_abs"] for one in outputs if one["part"] is None and one.get("max_abs") is not None]
    reason = wrong[0]["reason"] if wrong else None
    return {"passed": not wrong, "reason": reason, "max_abs": max(figures, default=None), "error": None}


def _ran(spec, chain, samples, call):
    """Return what `stages.judge` compares: outputs twice, for two runs are asked for, and the parts of a chain."""
    outputs, parts = [], []
    for made in samples:
        raw, _ = chain.run(copy.deepcopy(made["inputs"]), call, "exported")
        given = post_process(spec, raw, made["inputs"])
        outputs.append((given, given))
        if not chain.single:
            parts.append({stage: [call(stage, feeds) for feeds, _ in made["trace"][stage]] for stage in chain.stages})
    return {"outputs": outputs, "parts": parts}


def levels(bench, case):
    """Return what was seen at each level of ONNX Runtime's graph optimisation; nothing where it is not installed."""
    import importlib.util

    if importlib.util.find_spec("onnxruntime") is None:
        return {}
    return {level: seen(bench, case, optimised(level), in_session) for level in LEVELS}


def reference(bench, case, until):
    """Return what ONNX's own evaluator makes of the artifact, None where this onnx has none."""
    from ..backends import find_runner

    runner = find_runner("onnx-reference")
    if runner.unsupported(case["precision"]):
        return None

    def run(handle, feeds):
        return runner.run(handle, {name: np.array(feeds[name]) for name in runner.input_names(handle)})

    try:
        with at_most(until - time.time()):
            return seen(bench, case, lambda path, threads: runner.load(path, threads, case["precision"]), run)
    except TooSlow as error:
        return {"passed": None, "reason": None, "max_abs": None, "error": described(error)}


def scratch(bench, name):
    """Return a path for a file of this diagnosis."""
    folder = os.path.join(bench.out_dir, "diagnosis")
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, name)
