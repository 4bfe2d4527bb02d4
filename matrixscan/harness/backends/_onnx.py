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
