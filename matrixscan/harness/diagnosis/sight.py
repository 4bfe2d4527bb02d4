"""The graph of a failing case with the values it has while it runs."""

import contextlib
import os
import re

import numpy as np

from . import again
from .graph import exposed, opened
from .numbers import distance

#: Bytes that the kept values of either side may have.
BUDGET = 1 << 30
#: Values of a stage that are closer do not tell it from one that agrees.
_AGREES = 1e-4
_MOST_BLOCKED = 8
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
        if worst is not None and worst[0] > _AGREES:
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
    graph = _optimised(bench, place.path, level) if level != "disabled" and error is None else opened(place.path)
    values = {name: np.asarray(place.feeds[name]) for name in graph.inputs if name in place.feeds}
    blocked = [] if error is None else _blocking(graph, error)
    while True:
        try:
            values.update(_values(bench, graph, _reached(graph, blocked), place.feeds))
            return Sight(graph, values, level, sorted(blocked))
        except Exception as found:
            # Of those a run would have died at too, the first is where it begins.
            more = [] if error is None else _blocking(graph, str(found))
            if not more or len(blocked) > _MOST_BLOCKED:
                raise
            blocked += more


def _optimised(bench, path, level):
    """Return the graph that the runtime makes of a file."""
    made = again.scratch(bench, "optimised.onnx")
    again.optimised(level, made)(path, 1)
    try:
        return opened(made)
    finally:
        os.remove(made)


def _reached(graph, blocked):
    """Return the names of the values that do not need a blocked node."""
    made = [name for at in blocked for name in graph.nodes[at].output]
    stopped = {*made, *graph.below(made)}
    return [name for name in graph.made() if name not in stopped]


def _values(bench, graph, names, feeds):
    try:
        return _run(bench, graph, names, feeds)
    except Exception as error:
        if _NODE.search(str(error)):
            raise
        readable = set(graph.readable())
        return _run(bench, graph, [name for name in names if name in readable], feeds)


def _run(bench, graph, names, feeds):
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
