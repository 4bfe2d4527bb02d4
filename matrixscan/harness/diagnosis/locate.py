"""Finds the first torch call whose value the graph does not have, from values alone.

A call whose value is nowhere in the graph may be fused into the next one. So the search begins at the outputs that
differ and goes back through values without a counterpart; whatever agrees ends the way. Where it began to differ is
the earliest call from there whose own inputs agree.
"""

from .numbers import Index, distance, is_trivial


class Matches:
    """Which values of torch are which values of the graph."""

    def __init__(self, seen, arrays, within):
        """Look for every value of `seen`, a Watch, among arrays, a dict of name -> array of the graph in its order."""
        self.seen, self.arrays, self.within = seen, arrays, within
        self.index = Index(arrays)
        self.found = {}  # value -> [(distance, name)], closest first
        self._fed = self._depending()
        self.known = set()  # names of the graph that hold what torch has, beyond doubt
        for value in seen.values:
            if value.array is None:
                continue
            pairs = self.index.same(value.array, within)
            if pairs:
                self.found[value.at] = pairs
                if not is_trivial(value.array):
                    self.known.update(name for _, name in pairs)

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


def counterpart(matches, graph, at):
    """Return (distance, name) of the value of the graph that stands where a differing value should be, or None.

    Args:
        matches: what agrees.
        graph: the graph, for what depends on what.
        at: the value of torch.
    """
    value = matches.seen.values[at]
    inputs = matches.seen.calls[value.call].inputs
    given = {name for one in inputs for _, name in matches.found.get(one, ())}
    free, below = matches.unmatched(), graph.below(given)
    candidates = [name for name in below if name in free] if given else list(free)
    near = matches.index.nearest(value.array, set(candidates))
    if near is not None:
        return near
    alike = [name for name in candidates if _alike(matches.arrays[name], value.array)]
    return (float("inf"), alike[0]) if alike else None


def _alike(array, value):
    return array.ndim == value.ndim and array.dtype.kind == value.dtype.kind
