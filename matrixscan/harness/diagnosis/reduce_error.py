"""The smallest piece of a graph that cannot be checked, opened or run, in the same way as the whole."""

from .reduce_graph import types_of
from .reduce_runs import same_failure
from .reduce_search import largest_failing, most_removed, smallest_failing


class Breakage:
    """A graph that ends an attempt at it: `attempt(model, feeds)` returns how, `wanted` is the whole graph's end."""

    def __init__(self, graph, attempt, feeds, wanted, known, late=lambda: False):
        self.graph, self.attempt, self.feeds, self.wanted, self.late = graph, attempt, feeds, wanted, late
        self.types, self.values = known

    def fails(self, outputs, given):
        """Tell whether the piece that makes `outputs` of `given` tensors fails in the same way."""
        if self.late():
            return False
        types = {name: self.types[name] for name in {*given, *outputs} if name in self.types}
        model = self.graph.cut(outputs, set(given), types)
        feeds = {**self.feeds, **{name: self.values[name] for name in given if name in self.values}}
        return same_failure(self.attempt(model, feeds), self.wanted)

    def outputs_of(self, count):
        """Return what the first `count` nodes make and none of them uses, or all that the graph gives."""
        if count == len(self.graph.nodes):
            return list(self.graph.outputs)
        return [name for node in self.graph.nodes[:count] for name in node.output if name]


def last_node(breakage):
    """Return the index of the node with which the graph begins to fail, by bisection; None if it does so only whole."""
    count = len(breakage.graph.nodes)
    found = smallest_failing(count, lambda k: breakage.fails(breakage.outputs_of(k), ()))
    return found - 1 if breakage.fails(breakage.outputs_of(found), ()) else None


def shrink(breakage, last):
    """Return the outputs and given tensors of the piece with the fewest nodes that still fails.

    Args:
        breakage: what fails.
        last: index of the node that has to be in it, or None.
    """
    graph = breakage.graph
    ends = graph.outputs if last is None else [name for name in graph.nodes[last].output if name]
    ends = _fewest_ends(breakage, ends)
    known = breakage.values or breakage.types
    inside = [name for name in known if name in graph.maker and name not in ends]
    inside = sorted((name for name in inside if last is None or graph.maker[name] < last), key=graph.maker.get)
    count = largest_failing(len(inside), lambda k: breakage.fails(ends, inside[:k]))
    kept = inside[:count]
    region = graph.needed(ends, set(kept))
    more = [name for name in inside[count:] if graph.maker[name] in region]
    return ends, kept + most_removed(more[::-1], lambda names: breakage.fails(ends, kept + names))


def _fewest_ends(breakage, ends):
    left_out = most_removed(
        ends, lambda names: len(names) < len(ends) and breakage.fails([n for n in ends if n not in names], ())
    )
    return [name for name in ends if name not in left_out]


def values_before(runs, graph, feeds, last):
    """Return what the runner has of the tensors before a node, as far as it can be asked for."""
    names = [name for node in graph.nodes[:last] for name in node.output if name]
    ending = runs.run(graph.cut(names, set(), {}), feeds) if names else None
    return ending.value if ending is not None and ending.kind == "done" else {}


def inferred_types(model):
    """Return name -> (element type, rank) as ONNX infers them: for a graph that nothing can run."""
    import onnx

    found = onnx.shape_inference.infer_shapes(model)
    entries = (*found.graph.value_info, *found.graph.input, *found.graph.output)
    return {entry.name: _type(entry) for entry in entries if entry.type.tensor_type.elem_type}


def _type(entry):
    tensor = entry.type.tensor_type
    return tensor.elem_type, len(tensor.shape.dim) if tensor.HasField("shape") else None


def types_and_values(values, inferred):
    """Return what is known of tensors: types of those that were measured, else the inferred ones; and the values."""
    return {**inferred, **types_of(values)}, values
