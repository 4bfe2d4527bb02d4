"""Writes the models beside it; run by hand with the onnx package (they were written with onnx 1.23.2)."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
WEIGHT = (np.arange(12, dtype=np.float32).reshape(4, 3) - 5) / 4


def _model(nodes, outputs):
    """Return a model of `x` (n, 4) with the constant `weight` (4, 3)."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        outputs,
        [numpy_helper.from_array(WEIGHT, "weight")],
    )
    # Old enough for every release of onnxruntime that the tests know.
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    # As before IR version 4: a constant that is listed among the inputs too, and need not be given.
    made.graph.input.append(helper.make_tensor_value_info("weight", TensorProto.FLOAT, [4, 3]))
    return made


def main():
    """Write tiny.onnx, outside.onnx with its weight in a file of its own, and still.onnx, whose outputs never move."""
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["hidden"]),
        helper.make_node("Tanh", ["hidden"], ["scores"]),
        helper.make_node("ArgMax", ["hidden"], ["label"], axis=1, keepdims=0),
    ]
    tiny = _model(nodes, [scores, label])
    onnx.save(tiny, HERE / "tiny.onnx")
    outside = HERE / "outside.onnx"
    (HERE / "outside.onnx.data").unlink(missing_ok=True)
    onnx.save(tiny, outside, save_as_external_data=True, location="outside.onnx.data", size_threshold=0)
    still = [nodes[0], helper.make_node("Sub", ["hidden", "hidden"], ["scores"])]
    onnx.save(_model(still, [scores]), HERE / "still.onnx")


if __name__ == "__main__":
    main()
