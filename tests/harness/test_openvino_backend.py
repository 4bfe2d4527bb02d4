"""A backend is one file: OpenVINO and the reference implementation of ONNX beside ONNX Runtime, on one artifact."""

from pathlib import Path

import numpy as np
import pytest

import matrixscan
from matrixscan.matrix.backends import runners

RUNNERS = {"openvino-cpu": "openvino.py", "onnx-reference": "reference.py"}
SOURCE = """\
import numpy as np
import torch


def inputs(size, random):
    x = random.standard_normal((size["n"], 3, 8, 8)).astype(np.float32)
    return {"x": x, "index": np.arange(size["n"])}


def build(variant):
    return Net()


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 8, 3)

    def forward(self, x, index):
        y = torch.relu(self.layer(x)).mean((2, 3))
        # An input that is an output too, and outputs of another type: names and order must hold.
        return x, y, index + 1
"""
FIELDS = {
    "stages": {"": {"outputs": ["same", "y", "next"], "dynamic": {"x": {"0": "n"}, "index": {"0": "n"}}}},
}


@pytest.mark.parametrize("name", RUNNERS)
def test_nothing_outside_its_file_knows_a_runner(name):
    assert name in runners()
    everything = Path(matrixscan.__file__).parent.rglob("*.py")
    # Diagnoses and reproductions speak each runtime's own interface.
    files = [
        file for file in everything if file.parent.name != "diagnosis" and not file.name.startswith("_reproduction")
    ]
    assert [file.name for file in files if f'"{name}"' in file.read_text(encoding="utf-8")] == [RUNNERS[name]]


@pytest.mark.slow
@pytest.mark.parametrize("bed", ["openvino"], indirect=True)
def test_one_artifact_through_every_runner(bed, tmp_path):
    lanes = [(runner, "fp32") for runner in ("onnxruntime-cpu", "openvino-cpu", "onnx-reference")]
    lanes += [("openvino-cpu", "fp16"), ("openvino-cpu", "fp16-run")]
    cases = [
        bed.case("net", {"n": 3}, exporter="torchscript", opset=17, runner=runner, precision=precision)
        | {"id": f"net/{runner}/{precision}"}
        for runner, precision in lanes
    ]
    ends, fold = bed.run(tmp_path, bed.request(tmp_path, {"net": {"source": SOURCE, "fields": FIELDS}}, cases))
    assert fold.imported["outcome"] == "passed", fold.imported["error"]
    found = [ends[case["id"]] for case in cases]
    assert [end["outcome"] for end in found[:4]] == ["passed"] * 4, [end.get("error") for end in found]
    for end in found[:4]:
        assert [output["name"] for output in end["outputs"]] == ["same", "y", "next"]
        assert np.isfinite(end["outputs"][1]["max_abs"])
    # Left alone the plugin would take bfloat16 where the processor has it: errors of 1e-3, not of 1e-6.
    assert found[1]["outputs"][1]["max_abs"] < 1e-5
    # A processor without half is said to be one; it is never passed off for half.
    assert (found[4]["stage"], found[4]["outcome"]) in ((None, "passed"), ("load", "infeasible")), found[4]
