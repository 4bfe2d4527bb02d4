"""Finds the first torch call whose value the graph does not have, from values alone.

A call whose value is nowhere in the graph may be fused into the next one. So the search begins at the outputs that
differ and goes back through values without a counterpart; whatever agrees ends the way. Where it began to differ is
the earliest call from there whose own inputs agree.
"""

import difflib

from .numbers import Index, distance, is_trivial

_MOST_CANDIDATES, _MOST_DEPENDENTS = 8, 12


class Matches:
    """Which values of torch are which values of the graph."""

    def __init__(self, seen, arrays, within, graph):
        """Look for every value of torch in a graph.

        Args:
            seen: what a Watch saw.
            arrays: name -> array of the graph, in its order.
            within: how far the same numbers may be apart.
            graph: what makes them.
        """
        self.seen, self.arrays, self.within = seen, arrays, within
        self.index = Index(arrays)
        self.found = {}  # value -> [(distance, name)], closest first
        self._fed = self._depending()
        self.known = set()  # names of the graph that hold what torch has, beyond doubt
        for value in seen.values:
            pairs = [] if value.array is None else self.index.same(value.array, within)
            if pairs:
                self.found[value.at] = pairs
        _settle(self, graph)
        for at, pairs in self.found.items():
            if not is_trivial(seen.values[at].array):
                self.known.update(name for _, name in pairs)

    def names(self, at):
        """Return the names of the graph's values that hold the same as a value."""
        return frozenset(name for _, name in self.found.get(at, ()))

    def agrees(self, at):
        """Return whether a value is in the graph, or cannot be what is wrong: it was not seen, or holds no input."""
        return at in self.found or self.seen.values[at].array is None or at not in self._fed

    def distance(self, at):
        """Return how far the closest counterpart of a value is, 0 where that is not known."""
        if at not in self.found:
            return 0.0
        error, name = self.found[at][0]
        value, array = self.seen.values[at].array, self.arrays[name]
        return error if array.shape != value.shape else distance(array, value, by_element=False)

    def unmatched(self):
        """Return the names of the graph's values that nothing in torch has."""
        return {name for name in self.arrays if name not in self.known}

    def _depending(self):
        """Return the values that depend on the model's inputs; others may have been folded away."""
        fed = {value.at for value in self.seen.values if value.call is None}
        for call in self.seen.calls:
            if fed.intersection(call.inputs):
                fed.update(call.outputs)
        return fed


def _settle(matches, graph):
    """Let calls that happen to give the same numbers in different ways have no more values of the graph than there are.

    A mean over all and a mean over one window are the same; if the graph has it once, one of them is wrong there.
    """
    groups, carried = {}, {}
    for call in matches.seen.calls:
        for position, at in enumerate(call.outputs):
            names = matches.names(at)
            carried[at] = [one for one in call.inputs if names & matches.names(one)]
            if names and not carried[at]:
                ways = groups.setdefault(names, {})
                ways.setdefault((call.operation, tuple(call.inputs), position), []).append(at)
    dropped = set()
    for names, ways in groups.items():
        dropped.update(_superfluous(ways, [graph.operator(one) for one in names if not graph.carries(one, names)]))
    for at, sources in carried.items():  # in the order in which they were made
        if sources and dropped.issuperset(sources):
            dropped.add(at)
    for at in dropped:
        matches.found.pop(at, None)


def _superfluous(ways, operators):
    """Return the values of those ways that are least called like the operators, where there are fewer of these."""
    if len(ways) <= len(operators):
        return []
    likely = sorted(ways, key=lambda way: -max((_likeness(way[0], one) for one in operators), default=0.0))
    return [at for way in likely[len(operators) :] for at in ways[way]]


def _likeness(operation, operator):
    """Return how much a torch function is called like an ONNX operator."""
    plain = operation.replace("_", "").lower()
    return difflib.SequenceMatcher(None, plain, operator.lower()).ratio()


def differing(matches, outputs):
    """Return the values through which outputs that differ became so, in the order they were made."""
    values, calls = matches.seen.values, matches.seen.calls
    found, todo = set(), [at for at in outputs if at is not None]
    while todo:
        at = todo.pop()
        if at in found or matches.agrees(at):
            continue
        found.add(at)
        if values[at].call is not None:
            todo += calls[values[at].call].inputs
    return sorted(found)


def first_of(matches, differing_values):
    """Return the first of the differing values whose call took only what agrees, or None."""
    values, calls = matches.seen.values, matches.seen.calls
    wrong = set(differing_values)
    for at in differing_values:
        call = values[at].call
        if call is not None and not wrong.intersection(calls[call].inputs):
            return at
    return None


def counterparts(matches, graph, at):
    """Return the names of what may stand in the graph where a differing value should be, nearest to its inputs first.

    Those of its shape; without any, the first of its kind.

    Args:
        matches: what agrees.
        graph: the graph, for what depends on what.
        at: the value of torch.
    """
    value = matches.seen.values[at]
    inputs = matches.seen.calls[value.call].inputs
    given = {name for one in inputs for name in matches.names(one)}
    free = matches.unmatched()
    candidates = [name for name in (graph.below(given) if given else matches.arrays) if name in free]
    same = [name for name in candidates if matches.arrays[name].shape == value.array.shape]
    return same[:_MOST_CANDIDATES] or [name for name in candidates if _alike(matches.arrays[name], value.array)][:1]


def dependents(seen, at):
    """Return the first values that were made with a value, or with what was made with it."""
    found = [at]
    for call in seen.calls[seen.values[at].call + 1 :]:
        if set(found).intersection(call.inputs):
            found += call.outputs
        if len(found) > _MOST_DEPENDENTS:
            break
    return found[1:]


def best_counterpart(matches, names, at, run_with):
    """Return the one of names that the graph goes on with as torch goes on with a value, else the most similar one.

    Args:
        matches: what agrees.
        names: candidates, all of the value's shape.
        at: the value of torch.
        run_with: runs the model with an array in the place of the value; returns the values after it by number.
    """
    value = matches.seen.values[at].array
    scores = []
    for position, name in enumerate(names):
        after = run_with(matches.arrays[name])
        # Trivial values would agree with too much.
        agreeing = sum(bool(matches.index.same(one, matches.within)) for one in after.values() if not is_trivial(one))
        scores.append((-agreeing, distance(matches.arrays[name], value, by_element=False), position))
    return names[min(scores)[2]]


def _alike(array, value):
    return array.ndim == value.ndim and array.dtype.kind == value.dtype.kind
