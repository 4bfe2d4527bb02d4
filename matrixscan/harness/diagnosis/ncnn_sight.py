"""The network of a failing case in ncnn with the values it has while it runs."""

import numpy as np

from ..backends.ncnn import NO_BATCH, Runner, feed
from .sight import BUDGET, Nowhere, Sight
from .walk import Walk

_HEADER = 2  # lines of a .param before its layers


class Layer:
    """A line of a .param: type, name, numbers of inputs and outputs, their names, and parameters by number."""

    def __init__(self, line):
        self.op_type, self.name, bottoms, tops, *rest = line.split()
        ends = int(bottoms), int(bottoms) + int(tops)
        self.input, self.output = rest[: ends[0]], rest[ends[0] : ends[1]]
        self.parameters = dict(one.split("=", 1) for one in rest[ends[1] :])


class Network(Walk):
    """The layers of a network; ncnn has no way to run one of them by itself."""

    runs_alone = False

    def __init__(self, path, tensors):
        with open(path, encoding="utf-8") as file:
            lines = [line for line in file.read().splitlines() if line.strip()][_HEADER:]
        layers = [Layer(line) for line in lines]
        super().__init__(
            [layer for layer in layers if layer.op_type != "Input"],
            [entry["blob"] for entry in tensors["inputs"]],
            [entry["blob"] for entry in tensors["outputs"]],
        )

    def described(self, at, values):
        """Return a layer in plain values; ncnn numbers the parameters of each type of layer."""
        layer = self.nodes[at]
        return {
            "name": layer.name,
            "op_type": layer.op_type,
            "domain": "ncnn",
            "attributes": layer.parameters,
            "inputs": [_tensor(name, values) for name in layer.input],
            "outputs": [_tensor(name, values) for name in layer.output],
        }


def _tensor(name, values):
    found = values.get(name)
    shape = None if found is None else list(found.shape)
    return {"name": name, "dtype": None if found is None else str(found.dtype), "shape": shape}


def look(handle, place):
    """Run a network and keep the values of all its tensors; of one that dies at a layer, those that do not need it.

    Args:
        handle: the network as its backend loaded it.
        place: what to run.
    """
    net, tensors = handle
    graph = Network(place.path, tensors)
    values = {entry["blob"]: np.asarray(place.feeds[entry["name"]]) for entry in tensors["inputs"]}
    extractor = net.create_extractor()
    extractor.set_light_mode(False)  # or what the next layers have used is gone
    feed(extractor, tensors, place.feeds)
    left, blocked = BUDGET, []
    batch = any(entry["batch"] != NO_BATCH for entry in tensors["inputs"])
    for name in graph.made():
        code, mat = extractor.extract(name)
        if code or mat.empty():
            blocked = blocked or [graph.maker[name]]
            continue
        array = _array(mat, batch)
        if array.nbytes <= left:
            left -= array.nbytes
            values[name] = array
    if not blocked:
        # With the axes that the model's own outputs have.
        values.update(zip(graph.outputs, map(np.asarray, Runner.run(handle, place.feeds))))
    elif blocked[0] not in graph.needed(graph.outputs):
        raise Nowhere("a layer that no output needs cannot be run")
    return Sight(graph, values, "default", blocked)


def _array(mat, batch):
    """Return a tensor as an array; before it had a batch axis of its own, with one where the inputs have one."""
    if hasattr(mat, "batch"):
        return np.array(mat.numpy(batch_index=0) if batch else mat)
    array = np.array(mat)
    return array[np.newaxis] if batch else array
