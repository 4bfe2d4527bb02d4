"""A few faults for real: an artifact of torch 1.11 is broken after its export, and the scan says where it shows."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CELL = "py38-torch1.11.0-onnx1.14.1-ort1.16.1"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def faults(tmp_path_factory, make_workplace):
    place = make_workplace(tmp_path_factory.mktemp("faults") / "project")
    head = (place.folder / "matrices/smoke.toml").read_text().partition("[probes]")[0]
    names = ("gru.untouched", "gru.reset_order", "gelu.untouched", "gelu.tanh_approximation", "sums.reduction_axis")
    tables = f'[probes]\njudge = ["{ROOT}/tests/faults/operators.py"]\n[probes.variants]\noperators = {list(names)}\n'
    place.write("matrices/broken.toml", f'{head}{tables}[cases]\nexporters = ["torchscript"]\nopsets = [13]\n')
    place.code, place.output = place.scan("broken")
    return place


def test_every_fault_is_found_and_nothing_untouched_is_called_bad(faults):
    (cell,) = faults.results("broken")["cells"]
    assert {key.rpartition(".")[2]: verdict for key, verdict in cell["verdicts"].items()} == {
        "untouched": "good", "reset_order": "bad", "tanh_approximation": "bad", "reduction_axis": "bad",
    }  # fmt: skip
    assert {case["stage"] for case in cell["cases"] if case["outcome"] != "passed"} == {"compare"}


def test_the_controls_of_that_scan_came_out_as_they_had_to(faults):
    assert faults.results("broken")["controls"] == {"passed": [CELL], "not_run": [], "quarantined": []}
    record = json.loads((faults.folder / f"reports/broken/records/{CELL}.json").read_text())
    controls = [case for case in record["cases"] if case["probe"] == "control"]
    assert {(case["variant"], case["outcome"], case.get("reason")) for case in controls} == {
        ("good", "passed", None),
        ("bad", "failed", "mismatch"),
    }
    finished = {case["facts"].get("finished") for case in controls if case["variant"] == "bad"}
    assert all(said.endswith("[-1] + 0.5") for said in finished)
