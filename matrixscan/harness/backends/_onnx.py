"""What every exporter that writes ONNX has in common."""

import collections


def check(path):
    """Run the ONNX checker with shape inference and return facts about the file."""
    import onnx

    # By path, so that weights beside the file are found and files over 2 GiB pass.
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path, load_external_data=False)
    operators = collections.Counter(
        ("%s.%s" % (node.domain, node.op_type)).lstrip(".") for graph in _graphs(model) for node in graph
    )
    return {
        "opset_found": {(entry.domain or "ai.onnx"): entry.version for entry in model.opset_import},
        "ir_version": model.ir_version,
        "producer": ("%s %s" % (model.producer_name, model.producer_version)).strip(),
        "operators": dict(sorted(operators.items())),
    }


def essence(path):
    """Return the model with its weights as bytes, without what no runner computes with.

    Left out are the producer, doc strings and metadata (torch's stack traces), which differ between two exports of one
    graph; names stay.
    """
    import onnx

    model = onnx.load(path)
    for field in ("producer_name", "producer_version", "domain", "model_version"):
        model.ClearField(field)
    for message in _documented(model):
        for field in ("doc_string", "metadata_props"):
            if field in message.DESCRIPTOR.fields_by_name:  # younger than the oldest releases of onnx
                message.ClearField(field)
    return model.SerializeToString(deterministic=True)


def _documented(model):
    """Yield everything in a model that has a doc string."""
    yield model
    yield from model.functions
    for function in model.functions:
        yield from function.value_info if "value_info" in function.DESCRIPTOR.fields_by_name else ()
    for graph in _all_graphs(model):
        yield graph
        for part in (graph.initializer, graph.input, graph.output, graph.value_info):
            yield from part
    for nodes in _graphs(model):
        yield from nodes
        for node in nodes:
            yield from node.attribute


def _all_graphs(model):
    yield model.graph
    for nodes in _graphs(model):
        for node in nodes:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    yield attribute.g
                yield from attribute.graphs


def unsupported(precision):
    """Return why an artifact cannot be written in this precision here, or None."""
    import importlib.util

    if importlib.util.find_spec("onnx") is None:
        return "this combination has no onnx"
    if precision == "fp16" and importlib.util.find_spec("onnxruntime") is None:
        return "the conversion to fp16 is onnxruntime's, which this combination does not have"
    return None


def convert(path, precision):
    """Turn the file's weights and arithmetic to half in place with the converter that comes with ONNX Runtime.

    Inputs and outputs stay fp32, so that the same data goes in and comes out.
    """
    if precision != "fp16":
        return
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(onnx.load(path), keep_io_types=True)
    # The converter puts the casts of inputs and outputs at the end; ONNX wants every node after those it needs.
    ordered = _in_order(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(ordered)
    onnx.save(model, path)


def _in_order(nodes):
    """Return nodes so that each comes after those whose outputs it uses, itself or in a subgraph."""
    made = {name for node in nodes for name in node.output}
    waiting, known, ordered = list(nodes), set(), []
    while waiting:
        ready = []
        for node in waiting:
            if all(name in known or name not in made for name in _used(node)):
                ready.append(node)
                known.update(node.output)
        if not ready:
            return list(nodes)  # a cycle: the checker says so better
        chosen = set(map(id, ready))
        ordered += ready
        waiting = [node for node in waiting if id(node) not in chosen]
    return ordered


def _used(node):
    yield from node.input
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs]:
            for inner in graph.node:
                yield from _used(inner)


def _graphs(model):
    """Yield the node lists of the graph, of its subgraphs and of local functions."""
    todo = [model.graph.node, *(function.node for function in model.functions)]
    while todo:
        nodes = todo.pop()
        yield nodes
        for node in nodes:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    todo.append(attribute.g.node)
                todo.extend(graph.node for graph in attribute.graphs)
