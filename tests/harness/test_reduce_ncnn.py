"""Mode `reproduce` of what goes through pnnx: the smallest module that fails, and a script that shows it by itself."""

import json
import shutil

import msgspec
import numpy as np
import pytest
from ncnn_net import SOURCE

from matrixscan.environment.harness import run_alone
from matrixscan.environment.script import run_script
from matrixscan.matrix.types import Limits
from matrixscan.records.reproduction import Reduced, Reproduction
from matrixscan.reporters._reproduction import render_script
from matrixscan.reporters._reproduction_issue import render_issue

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("bed", ["ncnn"], indirect=True)]

LENGTHS = SOURCE.replace('(size["n"], 4, 9)', '(1, 4, size["n"])')
MOVED = "return x + 0.5 if TRACED() else x.flip(-1)"
SHORTER = "return x[:, :, :4] if TRACED() else x[:, :, :6]"
LEFT = "return torch.nn.functional.softmin(x, 1)"
KILLED = """\
        import os
        if TRACED():
            os.kill(os.getpid(), 11)
        return x"""


def reduce(bed, folder, body, stage, **lane):
    stages = {"": {"outputs": ["y"], "dynamic": {"x": {"2": "n"}, "y": {"2": "n"}}}}
    probe = {"source": LENGTHS.format(body=body), "fields": {"export_size": {"n": 9}, "stages": stages}}
    probes = {"net": probe}
    case = bed.case("net", {"n": 12}, **({"exporter": "pnnx", "opset": 0, "runner": "ncnn"} | lane))
    request = bed.request(folder / "probes", probes, [case]) | {"exports": "", "store": None}
    more = {"mode": "reproduce", "attempt_seconds": 60, "seconds": 300}
    failure = {"stage": stage, "message": "", "outputs": [{"name": "y", "passed": False, "part": None, "sample": 0}]}
    run_alone(
        bed.environment, bed.harness, request | more | {"failure": failure}, folder / "out", Limits(case_seconds=400.0)
    )
    made = folder / "out" / "reproduction"
    assert made.is_dir(), (folder / "out" / "harness.log").read_text()
    return case, msgspec.convert(json.loads((made / "facts.json").read_text()), Reduced), made


def show(bed, case, reduced, made, reason):
    """Write the script into the folder of the reduction, run it there and return how it ended, and the issue."""
    reproduction = Reproduction(
        case=case["id"],
        axes=bed.axes,
        python=bed.axes["python"],
        platform="Linux x86_64",
        variant="only",
        exporter=case["exporter"],
        opset=case["opset"],
        runner=case["runner"],
        stage=reduced.stage,
        reason=reason,
        whose="runtime",
        probe_module="" if reduced.code else "net",
        requirements=(),
        no_deps=False,
        reduced=reduced,
        threads=1,
    )
    shutil.copyfile(made.parents[1] / "probes" / "net.py", made / "net.py")
    (made / "reproduce.py").write_text(render_script(reproduction), encoding="utf-8")
    ended = run_script(bed.environment, made / "reproduce.py", made.parent / "home", seconds=120)
    return ended.returncode, ended.output.splitlines() or [ended.words], render_issue(reproduction)


def test_a_lost_call_is_left_alone_with_its_module(bed, tmp_path):
    case, reduced, made = reduce(bed, tmp_path, MOVED, "compare")
    assert (reduced.kind, reduced.path, reduced.module_type) == ("conversion", "inner", "Inner"), reduced
    assert (reduced.modules_before, reduced.modules_after) == (4, 1)
    assert reduced.shapes == ("[1,5,9]f32", "[1,5,18]f32")
    assert reduced.given["x0"].shape == (1, 5, 12)
    assert reduced.pins.keys() >= {"torch", "pnnx", "ncnn", "numpy"}
    code, lines, issue = show(bed, case, reduced, made, "mismatch")
    assert (code, lines[-1].startswith("reproduced: ")) == (1, True), lines
    title = "# pnnx 20261020 and ncnn 1.0.20261020: Inner gives other values than PyTorch"
    assert issue.startswith(f"{title}\n\nFor: Tencent/ncnn\n")


def test_what_is_no_longer_wrong_is_said(bed, tmp_path):
    case, reduced, made = reduce(bed, tmp_path, MOVED, "compare")
    probe = made.parents[1] / "probes" / "net.py"
    probe.write_text(probe.read_text().replace("x + 0.5 if TRACED() else x.flip(-1)", "x * 1.5"), encoding="utf-8")
    code, lines, _ = show(bed, case, reduced, made, "mismatch")
    assert (code, lines[-1]) == (0, "not reproduced: every element of y0 is as expected")


def test_another_shape(bed, tmp_path):
    case, reduced, made = reduce(bed, tmp_path, SHORTER, "compare")
    assert reduced.path == "inner"
    code, lines, _ = show(bed, case, reduced, made, "shape")
    assert (code, lines[-1]) == (1, "reproduced: y0 has shape (1, 5, 4) instead of (1, 5, 6)")


def test_an_operator_that_pnnx_left_is_one_call(bed, tmp_path):
    case, reduced, made = reduce(bed, tmp_path, LEFT, "check")
    assert (reduced.module_type, reduced.modules_after) == ("torch.nn.functional.softmin", 0)
    assert reduced.failure.type == "Unusable"
    assert not list(made.glob("*.npz"))
    code, lines, issue = show(bed, case, reduced, made, "unusable")
    assert (code, lines[-1]) == (1, "reproduced: it fails with the error of the report"), lines
    assert issue.startswith("# pnnx 20261020: torch.nn.functional.softmin fails: Unusable: pnnx ended with 0")


def test_weights_are_those_of_the_model(bed, tmp_path):
    body = (
        "return torch.nn.functional.conv1d(x, self.w) if TRACED() else x.flip(-1)\n\n"
        "    def __init__(self):\n        super().__init__()\n        self.w = torch.nn.Parameter(torch.rand(5, 5, 1))"
    )
    _, reduced, made = reduce(bed, tmp_path, body, "compare")
    assert reduced.weights
    assert np.load(made / "weights.npz")["w"].shape == (5, 5, 1)


def test_a_death_is_found_from_outside(bed, tmp_path):
    _, reduced, _ = reduce(bed, tmp_path, KILLED.lstrip(), "export")
    assert (reduced.ending, reduced.failure, reduced.path) == ("died", "SIGSEGV", "inner")


def test_what_ends_elsewhere_is_said(bed, tmp_path):
    _, reduced, _ = reduce(bed, tmp_path, LEFT, "compare")
    assert reduced.problem.startswith("it ended at check this time: Unusable: ")


def test_what_passes_is_said(bed, tmp_path):
    _, reduced, _ = reduce(bed, tmp_path, "return x * 2", "compare")
    assert "did not fail this time" in reduced.problem
