"""Where a failing case goes wrong: the first torch call and the nodes of the graph that do not give the same."""

import numpy as np

from . import region
from .locate import Matches, best_counterpart, counterparts, dependents, differing, first_of
from .numbers import distance
from .plain import arguments_of
from .sight import BUDGET, Nowhere
from .watch import watch, watch_with

#: How close values count as equal in a lane: what fp32 allows, and what half does.
_WITHIN = {"fp32": 1e-3}
_WITHIN_HALF, _TIGHTEST = 2e-2, 1e-6
#: A step that multiplies the error by less is no step: it grows from call to call.
_JUMP = 3.0
_MOST_NODES, _MOST_POINTS = 24, 300
#: Torch functions that lay numbers out in another way and compute none.
_MOVES = frozenset(
    (
        *("__getitem__", "cat", "chunk", "contiguous", "expand", "flatten", "flip", "movedim", "narrow", "permute"),
        *("reshape", "roll", "select", "split", "squeeze", "stack", "swapaxes", "t", "transpose", "unflatten"),
        *("unsqueeze", "view"),
    )
)


def locate(bench, case, place, sight, until):
    """Find the first divergence.

    Args:
        bench: the workbench.
        case: the case.
        place: the stage and the inputs that are looked at.
        sight: the graph with its values.
        until: when no further node is run by itself.

    Returns:
        Fields of the diagnosis (divergence, runs of its nodes, error curve), and both sides of the divergence.

    Raises:
        Nowhere: there is none, or it cannot be told.
    """
    seen = watch(place.module, place.feeds, BUDGET)
    within = _within(case, seen, sight)
    matches = Matches(seen, sight.values, within, sight.graph)
    wrong = differing(matches, _wrong_outputs(matches, sight, within))
    at = first_of(matches, wrong)
    if at is None:
        raise Nowhere(_why_nowhere(seen, wrong))
    value, call = seen.values[at], seen.calls[seen.values[at].call]
    near = _blocked_at(sight) or _counterpart(matches, sight, at, place.feeds)
    before, after = _step(matches, call, near)
    nodes = _region(sight, matches, near, call.inputs)
    actual = None if near is None else sight.values.get(near[1])
    expected = {} if actual is None else {near[1]: value.array}
    plain = [sight.graph.described(one, sight.values) for one in nodes]
    runs = region.run_nodes(bench, sight.graph, nodes, sight.values, expected, until) if sight.graph.runs_alone else []
    first = {
        "module": ".".join(filter(None, (place.stage, call.module))),
        "module_type": call.module_type,
        "operation": call.operation,
        "arguments": arguments_of(call),
        "call": call.at,
        "nodes": plain,
        "node": _culprit(sight, runs or _not_run(plain, call), within, integers=value.array.dtype.kind != "f"),
        "error_before": before,
        "error_after": after,
    }
    curve = _curve(matches, wrong, {} if near is None else {at: near[0]})
    return {"first": first, "runs": runs, "curve": curve, "left_out": seen.left_out}, (value.array, actual)


def _step(matches, call, near):
    """Return the error of what a call takes and of what it gives, None where nothing stands for that."""
    before = max((matches.distance(one) for one in call.inputs), default=0.0)
    after = None if near is None or near[0] is None or not np.isfinite(near[0]) else near[0]
    if after is not None and after < _JUMP * before:
        raise Nowhere("the error grows from call to call; no single one makes it")
    return before, after


def _within(case, seen, sight):
    apart = max(_output_errors(seen, sight), default=0.0)
    if apart == 0:
        raise Nowhere(
            "the outputs agree once every value of the graph is an output: the runtime joins what lies between"
        )
    return max(_TIGHTEST, min(_WITHIN.get(case["precision"], _WITHIN_HALF), apart / 4))


def _output_errors(seen, sight):
    for at, name in zip(seen.outputs, sight.graph.outputs):
        if at is None or seen.values[at].array is None:
            yield 0.0
        elif name not in sight.values:
            yield float("inf")
        else:
            yield distance(sight.values[name], seen.values[at].array)


def _wrong_outputs(matches, sight, within):
    errors = zip(matches.seen.outputs, _output_errors(matches.seen, sight))
    wrong = [at for at, error in errors if error > within]
    for at in wrong:
        matches.found.pop(at, None)  # another value of the graph may happen to hold it
    return wrong


def _why_nowhere(seen, wrong):
    if not seen.calls:
        return "no torch function could be watched"
    if not wrong:
        return "every value agrees where it can be looked at"
    return "nothing that differs was made of values that agree"


def _blocked_at(sight):
    """Return the value that a node on which the runner died would have made."""
    return (None, sight.graph.nodes[sight.blocked[0]].output[0]) if sight.blocked else None


def _counterpart(matches, sight, at, feeds):
    """Return (error, name) of the value of the graph that stands where a differing value should be, or None."""
    seen, value = matches.seen, matches.seen.values[at].array
    if at in seen.outputs:
        name = sight.graph.outputs[seen.outputs.index(at)]
        return distance(sight.values[name], value, by_element=False), name
    names = counterparts(matches, sight.graph, at)
    if len(names) > 1:
        wanted = dependents(seen, at)
        name = best_counterpart(matches, names, at, lambda array: watch_with(seen, feeds, {at: array}, wanted))
        names = [name]
    return (distance(sight.values[names[0]], value, by_element=False), names[0]) if names else None


def _region(sight, matches, near, inputs):
    """Return the positions of the nodes that make a value out of what agrees."""
    if near is None:
        return []
    given = {name for one in inputs for name in matches.names(one)}
    return sight.graph.needed([near[1]], matches.known | given | set(sight.graph.inputs))[-_MOST_NODES:]


def _not_run(nodes, call):
    """Return what is known of described nodes that cannot be run alone: which one may be wrong, if any."""
    # Where a call that computes nothing is missing, no node around it that computes is wrong by itself.
    moves = call.operation in _MOVES
    likely = [node for node in nodes if not moves or node["op_type"] in region.CARRIERS]
    return [{"node": node, "runner_reference": None} for node in likely]


def _culprit(sight, runs, within, *, integers):
    if sight.blocked:
        return sight.graph.described(sight.blocked[0], sight.values)
    return region.culprit(runs, within, integers=integers)


def _curve(matches, wrong, known):
    """Return the error of every call that has a counterpart, in the order of the calls; `known` are errors by value."""
    free, points = matches.unmatched(), []
    for call in matches.seen.calls:
        at = call.outputs[0]
        if at in known:
            error = known[at]
        elif at in matches.found:
            error = matches.distance(at)
        elif at in wrong:
            near = matches.index.nearest(matches.seen.values[at].array, free)
            error = None if near is None else near[0]
        else:
            continue
        if error is not None and np.isfinite(error):
            label = "%s.%s" % (call.module, call.operation) if call.module else call.operation
            points.append({"label": label, "call": call.at, "error": error})
    step = -(-len(points) // _MOST_POINTS) or 1
    return points[::step]
