"""`matrixscan probe FILE`, as someone who writes one uses it."""

import pytest
from PIL import Image

CELL = "py38-torch1.11.0-onnx1.14.1-ort1.16.1"
MATRIX = """\
[[combinations]]
python = "3.8"
torch = "1.11.0"
onnx = "1.14.1"
onnxruntime = "1.16.1"

[probes]
judge = ["op_round_half_even"]

[cases]
exporters = ["torchscript"]
opsets = [13]
"""
PROBE = '''\
# /// script
# [tool.matrixscan]
# license = "MIT"
# variants = ["right", "wrong"]
# family = true
# outputs = ["image"]
# export-size = { h = 12, w = 16 }
# run-sizes = [{ h = 9, w = 21 }]
# dynamic = { x = { 2 = "h", 3 = "w" }, image = { 2 = "h", 3 = "w" } }
# [tool.matrixscan.compare.image]
# picture = true
# [[tool.matrixscan.expected]]
# when = { torch = "<2.0", variant = "wrong" }
# match = "mismatch"
# reason = "the scale becomes a constant"
# until = 2099-01-31
# ///
"""A picture, scaled."""

import torch


class Model(torch.nn.Module):
    def __init__(self, wrong):
        super().__init__()
        self.wrong = wrong

    def forward(self, x):
        scale = x.abs().mean((1, 2, 3), keepdim=True)
        return x / (float(scale) if self.wrong else scale)


def build(variant):
    return Model(variant == "wrong")


def inputs(size, random):
    return {"x": random.standard_normal((1, 3, size["h"], size["w"])).astype("float32")}
'''

pytestmark = pytest.mark.slow


def test_a_probe_is_run_again_and_again_while_it_is_written(workplace):
    workplace.write("matrices/mine.toml", MATRIX)
    workplace.write("probes/scale.py", PROBE)
    words = ("matrixscan", "probe", "probes/scale.py", "--matrix", "mine")
    code, output = workplace.call(*words)
    assert code == 1, output
    assert "scale/right: good\n" in output
    assert "scale/wrong: bad at compare: mismatch\n" in output
    assert "  2 cases failed as announced: the scale becomes a constant (until 2099-01-31)\n" in output
    assert "scale/right/torchscript/opset13/fp32/onnxruntime-cpu/h9,w21\n  passed\n" in output
    (row,) = {line.split()[0] for line in output.splitlines() if "1x3x9x21" in line}
    assert row == "image"
    # A matrix's reports are left alone, and the environment waits for the next try.
    assert not (workplace.folder / "reports").exists()
    pictures = list(workplace.folder.glob(f".matrixscan/probes/probe-mine/pictures/{CELL}/*.png"))
    lane = "scale~wrong~torchscript~opset13~fp32~onnxruntime-cpu"
    assert [picture.name for picture in pictures] == [f"{lane}~h12,w16.png"]
    with Image.open(pictures[0]) as image:
        assert image.size == (3 * 16 + 2 * 8, 12 + 16)
    workplace.write("probes/scale.py", PROBE.replace('variant == "wrong"', "False"))
    code, output = workplace.call(*words)
    assert code == 0, output
    assert "scale/wrong: good\n  announced to fail, and passed: the scale becomes a constant" in output
