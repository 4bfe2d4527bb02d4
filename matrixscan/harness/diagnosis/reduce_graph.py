"""Cuts pieces out of an ONNX graph. A tensor that is given becomes an input, and what led to it falls away."""

import numpy as np

_TENSOR_FIELDS = ("value", "value_float", "value_floats", "value_int", "value_ints")


class Graph:
    """A model taken apart: nodes in order, who makes which tensor, and which tensors are constants."""

    def __init__(self, model):
        self.model = model
        self.nodes = list(model.graph.node)
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.inputs = [entry.name for entry in model.graph.input if entry.name not in self.constants]
        self.outputs = [entry.name for entry in model.graph.output]
        self.maker = {name: at for at, node in enumerate(self.nodes) for name in node.output if name}
        self.declared = {entry.name: entry for entry in (*model.graph.input, *model.graph.output)}

    def tensors(self):
        """Return the names of all tensors that nodes make, in order."""
        return list(self.maker)

    def following(self, name):
        """Return the tensors that are made of one, in the order in which they are made."""
        found = {name}
        for node in self.nodes:
            if found & used(node):
                found.update(output for output in node.output if output)
        return [output for output in self.maker if output in found and output != name]

    def needed(self, outputs, given):
        """Return the indices of the nodes that make `outputs` where `given` tensors are there already."""
        todo, found = [name for name in outputs if name not in given], set()
        while todo:
            at = self.maker.get(todo.pop())
            if at is None or at in found:
                continue
            found.add(at)
            todo += [name for name in used(self.nodes[at]) if name not in given]
        return sorted(found)

    def cut(self, outputs, given, types):
        """Return a model that makes `outputs` of the inputs and of `given` tensors.

        Args:
            outputs: names of tensors that nodes make.
            given: names of tensors that become inputs.
            types: name -> (element type of ONNX, rank or None) of every given tensor, and of outputs where known.
        """
        import onnx

        nodes = [self.nodes[at] for at in self.needed(outputs, given)]
        wanted = {name for node in nodes for name in used(node)}
        entries = [
            _described(name, types, self.declared)
            for name in (*self.inputs, *sorted(set(given) - set(self.inputs)))
            if name in wanted
        ]
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        for field in ("node", "input", "output", "initializer", "value_info", "quantization_annotation"):
            model.graph.ClearField(field)
        model.graph.node.extend(nodes)
        model.graph.input.extend(entries)
        model.graph.initializer.extend(tensor for name, tensor in self.constants.items() if name in wanted)
        model.graph.output.extend(_described(name, types, self.declared) for name in outputs)
        kept = {(node.domain, node.op_type) for node in _with_inner(model)}
        _keep_functions(model, kept)
        return model


def used(node):
    """Return the names of the tensors a node uses, itself or in the bodies it holds."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        for body in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            inside = {name for inner in body.node for name in used(inner)}
            made = {name for inner in body.node for name in inner.output}
            made |= {entry.name for entry in (*body.input, *body.initializer)}
            names |= (inside | {entry.name for entry in body.output}) - made
    return names


def types_of(arrays):
    """Return name -> (element type, rank) of arrays."""
    return {name: (element_type(array.dtype), array.ndim) for name, array in arrays.items()}


def element_type(dtype):
    """Return ONNX's number of a NumPy type."""
    import onnx

    helper = onnx.helper
    if hasattr(helper, "np_dtype_to_tensor_dtype"):  # since 1.13
        return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
    return int(onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[np.dtype(dtype)])


def with_constants(model):
    """Return the model with its Constant nodes as initializers, which are no work for a runner."""
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    constants = [node for node in made.graph.node if node.op_type == "Constant" and _constant(node) is not None]
    for node in constants:
        made.graph.initializer.append(_constant(node))
        made.graph.node.remove(node)
    return made


def _constant(node):
    """Return the tensor of a Constant node under the name of its output, or None for what is no tensor."""
    import onnx

    attribute = node.attribute[0]
    if attribute.name not in _TENSOR_FIELDS:
        return None
    if attribute.name == "value":
        tensor = onnx.TensorProto()
        tensor.CopyFrom(attribute.t)
        tensor.name = node.output[0]
        return tensor
    kind = np.float32 if "float" in attribute.name else np.int64
    return onnx.numpy_helper.from_array(np.array(onnx.helper.get_attribute_value(attribute), kind), node.output[0])


def clean(model):
    """Take out of a model what no runner computes with: notes of the exporter hold paths of the machine it ran on."""
    for message in _messages(model):
        for field in ("doc_string", "metadata_props"):
            if field in message.DESCRIPTOR.fields_by_name:
                message.ClearField(field)
    model.graph.name = "reduced"
    return model


def _messages(message):
    """Yield a protobuf message and all that are in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if hasattr(value, "ListFields") else value:
                yield from _messages(inner)


def _described(name, types, declared=()):
    import onnx

    if name in types:
        kind, rank = types[name]
        shape = None if rank is None else [None] * rank
        return onnx.helper.make_tensor_value_info(name, kind, shape)
    return declared[name] if name in declared else onnx.ValueInfoProto(name=name)


def _with_inner(model):
    todo = list(model.graph.node)
    while todo:
        node = todo.pop()
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                todo += attribute.g.node
            for body in attribute.graphs:
                todo += body.node


def _keep_functions(model, kept):
    """Leave in a model only the functions that are called, by its nodes or by one another."""
    functions = {(function.domain, function.name): function for function in model.functions}
    todo, called = list(kept & set(functions)), set()
    while todo:
        key = todo.pop()
        if key not in called:
            called.add(key)
            todo += [
                (node.domain, node.op_type) for node in functions[key].node if (node.domain, node.op_type) in functions
            ]
    for key, function in functions.items():
        if key not in called:
            model.functions.remove(function)
