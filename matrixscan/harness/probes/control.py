# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "MIT"
# family = true
# variants = ["good", "bad"]
# outputs = ["y"]
# export-size = { t = 12 }
# run-sizes = [ { t = 17 } ]
# dynamic = { x = { 2 = "t" }, y = { 2 = "t" } }
# rtol = 1e-3
# atol = 1e-4
# fp16 = { rtol = 2e-2, atol = 1e-2 }
# # What a person looked at and found to be so for every model: then the control fails honestly.
# [[tool.matrixscan.expected]]
# when = { stage = "eager" }
# match = "Numpy is not available"
# reason = "a torch that was built for NumPy 1 beside NumPy 2"
# until = 2030-01-01
# [[tool.matrixscan.expected]]
# match = "^(ImportError|ModuleNotFoundError): "
# reason = "a package that the exporter or the runner imports is missing here or of another time"
# until = 2030-01-01
# [[tool.matrixscan.expected]]
# match = "module '[a-z_.]+' has no attribute"
# reason = "a package that the exporter or the runner uses is of another time"
# until = 2030-01-01
# [[tool.matrixscan.expected]]
# when = { stage = "load" }
# match = "Unsupported model IR version|is under development"
# reason = "a runtime that is older than the format it is given"
# until = 2030-01-01
# ///
"""A model known to convert (good), and the same with one constant of its artifact altered (bad)."""

import array
import os

import numpy as np
import torch

#: Outputs are of the order of 1.
ALTERED_BY = 0.5


class Small(torch.nn.Module):
    """Operators that every exporter, format and runner has: one that fails here fails everywhere."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv1d(3, 8, 3, padding=1)
        self.gate = torch.nn.Conv1d(8, 8, 1)
        self.last = torch.nn.Conv1d(8, 4, 1)

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.last(x * torch.sigmoid(self.gate(x)) + x)


def build(variant):
    return Small()


def inputs(size, random):
    # One row: most releases of ncnn have no batch.
    return {"x": random.standard_normal((1, 3, size["t"])).astype(np.float32)}


def finish(path, variant):
    """Alter one constant of the bad one: the last number of the last layer's bias."""
    if variant == "good":
        return None
    alter = {".onnx": _alter_onnx, ".param": _alter_ncnn}.get(os.path.splitext(path)[1])
    if alter is None:
        raise NoControlError("matrixscan cannot alter a constant of %s" % os.path.basename(path))
    return alter(path)


class NoControlError(Exception):
    """There is no known-bad control for artifacts of this format."""


def _alter_onnx(path):
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            tensors.update((node.output[0], item.t) for item in node.attribute if item.name == "value")
    layers = [node for node in model.graph.node if node.op_type == "Conv" and set(node.input[1:]) <= set(tensors)]
    if not layers:
        raise NoControlError("the artifact holds no convolution with constant weights")
    tensor = tensors[layers[-1].input[-1]]
    values = numpy_helper.to_array(tensor).copy()
    values.reshape(-1)[-1] += ALTERED_BY
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, path)
    return "%s[-1] + %s" % (tensor.name, ALTERED_BY)


def _alter_ncnn(path):
    # Weights lie one after the other, and a bias is never turned to half: the file ends with the last layer's.
    weights = os.path.splitext(path)[0] + ".bin"
    with open(weights, "rb+") as file:
        file.seek(-4, os.SEEK_END)
        last = array.array("f", file.read())
        last[0] += ALTERED_BY
        file.seek(-4, os.SEEK_END)
        file.write(last.tobytes())
    return "last number of %s + %s" % (os.path.basename(weights), ALTERED_BY)
