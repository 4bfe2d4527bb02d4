"""The smallest piece of a graph that is given what PyTorch has and gives something else.

What is right inside a graph is known in three ways, and the first that says where the error begins is taken:
PyTorch's own results, matched by value; the runner itself where it is right as soon as every tensor is asked for,
because an optimisation is what goes wrong; and ONNX's reference evaluator where it gives the right outputs.
"""

import collections

import numpy as np

from .reduce_graph import types_of
from .reduce_search import largest_failing, most_removed
from .reduce_values import Results, agrees, matches, relative

#: Pairs of a result and a tensor that are tried as the first wrong one; each costs a run of the graph.
_PAIRS = 60
_NEAREST = 3
#: Tensors after a pair in which the right value has to show.
_FOLLOWING = 120
_FAR = 1.0  # beyond this relative error two tensors are not the same thing gone wrong

#: What is known: `trusted` arrays by name, the tensor `target` with its right value, and where that comes from.
Known = collections.namedtuple("Known", "trusted target expected source")  # noqa: PYI024  the harness has no annotations


def deviates(actual, expected, bounds):
    """Tell whether an array is wrong beyond rounding and beyond the case's tolerance."""
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return True
    if actual.dtype.kind != "f":
        return not np.array_equal(actual, expected)
    wide, right = actual.astype(np.float64), expected.astype(np.float64)
    if relative(wide, right) == float("inf"):
        return True
    known = np.isfinite(right)
    rtol, atol = bounds
    return bool((np.abs(wide - right)[known] > atol + rtol * np.abs(right[known])).any()) and not agrees(
        actual, expected
    )


class Comparison:
    """A graph whose outputs are wrong, its inputs, and the outputs that would be right."""

    def __init__(self, graph, runs, feeds, expected, bounds):
        self.graph, self.runs, self.feeds = graph, runs, feeds
        self.expected, self.bounds = expected, bounds

    def wrong(self, arrays):
        """Return the outputs of the graph that deviate."""
        return [
            name
            for name in self.graph.outputs
            if name not in arrays or deviates(arrays[name], self.expected[name], self.bounds)
        ]

    def measure(self, names=None, given=None):
        """Return tensors of the graph as the runner has them, all unless said, with `given` arrays in place of some."""
        given = given or {}
        names = [name for name in names or self.graph.tensors() if name not in given]
        model = self.graph.cut(names, set(given), types_of(given))
        ending = self.runs.run(model, {**self.feeds, **given})
        return ending.value if ending.kind == "done" else {}

    def fails(self, target, expected, given):
        """Return what the runner makes of `target` from `given` arrays if that deviates, else None."""
        model = self.graph.cut([target], set(given), types_of(given))
        ending = self.runs.run(model, {**self.feeds, **given})
        if ending.kind != "done" or target not in ending.value:
            return None
        return ending.value[target] if deviates(ending.value[target], expected, self.bounds) else None


def known_values(comparison, calls):
    """Yield what may be known of the inside of a graph, best first; the last is its outputs alone."""
    measured, results = comparison.measure(), Results(calls)
    outputs = {name: comparison.expected[name] for name in comparison.graph.outputs}
    if measured and not comparison.wrong(measured):
        # Asked for every tensor the runner fuses nothing, and is right.
        yield from (Known({**measured, **outputs}, name, outputs[name], "unfused") for name in outputs)
    agreed = matches(measured, results)
    found = _first_wrong(comparison, measured, agreed, results) if agreed else None
    if found is not None:
        yield found
    judged = comparison.runs.reference(_exposing(comparison.graph), comparison.feeds)
    if judged and not comparison.wrong(judged):
        for name, array in measured.items():
            if name in judged and deviates(array, judged[name], comparison.bounds):
                yield Known(judged, name, judged[name], "reference")
    for name in comparison.wrong(measured) if measured else outputs:
        trusted = _trusted(measured, {key: at for key, at in agreed.items() if key != name}, results)
        yield Known(trusted, name, outputs[name], "outputs")


def _exposing(graph):
    return graph.cut(graph.tensors(), set(), {})


def _trusted(measured, agreed, results):
    """Return PyTorch's own values of the tensors that agree with them, in the shape they have in the graph."""
    return {name: results.calls[at].array.reshape(measured[name].shape) for name, at in agreed.items()}


def _first_wrong(comparison, measured, agreed, results):
    """Return the first result of PyTorch whose tensor in the graph is wrong, or None.

    That a tensor is the wrong form of a result is believed if the graph, given the result in its place, agrees with
    PyTorch in more of the tensors that follow than before, and in all of them that it agreed in.
    """
    reached = set(agreed.values())
    strange = [name for name in measured if name not in agreed]
    pairs = _pairs(measured, strange, results)
    tried = 0
    for at, call in enumerate(results.calls):
        if at in reached:
            continue
        for name in pairs.get(at) or _of_another_shape(measured, strange, call.array):
            tried += 1
            if tried > _PAIRS:
                return None
            right = call.array.reshape(_shape(measured[name], call.array))
            if _explains(comparison, measured, agreed, results, name, right):
                return Known(_trusted(measured, agreed, results), name, right, "torch %s" % call.label)
    return None


def _shape(array, right):
    return array.shape if array.size == right.size else right.shape


def _pairs(measured, strange, results):
    """Return index of a call -> names of tensors that may be a wrong form of its result, the nearest first."""
    found = collections.defaultdict(list)
    for name in strange:
        for at in results.near(measured[name], _FAR):
            right = results.calls[at].array
            error = relative(measured[name], right)
            if error < _FAR and (error or measured[name].dtype != right.dtype):
                found[at].append((error, name))
    return {at: [name for _, name in sorted(near)[:_NEAREST]] for at, near in found.items()}


def _of_another_shape(measured, strange, right):
    """Return names of tensors that are shorter or longer than a result in one axis, by little."""
    if right.dtype.kind not in "fiu":
        return []
    found = [name for name in strange if measured[name].dtype == right.dtype and measured[name].ndim == right.ndim]
    return [name for name in found if _alike_shapes(measured[name].shape, right.shape)][:_NEAREST]


def _alike_shapes(one, other):
    """Tell whether two shapes differ in one axis, by little."""
    differing = [pair for pair in zip(one, other) if pair[0] != pair[1]]
    return len(differing) == 1 and abs(differing[0][0] - differing[0][1]) <= 2  # noqa: PLR2004  a window or two


def _explains(comparison, measured, agreed, results, name, right):
    graph = comparison.graph
    if name in graph.outputs:
        return agrees(right, comparison.expected[name])
    after = graph.following(name)[:_FOLLOWING]
    if not after:
        return False
    given = {key: array for key, array in measured.items() if key not in after and array.dtype != object}
    now = matches(comparison.measure(after, {**given, name: right}), results)
    before = {key for key in after if key in agreed}
    return before <= set(now) and len(now) > len(before)


def shrink(comparison, known):
    """Return the arrays to give so that the fewest nodes still make `target` wrong, and what they make; or None.

    First everything trusted before some node is given, found by bisection from the end; then whatever else can be.
    """
    graph, target = comparison.graph, known.target
    inside = [name for name in known.trusted if name in graph.maker and name != target]
    inside.sort(key=lambda name: graph.maker[name])

    def given(names):
        return {name: known.trusted[name] for name in names}

    def fails(names):
        return not comparison.runs.late() and comparison.fails(target, known.expected, given(names)) is not None

    if not fails([]):
        return None
    count = largest_failing(len(inside), lambda k: fails(inside[:k]))
    kept = inside[:count]
    region = graph.needed([target], set(kept))
    more = [name for name in inside[count:] if graph.maker[name] in region]
    kept = kept + most_removed(more[::-1], lambda names: fails(kept + names))
    actual = comparison.fails(target, known.expected, given(kept))
    model = graph.cut([target], set(kept), {})
    used = {entry.name for entry in model.graph.input} & set(kept)
    return {name: known.trusted[name] for name in used}, actual
