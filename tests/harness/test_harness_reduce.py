"""Mode `reproduce` in real environments: what is left of a model is what fails, in the same way, and no more."""

import json
import textwrap

import numpy as np
import pytest

from matrixscan.environment.harness import run_alone
from matrixscan.matrix.types import Limits

# Torch 1.11 and onnxruntime 1.16.1 have the faults that are used here.
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("bed", ["oldest"], indirect=True)]

HEAD = """\
import numpy as np
import torch
import torch.nn.functional as F


def build(variant):
    return Net()


def inputs(size, random):
    return {
        "x": random.standard_normal((size["n"], 3, 6, 20)).astype(np.float32),
        "k": random.randint(0, 4, 60).astype(np.int64),
    }


"""
POOLED = """\
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 5, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(5)
        self.last = torch.nn.Conv2d(5, 2, 1)

    def forward(self, x, k):
        x = torch.relu(self.norm(self.first(x)))
        x = F.max_pool2d(x, 2, stride=4, ceil_mode=True)
        return torch.sigmoid(self.last(x)).mean((2, 3)) + k.sum() * 0
"""
DIVIDED = """\
class Net(torch.nn.Module):
    def forward(self, x, k):
        baked = torch.tensor([int(value) for value in k])
        whole = torch.relu(x.sum((1, 2, 3)).sum() * k).long() + 1
        return torch.div(whole, k - baked + 1, rounding_mode="floor").float() * 2
"""
NESTED = """\
class Inner(torch.nn.Module):
    def forward(self, x, scale, shift=None):
        return torch.frac(x * scale) + shift


class Middle(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.ModuleList([torch.nn.Identity(), Inner()])

    def forward(self, x):
        return self.inner[1](self.inner[0](x), 2.0, shift=x)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 5, 3)
        self.middle = Middle()

    def forward(self, x, k):
        return self.middle(self.first(x)) + k.sum()
"""
KILLED = NESTED.replace("torch.frac(x * scale)", "(x * scale if not torch.onnx.is_in_onnx_export() else killed(x))") + (
    "\n\ndef killed(x):\n    import os\n\n    os.kill(os.getpid(), 11)\n    return x\n"
)


def reduce(bed, folder, source, stage, *, passed=True, message=""):
    tensors = {"x": {"0": "n"}}
    fields = {"stages": {"": {"outputs": ["y"], "dynamic": tensors}}}
    case = bed.case("net")
    request = bed.request(folder / "probes", {"net": {"source": HEAD + source, "fields": fields}}, [case])
    outputs = [{"name": "y", "passed": passed, "part": None, "sample": 0}]
    more = {"mode": "reproduce", "attempt_seconds": 60, "seconds": 300, "exports": "", "store": None}
    failure = {"stage": stage, "message": message, "outputs": outputs}
    run_alone(
        bed.environment, bed.harness, request | more | {"failure": failure}, folder / "out", Limits(case_seconds=400.0)
    )
    made = folder / "out" / "reproduction"
    assert made.is_dir(), (folder / "out" / "harness.log").read_text()
    arrays = {path.stem: dict(np.load(path)) for path in made.glob("*.npz")}
    return json.loads((made / "facts.json").read_text()), arrays


def test_a_wrong_operator_is_left_alone_with_what_pytorch_gives_it(bed, tmp_path):
    facts, arrays = reduce(bed, tmp_path, POOLED, "compare", passed=False)
    assert [node["op_type"] for node in facts["nodes"]] == ["MaxPool"], facts
    assert facts["nodes_before"] > 5
    (given,) = arrays["inputs"].values()
    (expected,) = arrays["expected"].values()
    (actual,) = arrays["actual"].values()
    assert expected.shape[2:] == (2, 5)
    assert actual.shape[2:] == (2, 6)
    assert (given >= 0).all()  # after the relu
    assert facts["pins"].keys() >= {"onnxruntime", "numpy"}
    assert "torch" not in facts["pins"]


def test_a_node_that_kills_the_runner_is_found_from_outside(bed, tmp_path):
    facts, arrays = reduce(bed, tmp_path, DIVIDED, "run")
    assert (facts["ending"], facts["failure"]) == ("died", "SIGFPE")
    assert [node["op_type"] for node in facts["nodes"]] == ["Div"]
    assert len(arrays["inputs"]) == 2


def test_an_export_is_narrowed_to_the_module_that_fails(bed, tmp_path):
    facts, arrays = reduce(bed, tmp_path, NESTED, "export")
    assert (facts["path"], facts["module_type"]) == ("middle.inner.1", "Inner")
    assert facts["call"] == "x0, 2.0, shift=x1"
    assert facts["failure"]["message"].startswith("Exporting the operator frac to ONNX")
    assert facts["zeros"]
    assert not arrays


def test_an_export_that_kills_the_process_is_narrowed_too(bed, tmp_path):
    facts, _ = reduce(bed, tmp_path, KILLED, "export")
    assert (facts["ending"], facts["failure"], facts["path"]) == ("died", "SIGSEGV", "middle.inner.1")


def test_modules_that_do_not_matter_are_put_aside(bed, tmp_path):
    source = """\
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Sequential(*[torch.nn.Conv2d(3, 3, 3, padding=1) for _ in range(6)])

        def forward(self, x, k):
            return torch.frac(self.body(x)) + k.sum()
    """
    facts, _ = reduce(bed, tmp_path, textwrap.dedent(source), "export")
    assert (facts["path"], facts["module_type"], facts["dropped"]) == ("", "Net", ["body"])
    assert (facts["modules_before"], facts["modules_after"]) == (8, 1)


def test_what_does_not_fail_again_is_said(bed, tmp_path):
    facts, _ = reduce(bed, tmp_path, NESTED.replace("torch.frac(x * scale)", "x"), "export")
    assert "did not fail this time" in facts["problem"]
