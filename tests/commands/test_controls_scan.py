"""Controls and finish() through whole scans: joint, with exports from a store, factored, and too wide for records."""

import pytest

from matrixscan import commands
from matrixscan.analysis.controls import QUARANTINED
from matrixscan.analysis.grid_files import read_published
from matrixscan.analysis.grid_verdicts import judge_grid
from matrixscan.commands import wide
from matrixscan.errors import EXIT_INFRASTRUCTURE, EXIT_UNEXPECTED, NothingSelectedError

CELLS = [f"py38-torch{torch}-onnx900.1-ort{ort}" for torch in ("900.1", "900.2") for ort in ("900.1", "900.2")]
ONE_TORCH = {"python": ["3.8"], "torch": ["900.1"], "onnx": ["900.1"], "onnxruntime": ["900.1", "900.2"]}

CONTROL = '''\
# /// script
# requires-python = ">=3.8"
# [tool.matrixscan]
# family = true
# variants = ["good", "bad"]
# outputs = ["y"]
# export-size = {{ n = 2 }}
# run-sizes = [{{ n = 3 }}]
# dynamic = {{ x = {{ 0 = "n" }}, y = {{ 0 = "n" }} }}
# ///
"""Stand-in for the controls."""

import json


def build(variant):
    import torch

    return torch.Scale("{kind}")


def inputs(size, random):
    return {{"x": random.standard_normal((size["n"], 3)).astype("float32")}}


def finish(path, variant):
    if variant == "{altered}":
        with open(path) as file:
            made = json.load(file)
        made["weight"][0] += 1.0
        with open(path, "w") as file:
            json.dump(made, file)
        return "weight[0] + 1.0"
'''


@pytest.fixture
def controlled(workplace, monkeypatch):
    """Return what sets up a workplace whose controls are the stand-in's."""

    def _controlled(kind="plain", altered="bad", **matrix):
        workplace.write("control/control.py", CONTROL.format(kind=kind, altered=altered))
        monkeypatch.setattr("matrixscan.matrix.controls.FILE", workplace.root / "control" / "control.py")
        workplace.matrix(controls=True, **matrix)
        return workplace

    return _controlled


@pytest.mark.parametrize("plan", ["joint", "factored"])
def test_controls_run_everywhere_and_are_counted_nowhere(controlled, plan):
    place = controlled(plan=plan)
    outcome = place.scan()
    results = place.results()
    assert results["controls"] == {"passed": CELLS, "not_run": [], "quarantined": []}
    assert {case["probe"] for cell in results["cells"] for case in cell["cases"]} == {"good", "mixed"}
    assert not any("control" in key for cell in results["cells"] for key in cell["verdicts"])
    assert "control" not in outcome.text
    table = (place.root / "reports/tiny/table.md").read_text()
    assert "In 4 combinations a model known to convert was found good" in table
    measured = [case for case in place.record(CELLS[0]).cases if case.probe == "control"]
    assert {(case.variant, case.outcome, case.reason) for case in measured} == {
        ("good", "passed", None),
        ("bad", "failed", "mismatch"),
    }


@pytest.mark.parametrize("plan", ["joint", "factored"])
def test_where_what_is_wrong_is_not_found_nothing_is_called_good(controlled, plan):
    place = controlled(altered="none", plan=plan)
    outcome = place.scan()
    assert outcome.exit_code == EXIT_INFRASTRUCTURE
    results = place.results()
    assert {cell["verdict"] for cell in results["cells"]} == {"unknown"}
    assert {cell["error"]["type"] for cell in results["cells"]} == {QUARANTINED}
    assert [found["id"] for found in results["controls"]["quarantined"]] == CELLS
    assert "altered constant passed" in outcome.text
    assert "good/plain: none" in outcome.text
    assert commands.recommend(place.request()).exit_code == EXIT_UNEXPECTED
    with pytest.raises(NothingSelectedError, match="nothing is good"):
        commands.certify(place.request(), place.notices.append)


def test_an_environment_whose_control_fails_is_no_incompatibility_and_its_neighbours_stand(controlled):
    place = controlled(kind="refused", plan="joint")
    place.scan()
    verdicts = {cell["id"]: cell["verdicts"]["good/plain"] for cell in place.results()["cells"]}
    assert verdicts == dict(zip(CELLS, ["unknown", "unknown", "good", "good"], strict=True))
    table = (place.root / "reports/tiny/table.txt").read_text()
    assert f"Quarantined: {CELLS[0]}: even the control that converts everywhere fails at export: RuntimeError" in table


def test_without_controls_the_reports_say_so(workplace):
    workplace.scan()
    assert workplace.results()["controls"]["not_run"] == CELLS
    assert "No control was run in any combination" in (workplace.root / "reports/tiny/table.md").read_text()


@pytest.mark.parametrize(("altered", "verdict"), [("bad", "good"), ("none", "unknown")])
def test_a_wide_scan_believes_its_rows_as_far_as_their_controls_go(controlled, monkeypatch, altered, verdict):
    monkeypatch.setattr(wide, "WIDE", 0)
    place = controlled(altered=altered)
    place.scan()
    published = read_published(place.root / "reports/tiny")
    judged = judge_grid(published.grid)
    assert {case.probe for case in published.grid.cases[1:]} == {"good", "mixed"}
    assert set(judged.verdict[:, judged.of(("good", "plain"))]) == {verdict}
    assert len(published.doubts) == (0 if verdict == "good" else 4)
    text = (place.root / "reports/tiny/grid.md").read_text()
    assert ("Quarantined: " in text) == (verdict == "unknown")


FINISHED = CONTROL.replace("control", "probe").replace("Stand-in for the probes", "Stand-in model with a step after")


@pytest.mark.parametrize("plan", ["joint", "factored"])
def test_what_a_probe_does_after_the_export_is_what_runs(workplace, plan):
    # Rows that differ in their runner alone share the exports of a joint plan through the store.
    workplace.write("probes/finished.py", FINISHED.format(kind="plain", altered="bad"))
    workplace.matrix(plan=plan, probes=("finished",), axes=ONE_TORCH)
    workplace.scan()
    for cell in CELLS[:2]:
        cases = {(case.variant, case.size["n"]): case for case in workplace.record(cell).cases}
        assert {key: case.outcome for key, case in cases.items()} == {
            ("good", 2): "passed", ("good", 3): "passed", ("bad", 2): "failed", ("bad", 3): "failed",
        }  # fmt: skip
        assert {case.facts.get("finished") for (variant, _), case in cases.items() if variant == "bad"} == {
            "weight[0] + 1.0"
        }
        assert cases["bad", 2].stage == "compare"


def test_what_goes_wrong_after_the_export_is_a_failure_of_the_export_in_its_own_words(workplace):
    broken = FINISHED.format(kind="plain", altered="bad").replace(
        'made["weight"][0] += 1.0', 'raise KeyError("no bias")'
    )
    workplace.write("probes/finished.py", broken)
    workplace.matrix(plan="joint", probes=("finished",), axes=ONE_TORCH)
    workplace.scan()
    cases = [case for case in workplace.record(CELLS[0]).cases if case.variant == "bad"]
    assert {(case.stage, case.outcome, case.error.type, case.error.message) for case in cases} == {
        ("export", "failed", "KeyError", "'no bias'")
    }
