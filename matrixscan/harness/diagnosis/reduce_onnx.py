"""Reduces the artifact of a case that could not be checked, opened or run, or gave something wrong."""

import functools

import numpy as np

from . import reduce_compare, reduce_error, reduce_shrink
from .reduce_graph import Graph, clean, types_of, with_constants
from .reduce_runs import LEVELS, same_failure
from .reduce_values import agrees

#: Nodes whose attributes and shapes are told.
_TOLD = 40
_LONGEST = 16


class Irreproducible(Exception):
    """The failure does not show again, or cannot be told from the agreement of what is compared."""


def reduce_model(model, subject, runs):
    """Return the facts and arrays of the smallest piece of `model` that fails as the case did.

    Args:
        model: the artifact, whole.
        subject: dict of `stage`, `outcome`, `feeds`, `expected` (both arrays by name, outputs in the graph's order),
            `bounds` (rtol and atol) and `calls`, a function that returns PyTorch's own results.
        runs: a Runs.
    """
    graph = Graph(model)
    work = _reduce_comparison if subject["stage"] == "compare" else _reduce_breakage
    facts, arrays, reduced = work(graph, subject, runs)
    facts.update(nodes_before=len(graph.nodes), nodes_after=len(reduced.graph.node), attempts=runs.count)
    return facts, arrays, reduced


def _reduce_comparison(graph, subject, runs):
    expected = dict(zip(graph.outputs, subject["expected"].values()))
    comparison = reduce_compare.Comparison(graph, runs, subject["feeds"], expected, subject["bounds"])
    ending = runs.run(graph.model, subject["feeds"])
    if ending.kind != "done":
        raise Irreproducible("the artifact did not run this time: %s %s" % ending)
    if not comparison.wrong(ending.value):
        raise Irreproducible("the model's own outputs agree with PyTorch; only what the probe's post() makes differs")
    best = None
    for known in reduce_compare.known_values(comparison, subject["calls"]()):
        found = reduce_compare.shrink(comparison, known)
        if found is None:
            continue
        given, _ = found
        size = len(graph.needed([known.target], set(given)))
        if best is None or size < best[0]:
            best = size, known, given
        if known.source != "outputs" or size == 1:
            break
    if best is None:
        raise Irreproducible("no part of the graph fails by itself, and neither does the whole")
    _, known, given = best
    return _compared_piece(comparison, known, given)


def _compared_piece(comparison, known, given):
    target, runs = known.target, comparison.runs
    feeds = {**comparison.feeds, **given}
    types = {**types_of(feeds), **types_of({target: comparison.fails(target, known.expected, given)})}
    model = comparison.graph.cut([target], set(given), types)
    model = _simplest(model, lambda made: _wrong(comparison, made, feeds, target, known.expected))
    feeds = {entry.name: feeds[entry.name] for entry in model.graph.input}
    judged = (runs.reference(model, feeds) or {}).get(target)
    actual = runs.run(model, feeds).value[target]
    means = "unknown" if judged is None else _means(judged, known.expected, actual)
    piece = reduce_shrink.Piece(
        feeds,
        known.expected,
        actual,
        run=lambda data: _one(runs.run(model, data), target),
        deviates=functools.partial(reduce_compare.deviates, bounds=comparison.bounds),
        judge=(lambda data: (runs.reference(model, data) or {}).get(target)) if means == "expected" else None,
    )
    reduce_shrink.shrink(piece)
    facts = {
        "source": known.source,
        "target": target,
        "reference": means,
        "expected_by": "reference" if piece.judged else "torch",
        "levels": _levels(comparison, model, piece, target),
        "nodes": describe(model, {**_inside(runs, model, piece.feeds), **piece.feeds}),
        "rtol": comparison.bounds[0],
        "atol": comparison.bounds[1],
    }
    arrays = {"inputs": piece.feeds, "expected": {target: piece.expected}, "actual": {target: piece.actual}}
    return facts, arrays, model


def _inside(runs, model, feeds):
    """Return what the runner has of every tensor of a small model, as far as it can be asked for."""
    graph = Graph(model)
    ending = runs.run(graph.cut(graph.tensors(), set(), types_of(feeds)), feeds)
    return ending.value if ending.kind == "done" else {}


def _wrong(comparison, model, feeds, target, expected):
    actual = _one(comparison.runs.run(model, feeds), target)
    return actual is not None and reduce_compare.deviates(actual, expected, comparison.bounds)


def _one(ending, name):
    return ending.value.get(name) if ending.kind == "done" else None


def _means(judged, expected, actual):
    """Say with which side ONNX's reference evaluator agrees."""
    if judged.shape == expected.shape and agrees(judged, expected):
        return "expected"
    return "actual" if judged.shape == actual.shape and agrees(judged, actual) else "neither"


def _levels(comparison, model, piece, target):
    """Return for each of ONNX Runtime's optimisation levels whether it is right, None where it could not be run."""
    if comparison.runs.runner.NAME != "onnxruntime-cpu":
        return {}
    found = {}
    for level in LEVELS:
        actual = _one(comparison.runs.run(model, piece.feeds, level), target)
        found[level] = None if actual is None else not piece.deviates(actual, piece.expected)
    return found


def _reduce_breakage(graph, subject, runs):
    stage, feeds = subject["stage"], subject["feeds"]
    attempt = {
        "check": lambda model, _: runs.check(model),
        "load": lambda model, _: runs.load(model),
        "run": runs.run,
    }[stage]
    wanted = attempt(graph.model, feeds)
    if wanted.kind == "done":
        raise Irreproducible("the artifact did not fail this time")
    values = _values(graph, runs, feeds) if stage == "run" else {}
    try:
        inferred = reduce_error.inferred_types(graph.model)
    except Exception:
        inferred = {}
    known = reduce_error.types_and_values(values, inferred)
    breakage = reduce_error.Breakage(graph, attempt, feeds, wanted, known, runs.late)
    last = reduce_error.last_node(breakage)
    if stage == "run" and not values and last:
        values = reduce_error.values_before(runs, graph, feeds, last)
        known = reduce_error.types_and_values(values, inferred)
        breakage = reduce_error.Breakage(graph, attempt, feeds, wanted, known, runs.late)
    if not breakage.fails(graph.outputs if last is None else _ends(graph, last), ()):
        last = None
    ends, kept = reduce_error.shrink(breakage, last)
    types = {name: breakage.types[name] for name in {*kept, *ends} if name in breakage.types}
    whole = {**feeds, **{name: breakage.values[name] for name in kept if name in breakage.values}}
    # Data that may have any shape can be made smaller; a graph that is only opened keeps what it says of itself.
    model = graph.cut(ends, set(kept), {**(types_of(whole) if stage == "run" else {}), **types})
    model = _simplest(model, lambda made: same_failure(attempt(made, whole), wanted))
    used = {entry.name: whole[entry.name] for entry in model.graph.input if entry.name in whole}
    if stage == "run":
        used = reduce_shrink.shrink_failing(used, lambda data: same_failure(attempt(model, data), wanted))
    ending = attempt(model, used)
    facts = {"ending": ending.kind, "failure": ending.value, "nodes": describe(model, used)}
    return facts, {"inputs": used} if stage == "run" else {}, model


def _ends(graph, last):
    return [name for name in graph.nodes[last].output if name]


def _values(graph, runs, feeds):
    """Return every tensor of a graph that runs as soon as it is asked for every tensor; else nothing."""
    ending = runs.run(graph.cut(graph.tensors(), set(), {}), feeds)
    return ending.value if ending.kind == "done" else {}


def _simplest(model, fails):
    """Return a model without notes and, if it still fails, with its constants as initializers."""
    model = clean(model)
    plain = with_constants(model)
    return plain if len(plain.graph.node) < len(model.graph.node) and fails(plain) else model


def describe(model, arrays):
    """Return the nodes of a model as plain values: type, attributes, and what is known of their tensors."""
    return [_node(node, arrays, model) for node in model.graph.node[:_TOLD]]


def _node(node, arrays, model):
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    declared = _declared(model)
    return {
        "name": node.name,
        "op_type": node.op_type,
        "domain": node.domain,
        "attributes": {attribute.name: _plain(attribute) for attribute in node.attribute},
        "inputs": [_tensor(name, arrays, constants, declared) for name in node.input],
        "outputs": [_tensor(name, arrays, constants, declared) for name in node.output],
    }


def _plain(attribute):
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        array = onnx.numpy_helper.to_array(value)
        return array.tolist() if array.size <= _LONGEST else {"dtype": str(array.dtype), "shape": list(array.shape)}
    if isinstance(value, onnx.GraphProto):
        return "a graph of " + ", ".join(node.op_type for node in value.node)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, (list, tuple)) or type(value).__name__.startswith("Repeated"):
        return [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in value][:_LONGEST]
    return type(value).__name__


def _declared(model):
    """Return the types that the inputs and outputs of a model are said to have, by name."""
    import onnx

    types = {
        entry.name: onnx.TensorProto.DataType.Name(entry.type.tensor_type.elem_type).lower()
        for entry in (*model.graph.input, *model.graph.output)
    }
    return {name: kind for name, kind in types.items() if kind != "undefined"}


def _tensor(name, arrays, constants, declared):
    import onnx

    if name in constants:
        array = onnx.numpy_helper.to_array(constants[name])
        values = {"values": array.tolist()} if array.size <= _LONGEST else {}
        return {"name": name, "dtype": str(array.dtype), "shape": list(array.shape), **values}
    array = arrays.get(name)
    if array is None:
        return {"name": name, "dtype": declared.get(name), "shape": None}
    return {"name": name, "dtype": str(np.asarray(array).dtype), "shape": list(np.shape(array))}
