"""Runs the nodes of a region one by one on what they were given, to tell which of them is wrong."""

import contextlib
import os
import time

import numpy as np

from ..stop import described
from . import again
from .graph import alone
from .numbers import distance, wide

#: Nodes that move, cast or make values and compute with none; the last line is ncnn's.
CARRIERS = frozenset(
    (
        "Cast",
        "Concat",
        "Constant",
        "ConstantOfShape",
        "Expand",
        "Flatten",
        "Gather",
        "Identity",
        "Range",
        "Reshape",
        "Shape",
        "Size",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
        *("Crop", "ExpandDims", "MemoryData", "Noop", "Packing", "Permute"),
    )
)
_SECONDS = 20.0


def run_nodes(bench, graph, places, values, expected, until):
    """Run each node alone in ONNX Runtime and in the reference evaluator.

    Args:
        bench: the workbench.
        graph: where the nodes are.
        places: their positions.
        values: arrays by name, as they were in the graph.
        expected: {name of a value: what torch has there}.
        until: when to stop, seconds since the epoch.

    Returns:
        For each node its description and the distances between what runtime, reference evaluator and torch gave.
    """
    path = again.scratch(bench, "node.onnx")
    found = []
    for at in places:
        if time.time() > until:
            break  # what is known is enough for a hint
        if graph.takes(at):
            found.append(dict(_run_node(graph, at, values, expected, path), node=graph.described(at, values)))
    with contextlib.suppress(OSError):
        os.remove(path)
    return found


def _run_node(graph, at, values, expected, path):
    figures = dict.fromkeys(("runner_torch", "reference_torch", "runner_reference", "max_abs"))
    figures["error"] = None
    try:
        feeds = alone(graph, at, values, path)
        own = again.in_session(again.optimised("disabled")(path, 1), feeds)
    except Exception as error:
        return dict(figures, error=described(error))
    own = {name: np.asarray(array) for name, array in zip(filter(None, graph.nodes[at].output), own)}
    meant, error = _by_reference(path, feeds)
    meant = dict(zip(own, meant))
    figures["error"] = error
    figures["runner_torch"] = _worst(own, expected)
    figures["reference_torch"] = _worst(meant, expected)
    figures["runner_reference"] = _worst(own, meant)
    figures["max_abs"] = _largest(own, meant)
    return figures


def _by_reference(path, feeds):
    try:
        from onnx.reference import ReferenceEvaluator
    except ImportError:
        return [], None
    try:
        with again.at_most(_SECONDS):
            return [np.asarray(one) for one in ReferenceEvaluator(path).run(None, feeds)], None
    except Exception as error:
        return [], described(error)


def _worst(actual, expected):
    pairs = [(array, expected[name]) for name, array in actual.items() if name in expected]
    return max((distance(one, other, by_element=False) for one, other in pairs), default=None)


def _largest(actual, expected):
    pairs = [(wide(array), wide(expected[name])) for name, array in actual.items() if name in expected]
    with np.errstate(all="ignore"):
        figures = [np.abs(one - other).max() for one, other in pairs if one.shape == other.shape and one.size]
    return float(max(figures)) if figures else None


def culprit(runs, within, *, integers=True):
    """Return the node that is wrong by itself, if that can be told, else None.

    One that the runtime computes otherwise than the reference evaluator; else the only one that computes at all.

    Args:
        runs: what `run_nodes` returns.
        within: how far equal results may be apart.
        integers: whether the value that is wrong may be one; else those only say shapes.
    """
    apart = [run for run in runs if run["runner_reference"] is not None and run["runner_reference"] > within]
    if len(apart) == 1:
        return apart[0]["node"]
    computing = [run for run in runs if run["node"]["op_type"] not in CARRIERS and (integers or _floats(run["node"]))]
    if not apart and len(computing) == 1:
        return computing[0]["node"]
    # Of several that all do what they say, none is wrong by itself: what was written is.
    return runs[0]["node"] if len(runs) == 1 else None


def _floats(node):
    return any(str(one["dtype"]).startswith(("float", "None")) for one in node["outputs"])
