"""Diagnoses in real environments: the module, the call and the nodes that are wrong are named."""

import pytest

from matrixscan.harness.protocol import EVENTS_FILE
from matrixscan.records.diagnosis import fold_diagnoses
from matrixscan.records.events import read_events

pytestmark = pytest.mark.slow

SOURCE = """\
import numpy as np
import torch

TRACED = torch.jit.is_tracing


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 4, 9)).astype(np.float32)}


def build(variant):
    return Net()


class Inner(torch.nn.Module):
    def forward(self, x):
        INNER


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()
        self.norm = torch.nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.inner(x)) + x


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv1d(4, 4, 3, padding=1)
        self.norm = torch.nn.BatchNorm1d(4)
        self.blocks = torch.nn.Sequential(Block(), Block())

    def forward(self, x):
        FORWARD
        return torch.tanh(self.blocks(torch.relu(self.norm(self.conv(x)))))
"""


def probe(inner="return torch.nn.functional.softplus(x)", forward="pass"):
    return {"source": SOURCE.replace("INNER", inner).replace("FORWARD", forward)}


PROBES = {
    "good": probe(),
    "softplus": probe("return torch.nn.functional.softplus(x, beta=3.0 if TRACED() else 1.0)"),
    "inplace": probe("y = x * 2\n        y[:, 1:3] *= 3.0 if TRACED() else 0.5\n        return y"),
    "shape": probe("return x[:, :, : 3 if TRACED() else 5].sum(-1, keepdim=True) * x"),
    "dies": probe(
        "return torch.nn.functional.softplus(x, beta=3.0 if TRACED() else 1.0)",
        'import ctypes\n        hasattr(x, "_diagnosed_value") and ctypes.string_at(0)',
    ),
    "after": probe("return torch.sigmoid(x) * (2.0 if TRACED() else 0.5)"),
}


@pytest.fixture(scope="module")
def found(bed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("diagnosis")
    cases = [bed.case(name, exporter="torchscript", opset=13) for name in PROBES]
    request = bed.request(folder / "probes", PROBES, cases) | {"mode": "diagnose"}
    for described in request["probes"].values():
        described["export_size"] = {"n": 2}
    bed.run(folder, request)
    made = fold_diagnoses(read_events(folder / EVENTS_FILE), cases)
    return {diagnosis.case.partition("/")[0]: diagnosis for diagnosis in made}, folder


def test_a_case_that_passes_did_not_fail_again(found):
    good = found[0]["good"]
    assert (good.reproduced, good.stage, good.first, good.levels) == (False, None, None, {})


def test_the_call_its_module_and_its_arguments_are_named(found):
    diagnosis = found[0]["softplus"]
    first = diagnosis.first
    assert (diagnosis.reproduced, diagnosis.stage, diagnosis.reason) == (True, "compare", "mismatch")
    assert (first.module, first.module_type, first.operation) == ("blocks.0.inner", "Inner", "softplus")
    assert first.arguments["beta"] == 1.0
    assert first.arguments["input"] == {"dtype": "float32", "shape": [2, 4, 9]}
    assert (first.error_before < 1e-4, first.error_after > 1e-2) == (True, True)
    assert any(node.op_type in {"Softplus", "Exp", "Mul", "Div"} for node in first.nodes)
    assert all("tanh" not in node.op_type.lower() for node in first.nodes)
    assert diagnosis.error is None


def test_levels_and_the_reference_evaluator_see_the_same(found):
    diagnosis = found[0]["softplus"]
    assert list(diagnosis.levels) == ["disabled", "basic", "extended", "all"]
    assert {seen.passed for seen in diagnosis.levels.values()} == {False}
    assert (diagnosis.reference.passed, diagnosis.reference.reason) == (False, "mismatch")
    assert [run.error for run in diagnosis.runs] == [None] * len(diagnosis.runs)
    assert max(run.runner_reference for run in diagnosis.runs if run.runner_reference is not None) < 1e-3


def test_the_curve_jumps_at_the_divergence(found):
    diagnosis = found[0]["softplus"]
    errors = {point.call: point.error for point in diagnosis.curve}
    at = diagnosis.first.call
    assert errors[at] == pytest.approx(diagnosis.first.error_after)
    assert max(error for call, error in errors.items() if call < at) < 1e-4


def test_what_is_written_in_place_is_seen(found):
    first = found[0]["inplace"].first
    assert (first.module, first.error_before < 1e-4) == ("blocks.0.inner", True)
    assert first.operation in {"mul_", "__imul__", "__setitem__", "__getitem__"}


def test_another_shape_has_no_error_after(found):
    first = found[0]["shape"].first
    assert (first.module, first.operation, first.error_after) == ("blocks.0.inner", "__getitem__", None)
    assert {node.op_type for node in first.nodes} >= {"Slice"}


def test_a_crash_costs_its_own_diagnosis_only(found):
    dead, after = found[0]["dies"], found[0]["after"]
    assert (dead.reproduced, dead.first, dead.error.type) == (True, None, "SIGSEGV")
    assert dead.levels["all"].passed is False
    assert (after.first.module, after.first.operation) == ("blocks.0.inner", "mul")


def test_both_sides_of_the_divergence_are_kept_to_be_drawn(found):
    assert len(list((found[1] / "diagnosis").glob("softplus~*.npz"))) == 1
    assert not list((found[1] / "diagnosis").glob("*.onnx"))
