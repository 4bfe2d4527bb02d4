"""Faults that exporters, converters and people have put into models, as changes of an ONNX file.

A fault is a function; its first line says what it changes, and it returns which node that was. Where one of several
alike is meant, it is the one in the middle, so that none was chosen for being easy to find.
"""

import os

import numpy as np


def finish(path, variant, stage=""):
    """Put the fault that a variant names into an artifact: `fault`, `network.fault`, in a chain `stage.fault`."""
    where, _, name = variant.rpartition(".")
    if name == "untouched" or (stage and stage != where):
        return None
    artifact = Artifact(path)
    said = FAULTS[name](artifact)
    artifact.save()
    return said


class NotInThisGraphError(Exception):
    """The exporter wrote the model without what the fault is about."""


class Artifact:
    """An ONNX model with the few handles that faults need."""

    def __init__(self, path):
        import onnx
        import onnx.numpy_helper

        self.path, self.onnx = path, onnx
        self.model = onnx.load(path)
        self.graph = self.model.graph
        # A converter that goes wrong notes the shapes that it believes in, or none.
        del self.graph.value_info[:]
        self.made = {name: node for node in self.graph.node for name in node.output}
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        self.constants.update(
            (node.output[0], node.attribute[0].t)
            for node in self.graph.node
            if node.op_type == "Constant" and node.attribute[0].name == "value"
        )
        self.added = 0

    def save(self):
        """Write the model back as one file."""
        self.onnx.save(self.model, self.path)
        if os.path.exists(self.path + ".data"):
            os.remove(self.path + ".data")

    def nodes(self, kind, wanted=lambda node: True):
        """Return the nodes of a kind, at least one."""
        found = [node for node in self.graph.node if node.op_type == kind and wanted(node)]
        if not found:
            raise NotInThisGraphError("the graph has no such %s" % kind)
        return found

    def middle(self, kind, wanted=lambda node: True):
        """Return the middle one of the nodes of a kind."""
        found = self.nodes(kind, wanted)
        return found[len(found) // 2]

    def value(self, name):
        """Return a constant as an array, None if the tensor is none."""
        tensor = self.constants.get(name)
        return None if tensor is None else self.onnx.numpy_helper.to_array(tensor).copy()

    def constant(self, array):
        """Add a constant and return its name."""
        name = self._name()
        self.graph.initializer.append(self.onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def change(self, node, at, change):
        """Give a node another constant; others that use the same one keep theirs."""
        old = self.value(node.input[at])
        if old is None:
            raise NotInThisGraphError("input %d of %s is not constant" % (at, node.op_type))
        node.input[at] = self.constant(np.asarray(change(old), old.dtype))

    def set(self, node, **values):
        """Set attributes of a node."""
        for name, value in values.items():
            for attribute in [each for each in node.attribute if each.name == name]:
                node.attribute.remove(attribute)
            node.attribute.append(self.onnx.helper.make_attribute(name, value))

    def get(self, node, name, default=None):
        """Return an attribute of a node."""
        found = [each for each in node.attribute if each.name == name]
        return self.onnx.helper.get_attribute_value(found[0]) if found else default

    def before(self, node, at, kind, *others, **attributes):
        """Put an operator between a node and one of its inputs."""
        name = self._name()
        made = self.onnx.helper.make_node(kind, [node.input[at], *others], [name], **attributes)
        self._insert(list(self.graph.node).index(node), made)
        node.input[at] = name

    def after(self, name, kind, *others, **attributes):
        """Put an operator behind a tensor: whoever used the tensor, or the caller as an output, gets its result."""
        node, inner = self.made[name], self._name()
        node.output[list(node.output).index(name)] = inner
        made = self.onnx.helper.make_node(kind, [inner, *others], [name], **attributes)
        self.made[inner] = node
        self._insert(list(self.graph.node).index(node) + 1, made)

    def become(self, node, kind, *inputs, **attributes):
        """Replace a node by another one with the same outputs."""
        made = self.onnx.helper.make_node(kind, list(inputs), list(node.output), **attributes)
        at = list(self.graph.node).index(node)
        self._insert(at, made)
        del self.graph.node[at + 1]

    def _insert(self, at, made):
        # The graph takes a copy, and only that one is part of it.
        self.graph.node.insert(at, made)
        self.made.update((name, self.graph.node[at]) for name in made.output)

    def computed(self, node):
        """Tell whether no input of a node is constant."""
        return not any(name in self.constants for name in node.input)

    def _name(self):
        self.added += 1
        return "fault_%d" % self.added


def _scalar(artifact, wanted):
    """Return a test for nodes of two inputs, the second of which is a number for which `wanted` holds."""

    def test(node):
        value = artifact.value(node.input[1])
        return value is not None and value.size == 1 and wanted(float(value.reshape(())))

    return test


def _weighted(artifact):
    """Return a test for nodes whose second input are weights."""

    def test(node):
        value = artifact.value(node.input[1])
        return value is not None and value.ndim > 1 and value.size > 8

    return test


def _kernels(kind_of_weights):
    """Return the weights' operator: convolutions where there are some."""
    found = [node for node in kind_of_weights.graph.node if node.op_type == "Conv"]
    return "Conv" if found else "MatMul"


# ---- Weights and constants


def scaled_weight(artifact):
    """All weights of one layer are 1 % too large."""
    node = artifact.middle(_kernels(artifact), _weighted(artifact))
    artifact.change(node, 1, lambda weight: weight * 1.01)
    return node.output[0]


def scaled_element(artifact):
    """The largest weight of one layer has the wrong sign."""
    node = artifact.middle(_kernels(artifact), _weighted(artifact))

    def flip(weight):
        weight.flat[np.abs(weight).argmax()] *= -1
        return weight

    artifact.change(node, 1, flip)
    return node.output[0]


def transposed_weight(artifact):
    """A square weight is transposed."""

    def square(node):
        value = artifact.value(node.input[1])
        return value is not None and value.ndim > 1 and value.shape[0] == value.shape[1] > 1

    kind = "Einsum" if any(node.op_type == "Einsum" for node in artifact.graph.node) else _kernels(artifact)
    node = artifact.middle(kind, square)
    artifact.change(node, 1, lambda weight: weight.swapaxes(0, 1))
    return node.output[0]


def missing_bias(artifact):
    """One layer has lost its bias."""
    node = artifact.middle("Conv", lambda node: len(node.input) > 2)
    artifact.change(node, 2, np.zeros_like)
    return node.output[0]


def duplicated_row(artifact):
    """The second output channel of one layer has the weights of the first."""
    node = artifact.middle("Conv", _weighted(artifact))

    def copy(weight):
        weight[1] = weight[0]
        return weight

    artifact.change(node, 1, copy)
    return node.output[0]


def flipped_kernel(artifact):
    """One convolution has its kernel mirrored, as if it were a convolution in the sense of mathematics."""
    node = artifact.middle("Conv", lambda node: artifact.value(node.input[1]).shape[-1] > 1)
    artifact.change(node, 1, lambda weight: weight[..., ::-1])
    return node.output[0]


def gate_sign(artifact):
    """The weights of one gate far from the output have the wrong sign."""
    gates = [artifact.made[node.input[0]] for node in artifact.nodes("Sigmoid")]
    node = [gate for gate in gates if gate.op_type == "Conv"][1]
    artifact.change(node, 1, np.negative)
    return node.output[0]


def stale_statistics(artifact):
    """One batch norm still has the statistics it began with: mean 0 and variance 1."""
    node = artifact.middle("BatchNormalization")
    artifact.change(node, 3, np.zeros_like)
    artifact.change(node, 4, np.ones_like)
    return node.output[0]


def wrong_epsilon(artifact):
    """Every normalisation has another epsilon: 1e-3 for 1e-5, and the reverse."""
    changed = 0
    for node in artifact.graph.node:
        if node.op_type in ("BatchNormalization", "LayerNormalization"):
            artifact.set(node, epsilon=1e-3 if artifact.get(node, "epsilon", 1e-5) < 1e-4 else 1e-5)
            changed += 1
        elif node.op_type == "Add" and artifact.made.get(node.input[0], node).op_type == "ReduceMean":
            if _scalar(artifact, lambda value: 0 < value < 0.1)(node):
                artifact.change(node, 1, lambda epsilon: 1e-3 if epsilon < 1e-4 else 1e-5)
                changed += 1
    if not changed:
        raise NotInThisGraphError("the graph normalises nothing")
    return "%d nodes" % changed


def wrong_constant(artifact):
    """One factor of a residual branch is 0.25 instead of 0.2."""
    node = artifact.middle("Mul", _scalar(artifact, lambda value: abs(value - 0.2) < 1e-6))
    artifact.change(node, 1, lambda value: value * 1.25)
    return node.output[0]


def wrong_scale(artifact):
    """The scores of one attention are divided by the root of the model's width instead of the head's."""
    node = artifact.middle("Mul", _scalar(artifact, lambda value: abs(value - 128**-0.5) < 1e-6))
    artifact.change(node, 1, lambda value: value * 0.5)
    return node.output[0]


def full_scale(artifact):
    """Samples are multiplied by 32767 instead of 32768."""
    node = artifact.middle("Mul", _scalar(artifact, lambda value: value == 32768))
    artifact.change(node, 1, lambda value: value - 1)
    return node.output[0]


def shifted_filters(artifact):
    """Every mel filter reads the next bin of the spectrum."""
    node = artifact.middle("MatMul", _weighted(artifact))
    artifact.change(node, 1, lambda filters: np.roll(filters, 1, axis=0))
    return node.output[0]


def shared_slope(artifact):
    """One PReLU has the mean of its slopes for every channel."""
    node = artifact.middle("PRelu")
    artifact.change(node, 1, lambda slopes: np.full_like(slopes, slopes.mean()))
    return node.output[0]


# ---- Operators and their attributes


def leaky_activation(artifact):
    """One ReLU is a leaky one, with a slope of 0.01."""
    node = artifact.middle("Relu")
    artifact.become(node, "LeakyRelu", node.input[0], alpha=0.01)
    return node.output[0]


def tanh_approximation(artifact):
    """GELU is computed by its tanh approximation."""
    node = artifact.middle("Erf")
    part, names = artifact.graph.node, [artifact.constant(np.float32(number)) for number in (2**0.5, 0.044715)]
    root = artifact.constant(np.float32((2 / np.pi) ** 0.5))
    place, make = list(part).index(node), artifact.onnx.helper.make_node
    steps = [
        make("Mul", [node.input[0], names[0]], ["gelu_x"]),
        make("Mul", ["gelu_x", "gelu_x"], ["gelu_square"]),
        make("Mul", ["gelu_square", "gelu_x"], ["gelu_cube"]),
        make("Mul", ["gelu_cube", names[1]], ["gelu_part"]),
        make("Add", ["gelu_x", "gelu_part"], ["gelu_sum"]),
        make("Mul", ["gelu_sum", root], ["gelu_scaled"]),
        make("Tanh", ["gelu_scaled"], [node.output[0]]),
    ]
    part.remove(node)
    for at, step in enumerate(steps):
        part.insert(place + at, step)
    return node.output[0]


def softmax_axis(artifact):
    """One softmax goes along the axis before its own."""
    node = artifact.middle("Softmax")
    artifact.set(node, axis=artifact.get(node, "axis", -1) - 1)
    return node.output[0]


def reduction_axis(artifact):
    """A sum goes along the next axis, which is as long."""
    node = artifact.middle("ReduceSum")
    artifact.change(node, 1, lambda axes: axes + 1)
    return node.output[0]


def shifted_pad(artifact):
    """One convolution pads all of its border on one side."""
    node = artifact.middle("Conv", lambda node: sum(artifact.get(node, "pads", [])) > 0)
    pads = artifact.get(node, "pads")
    half = len(pads) // 2
    artifact.set(node, pads=[0] * half + [sum(pair) for pair in zip(pads[:half], pads[half:])])
    return node.output[0]


def counted_padding(artifact):
    """Average pooling counts its padding."""
    artifact.set(artifact.middle("AveragePool"), count_include_pad=1)
    return "count_include_pad 0 -> 1"


def ceil_mode(artifact):
    """Average pooling rounds its length up."""
    artifact.set(artifact.middle("AveragePool"), ceil_mode=1)
    return "ceil_mode 0 -> 1"


def smooth_resize(artifact):
    """One enlargement interpolates instead of repeating pixels."""
    node = artifact.middle("Resize")
    artifact.set(node, mode="linear")
    return node.output[0]


def shuffle_order(artifact):
    """Depth to space takes the channels in the other order."""
    artifact.set(artifact.middle("DepthToSpace"), mode="DCR")
    return "CRD -> DCR"


def common_logarithm(artifact):
    """The logarithm is the one to base 10."""
    node = artifact.middle("Log")
    name = node.output[0]
    artifact.after(name, "Mul", artifact.constant(np.float32(1 / np.log(10))))
    return name


def exclusive_sum(artifact):
    """A running sum leaves its own place out."""
    artifact.set(artifact.middle("CumSum"), exclusive=1)
    return "exclusive 0 -> 1"


def half_up(artifact):
    """Halves are rounded up instead of to even."""
    node = artifact.nodes("Round")[-1]
    artifact.before(node, 0, "Add", artifact.constant(np.float32(0.5)))
    artifact.become(node, "Floor", node.input[0])
    return node.output[0]


def last_of_ties(artifact):
    """Of equal largest values the last one counts."""
    artifact.set(artifact.middle("ArgMax"), select_last_index=1)
    return "select_last_index 0 -> 1"


def narrow_integers(artifact):
    """A product of 64-bit numbers passes through 32 bits."""
    name = artifact.graph.output[0].name
    artifact.after(name, "Cast", to=artifact.onnx.TensorProto.INT64)
    artifact.before(artifact.made[name], 0, "Cast", to=artifact.onnx.TensorProto.INT32)
    return name


def swapped_gates(artifact):
    """The input and output gates of one LSTM layer are swapped."""
    node = artifact.middle("LSTM")

    def swap(array, parts):
        pieces = np.split(array, parts, axis=1)
        for at in range(0, parts, 4):
            pieces[at], pieces[at + 1] = pieces[at + 1], pieces[at]
        return np.concatenate(pieces, axis=1)

    for at, parts in ((1, 4), (2, 4), (3, 8)):
        artifact.change(node, at, lambda array, parts=parts: swap(array, parts))
    return node.output[0]


def swapped_directions(artifact):
    """One bidirectional layer has the weights of its two directions swapped."""
    node = artifact.middle("GRU")
    for at in (1, 2, 3):
        artifact.change(node, at, lambda array: array[::-1])
    return node.output[0]


def reversed_sequence(artifact):
    """One recurrent layer reads its input from the end."""
    node = artifact.middle("LSTM")
    ends = [artifact.constant(np.array([number], np.int64)) for number in (-1, np.iinfo(np.int64).min + 1, 0, -1)]
    artifact.before(node, 0, "Slice", *ends)
    return node.output[0]


def reset_order(artifact):
    """One GRU applies its reset gate before the product."""
    node = artifact.middle("GRU")
    artifact.set(node, linear_before_reset=0)
    return node.output[0]


def rounded_to_half(artifact):
    """Three layers in a row are computed from inputs and weights rounded to half precision."""
    kind = _kernels(artifact)
    found = artifact.nodes(kind, _weighted(artifact))
    start = max(0, len(found) // 2 - 1)
    for node in found[start : start + 3]:
        artifact.change(node, 1, lambda weight: weight.astype(np.float16))
        artifact.before(node, 0, "Cast", to=artifact.onnx.TensorProto.FLOAT16)
        artifact.before(node, 0, "Cast", to=artifact.onnx.TensorProto.FLOAT)
    return "%d nodes from %s" % (len(found[start : start + 3]), found[start].output[0])


# ---- What is wired where


def swapped_inputs(artifact):
    """Two inputs of a concatenation are swapped."""
    node = artifact.nodes("Concat", lambda node: artifact.get(node, "axis") == 1 and len(node.input) == 3)[0]
    node.input[0], node.input[1] = node.input[1], node.input[0]
    return node.output[0]


def swapped_projections(artifact):
    """One attention takes its queries for keys and its keys for queries."""
    node = artifact.middle("Split")
    node.output[0], node.output[1] = node.output[1], node.output[0]
    return node.input[0]


def dropped_residual(artifact):
    """One addition gives its first input alone."""
    node = artifact.middle("Add", artifact.computed)
    artifact.become(node, "Identity", node.input[0])
    return node.output[0]


def dropped_mask(artifact):
    """One attention sees the padding too: the scores go to its softmax unmasked."""
    node = artifact.middle("Softmax")
    node.input[0] = artifact.made[node.input[0]].input[2]
    return node.output[0]


def longer_mask(artifact):
    """The length mask lets one frame of padding through."""
    node = artifact.middle("Less")
    artifact.become(node, "LessOrEqual", *node.input)
    return node.output[0]


def shifted_positions(artifact):
    """Positions are counted from 0 instead of 1."""
    node = artifact.middle("Range", lambda node: artifact.value(node.input[0]) == 1)
    name = node.output[0]
    artifact.after(name, "Sub", artifact.constant(np.int64(1)))
    return name


def shifted_frames(artifact):
    """Stacks of frames begin one frame later."""
    node = artifact.nodes("Add", lambda node: getattr(artifact.value(node.input[1]), "shape", ()) == (7,))[0]
    artifact.change(node, 1, lambda places: places + 1)
    return node.output[0]


def shifted_slice(artifact):
    """What is kept for the next call ends one frame early."""
    node = artifact.middle("Slice")
    artifact.change(node, 1, lambda start: start - 1)
    artifact.change(node, 2, lambda end: np.full_like(end, -1))
    return node.output[0]


def stale_cache(artifact):
    """One cache comes out as it went in."""
    node = artifact.made["out_cache2"]
    artifact.become(node, "Identity", "in_cache2")
    return "out_cache2"


def swapped_outputs(artifact):
    """Two outputs of equal shape are swapped."""
    first, second = artifact.made["out_cache0"], artifact.made["out_cache1"]
    first.output[0], second.output[0] = second.output[0], first.output[0]
    return "out_cache0, out_cache1"


def reversed_channels(artifact):
    """The picture's channels are read as blue, green, red."""
    node = artifact.nodes("Conv")[0]
    artifact.before(node, 0, "Gather", artifact.constant(np.array([2, 1, 0], np.int64)), axis=1)
    return node.output[0]


# ---- What comes out


def output_type(artifact):
    """An output is int64 instead of int32."""
    output = artifact.graph.output[1]
    artifact.after(output.name, "Cast", to=artifact.onnx.TensorProto.INT64)
    output.type.tensor_type.elem_type = artifact.onnx.TensorProto.INT64
    return output.name


def baked_batch(artifact):
    """The batch of the export is baked into a reshape of the output."""
    output = artifact.graph.output[0]
    artifact.after(output.name, "Reshape", artifact.constant(np.array([2, -1, 500], np.int64)))
    return output.name


def truncated_output(artifact):
    """The last row of the picture is missing."""
    output = artifact.graph.output[0]
    numbers = [artifact.constant(np.array([number], np.int64)) for number in (0, -1, 2)]
    artifact.after(output.name, "Slice", *numbers)
    return output.name


def transposed_output(artifact):
    """Height and width of the picture are swapped."""
    output = artifact.graph.output[0]
    artifact.after(output.name, "Transpose", perm=[0, 1, 3, 2])
    return output.name


def clipped_output(artifact):
    """The picture is clipped to 0 and 1, as if it were ready to be saved."""
    output = artifact.graph.output[0]
    artifact.after(output.name, "Clip", *(artifact.constant(np.float32(bound)) for bound in (0, 1)))
    return output.name


def nan_element(artifact):
    """One element of the picture is NaN."""
    return _put(artifact, np.array([[[0, 1, 5, 7]]], np.int64)[0], [np.nan])


def infinite_corner(artifact):
    """The last pixel of the picture is infinite."""
    return _put(artifact, np.array([[0, 2, -1, -1]], np.int64), [np.inf])


def _put(artifact, place, value):
    output = artifact.graph.output[0]
    names = artifact.constant(place), artifact.constant(np.array(value, np.float32))
    artifact.after(output.name, "ScatterND", *names)
    return output.name


FAULTS = {
    name: function
    for name, function in list(globals().items())
    if callable(function) and not name.startswith("_") and name not in ("finish", "Artifact", "NotInThisGraphError")
}
