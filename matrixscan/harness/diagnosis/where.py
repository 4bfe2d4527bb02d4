"""Where a failing case goes wrong: the first torch call and the nodes of the graph that do not give the same."""

import contextlib
import os
import re

import numpy as np

from . import again, region
from .graph import described, exposed, opened
from .locate import Matches, best_counterpart, counterparts, dependents, differing, first_of
from .numbers import distance
from .plain import arguments_of
from .watch import watch, watch_with

#: Bytes that the kept values of either side may have.
BUDGET = 1 << 30
#: How close values count as equal in a lane: what fp32 allows, and what half does.
_WITHIN = {"fp32": 1e-3}
_WITHIN_HALF, _TIGHTEST = 2e-2, 1e-6
#: A step that multiplies the error by less is no step: it grows from call to call.
_JUMP = 3.0
_MOST_NODES, _MOST_POINTS = 24, 300
_NODE = re.compile(r"(?:running (\S+) node\. Name:\s*'([^']*)')")


class Nowhere(Exception):
    """It could not be told where; the words say why."""


class Place:
    """The stage and the inputs with which the artifact is looked at."""

    def __init__(self, stage, path, feeds, module):
        self.stage, self.path, self.feeds, self.module = stage, path, feeds, module


def place_of(bench, case, handles, run):
    """Return the first stage, and the call of it, whose outputs differ."""
    chain, samples = bench.kept(case, "build")["chain"], bench.kept(case, "eager")["samples"]
    paths = bench.kept(case, "export")["paths"]
    worst = None
    for stage in chain.stages:
        for made in samples:
            for feeds, arrays in made["trace"][stage]:
                place = Place(stage, paths[stage], feeds, chain.stages[stage])
                try:
                    given = run(handles(stage), feeds)
                except Exception:
                    return place  # it does not run at all
                apart = max((distance(np.asarray(one), other) for one, other in zip(given, arrays)), default=0.0)
                if apart > 0 and (worst is None or apart > worst[0]):
                    worst = apart, place
        if worst is not None and worst[0] > _TIGHTEST * 100:
            return worst[1]
    if worst is None:
        raise Nowhere("no graph differs from its module on the inputs of this case")
    return worst[1]


class Sight:
    """A graph and the values it has while it runs."""

    def __init__(self, graph, values, level, blocked=()):
        self.graph, self.values, self.level, self.blocked = graph, values, level, blocked


def look(bench, place, level, error=None):
    """Run the graph with all its values as outputs; of a graph that dies at a node, those that do not need that one.

    Args:
        bench: the workbench.
        place: what to run.
        level: of graph optimisation; above "disabled" it is the optimised graph that is looked at.
        error: the words with which the runner gave up, if it did.
    """
    path = place.path
    if level != "disabled" and error is None:
        path = again.scratch(bench, "optimised.onnx")
        again.optimised(level, path)(place.path, 1)
    graph = opened(path)
    names, blocked = graph.made(), []
    if error is not None:
        blocked = _blocking(graph, error)
        stopped = set(graph.below([name for at in blocked for name in graph.nodes[at].output]))
        stopped.update(name for at in blocked for name in graph.nodes[at].output)
        names = [name for name in names if name not in stopped]
    values = {name: np.asarray(place.feeds[name]) for name in graph.inputs if name in place.feeds}
    try:
        values.update(_values(bench, graph, names, place.feeds))
    except Exception:
        readable = set(graph.readable())
        values.update(_values(bench, graph, [name for name in names if name in readable], place.feeds))
    return Sight(graph, values, level, blocked)


def _values(bench, graph, names, feeds):
    path = again.scratch(bench, "exposed.onnx")
    exposed(graph, names, path)
    try:
        given = again.in_session(again.optimised("disabled")(path, 1), feeds)
    finally:
        with contextlib.suppress(OSError):
            os.remove(path)
    left, found = BUDGET, {}
    for name, array in zip(names, given):
        if isinstance(array, np.ndarray) and array.dtype.kind in "fiub" and array.nbytes <= left:
            left -= array.nbytes
            found[name] = array
    return found


def _blocking(graph, words):
    found = _NODE.search(words)
    if found is None:
        raise Nowhere("the runner does not say which node it stopped at")
    kind, name = found.groups()
    places = [at for at, node in enumerate(graph.nodes) if node.op_type == kind and (node.name == name or not name)]
    if not places:
        raise Nowhere("the node %s %s is not in the graph as it was exported" % (kind, name))
    return places[:1]


def locate(bench, case, place, sight, until):
    """Return the first divergence, the runs of its nodes and the error curve."""
    seen = watch(place.module, place.feeds, BUDGET)
    within = _within(case, seen, sight)
    matches = Matches(seen, sight.values, within, sight.graph)
    wrong = differing(matches, _wrong_outputs(matches, sight, within))
    at = first_of(matches, wrong)
    if at is None:
        raise Nowhere(_why_nowhere(seen, wrong))
    value = seen.values[at]
    near = _blocked_at(sight) or _counterpart(matches, sight, at, place.feeds)
    curve = _curve(matches, wrong, {} if near is None else {at: near[0]})
    nodes = _region(sight, matches, near, seen.calls[value.call].inputs)
    expected = {near[1]: value.array} if near is not None and near[1] in sight.values else {}
    runs = region.run_nodes(bench, sight.graph, nodes, sight.values, expected, until)
    call = seen.calls[value.call]
    before = max((matches.distance(one) for one in call.inputs), default=0.0)
    after = near[0] if near is not None and near[0] is not None and np.isfinite(near[0]) else None
    if after is not None and after < _JUMP * before:
        raise Nowhere("the error grows from call to call; no single one makes it")
    return {
        "first": {
            "module": call.module,
            "module_type": call.module_type,
            "operation": call.operation,
            "arguments": arguments_of(call),
            "call": call.at,
            "nodes": [described(sight.graph, one, sight.values) for one in nodes],
            "node": _culprit(sight, runs, within, integers=value.array.dtype.kind != "f"),
            "error_before": before,
            "error_after": after,
        },
        "runs": runs,
        "curve": curve,
        "left_out": seen.left_out,
    }, (value.array, expected and sight.values[near[1]])


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


def _culprit(sight, runs, within, *, integers):
    if sight.blocked:
        return described(sight.graph, sight.blocked[0], sight.values)
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
