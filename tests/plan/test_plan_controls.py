"""Which cases the controls are: every lane that the probes have, twice, and nothing a user asked for."""

import pytest

from matrixscan.errors import ProbeFileError
from matrixscan.matrix.reader import read_matrix
from matrixscan.plan.expand import make_plan

HEAD = '[[combinations]]\npython = "3.8"\ntorch = "2.4.0"\nonnxruntime = "1.19.2"\n'
PROBE = """# /// script
# [tool.matrixscan]
# export-size = { t = 20 }
# opsets = { torchscript = [11] }
# ///
\"\"\"S.\"\"\"
def build(variant): ...
def inputs(size, random): ...
"""
CASES = '[cases]\nexporters = ["torchscript", "dynamo"]\nopsets = { torchscript = [13], dynamo = [18] }\n'


@pytest.fixture
def plan(tmp_path):
    def _plan(head="", tables="", probes=("main",), **filters):
        for name in probes:
            (tmp_path / f"{name}.py").write_text(PROBE)
        judge = [f"{name}.py" for name in probes]
        (tmp_path / "m.toml").write_text(f"{head}{HEAD}[probes]\njudge = {judge}\n{CASES}{tables}")
        return make_plan(read_matrix(tmp_path / "m.toml"), **filters)

    return _plan


def test_every_lane_has_both_controls_at_both_sizes(plan):
    made = plan()
    assert {case.probe for case in made.cases} == {"main"}
    assert [case.id for case in made.controls] == [
        f"control/{variant}/{lane}/fp32/onnxruntime-cpu/{size}"
        for variant in ("good", "bad")
        for lane in ("torchscript/opset11", "dynamo/opset18")
        for size in ("t12", "t17")
    ]
    assert made.measured == (*made.controls, *made.cases)
    assert [probe.name for probe in made.measured_probes] == ["control", "main"]
    assert made.judged == ("main",)


def test_a_witness_is_controlled_as_a_witness(plan):
    made = plan(tables='runners = ["onnxruntime-cpu", "onnx-reference"]\n')
    assert {(case.runner, case.witness) for case in made.controls} == {
        ("onnxruntime-cpu", False),
        ("onnx-reference", True),
    }


def test_a_matrix_may_do_without(plan):
    made = plan("controls = false\n")
    assert made.controls == ()
    assert made.measured == made.cases
    assert made.measured_probes == made.probes


def test_a_probe_of_that_name_would_be_taken_for_one(plan):
    with pytest.raises(ProbeFileError, match="matrixscan's own control; rename it"):
        plan(probes=("main", "control"))
