"""An ONNX graph as something to walk: what makes a value, what it is made of, and nodes in plain words."""

import numpy as np

from .walk import Walk

_MOST_NUMBERS = 16
_LARGEST_FILE = 1 << 30
_LAST_PLAIN_TYPE = 15  # complex128; bfloat16 and all younger ones are unknown to NumPy


class Graph(Walk):
    """The nodes of an ONNX model's main graph; subgraphs stay inside their nodes."""

    def __init__(self, model):
        self.model = model
        self.constants = {one.name for one in model.graph.initializer}
        inputs = [one.name for one in model.graph.input if one.name not in self.constants]
        super().__init__(list(model.graph.node), inputs, [one.name for one in model.graph.output])

    def used(self, node):
        """Yield the names a node uses, in its subgraphs too."""
        return _used(node)

    def described(self, at, values):
        """Return a node in plain values."""
        node = self.nodes[at]
        return {
            "name": node.name,
            "op_type": node.op_type,
            "domain": node.domain,
            "attributes": {one.name: _plain(one) for one in node.attribute},
            "inputs": [_tensor(self, name, values) for name in node.input],
            "outputs": [_tensor(self, name, values) for name in node.output],
        }

    def readable(self):
        """Return the names of the values that NumPy can hold, as far as types can be inferred."""
        import onnx

        inferred = onnx.shape_inference.infer_shapes(self.model)
        kinds = {one.name: one.type for one in (*inferred.graph.value_info, *inferred.graph.output)}
        return [name for name in self.maker if name not in kinds or _readable(kinds[name])]


def _readable(kind):
    return kind.HasField("tensor_type") and kind.tensor_type.elem_type <= _LAST_PLAIN_TYPE


def opened(path):
    """Return the graph of a file, with the bodies of local functions in the place of their calls."""
    import onnx

    model = onnx.load(path)
    if len(model.functions):
        try:
            import onnx.inliner

            model = onnx.inliner.inline_local_functions(model)
        except ImportError:
            pass  # functions stay what they are: single nodes
    return Graph(model)


def exposed(graph, names, path):
    """Write the graph with the values `names` as its outputs, in that order, and with the nodes that those need."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    # A runtime that optimises nothing runs every node, also one on which it dies.
    needed = set(graph.needed(names))
    del model.graph.node[:]
    model.graph.node.extend(node for at, node in enumerate(graph.nodes) if at in needed)
    known = {one.name: one for one in graph.model.graph.output}
    wanted = [known.get(name) or onnx.ValueInfoProto(name=name) for name in names]
    del model.graph.output[:]
    model.graph.output.extend(wanted)
    save(model, path)


def save(model, path):
    """Write a model, with its weights beside it where one file cannot hold them."""
    import onnx

    if model.ByteSize() > _LARGEST_FILE:
        onnx.save(model, path, save_as_external_data=True)
    else:
        onnx.save(model, path)


def alone(graph, at, values, path):
    """Write a model of one node whose inputs are what it was given; return them by name.

    Args:
        graph: where the node is.
        at: its position.
        values: arrays by name, as they were in the graph.
        path: the file to write.
    """
    import onnx

    node, taken = graph.nodes[at], graph.takes(at)
    tensors = {one.name: one for one in graph.model.graph.initializer}
    feeds = {name: np.asarray(values[name]) for name in taken if name not in tensors}
    inputs = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        if hasattr(onnx.helper, "np_dtype_to_tensor_dtype")
        else onnx.helper.make_tensor_value_info(name, onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[array.dtype], array.shape)
        for name, array in feeds.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    kept = [tensors[name] for name in taken if name in tensors]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "one", inputs, outputs, kept), opset_imports=list(graph.model.opset_import)
    )
    model.ir_version = graph.model.ir_version
    save(model, path)
    return feeds


def _tensor(graph, name, values):
    if name in values:
        return {"name": name, "dtype": str(values[name].dtype), "shape": list(values[name].shape)}
    for one in graph.model.graph.initializer:
        if one.name == name:
            return dict(_shape_of(one), name=name)
    return {"name": name, "dtype": None, "shape": None}


def _shape_of(tensor):
    import onnx

    kind = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
    return {"dtype": {"float": "float32", "double": "float64"}.get(kind, kind), "shape": list(tensor.dims)}


def _plain(attribute):
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return dict(_shape_of(value), **_few_numbers(value))
    if isinstance(value, onnx.GraphProto):
        return {"nodes": len(value.node)}
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (int, float, str)):
        return value
    items = [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in value[:_MOST_NUMBERS]]
    return [one if isinstance(one, (int, float, str)) else type(one).__name__ for one in items]


def _few_numbers(tensor):
    import onnx

    try:
        array = onnx.numpy_helper.to_array(tensor)
        return {"values": array.reshape(-1).tolist()} if array.size <= _MOST_NUMBERS else {}
    except Exception:
        return {}  # the numbers lie in another file


def _used(node):
    """Yield the names a node uses, in its subgraphs too; what those make themselves is not asked for."""
    yield from node.input
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs]:
            own = {one.name for one in graph.input} | {name for inner in graph.node for name in inner.output}
            own |= {one.name for one in graph.initializer}
            yield from (name for inner in graph.node for name in _used(inner) if name not in own)
