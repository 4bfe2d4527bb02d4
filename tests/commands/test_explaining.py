"""explain, on published records: the command line and the command behind it."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))
from factored_samples import tables
from record_samples import case, mismatch, record, replace

from matrixscan import commands
from matrixscan.analysis.grid_files import read_published
from matrixscan.analysis.rules_file import rules_text
from matrixscan.analysis.rules_grid import rulebook
from matrixscan.errors import MatrixNotFoundError, NothingSelectedError, UnknownNameError
from matrixscan.records.types import StageRecord
from matrixscan.store.parquet import write_exports, write_runs
from matrixscan.store.reports import Reports
from matrixscan.store.sides import EXPORTS, RUNS

TORCH = ("1.13.1", "2.0.1", "2.4.1", "2.10.0")
ORT = ("1.16.1", "1.19.2", "1.20.1")


def records():
    """Return records in which CAM++ is wrong from torch 2.4 to onnxruntime 1.19, and one without an environment."""
    found = []
    for torch in TORCH:
        for ort in ORT:
            axes = {"python": "3.11", "torch": torch, "onnx": "1.16.1", "onnxruntime": ort}
            wrong = torch in TORCH[2:] and ort in ORT[:2]
            cases = [mismatch(0.3) if wrong else case(), case(lane=("dynamo", 18)), case(probe="op_pad", variant="v")]
            made = record(cases=cases)
            found.append(replace(made, id=f"py311-torch{torch}-onnx1.16.1-ort{ort}", axes=axes))
    broken = tuple(
        StageRecord(stage, outcome, 1.0) for stage, outcome in (("resolve", "passed"), ("install", "failed"))
    )
    axes = {"python": "3.11", "torch": "2.10.0", "onnx": "1.16.1", "onnxruntime": "1.23.0"}
    return [*found, replace(found[0], id="py311-torch2.10.0-onnx1.16.1-ort1.23.0", axes=axes, stages=broken, cases=())]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for each in records():
        Reports(tmp_path / "reports", "mine").write(each)
    return tmp_path


@pytest.mark.usefixtures("project")
def test_the_probes_that_decide_are_explained_and_the_others_are_mentioned():
    text = commands.explain("matrices/mine.toml").text
    assert text.splitlines()[:6] == [
        "mine: 13 combinations, joint evidence",
        "",
        "campplus/published",
        "  compare: mismatch iff torch >= 2.4.1 and onnxruntime < 1.20.1",
        "    4 of 4 combinations that show it and 0 of 8 good ones; no counter-example; 1 more say nothing about it",
        "    nothing tested between torch 2.0.1 and 2.4.1; onnxruntime 1.19.2 and 1.20.1",
    ]
    assert "    with torchscript 13: compare: mismatch by the same rule, 4 of 4" in text
    assert "    with dynamo 18: good in all 12 combinations that say something" in text
    assert "environment\n  install: failed iff onnxruntime >= 1.23.0" in text
    assert "op_pad" not in text
    assert "--probe 'op_*'" in text


@pytest.mark.usefixtures("project")
def test_probes_and_findings_can_be_chosen():
    assert commands.explain("mine", ["op_*"]).text.endswith(
        "op_pad/v\n  good in all 12 combinations that say something\n"
    )
    text = commands.explain("mine", finding="mismatch").text
    assert "install" not in text
    assert "campplus/published\n  compare: mismatch iff" in text
    with pytest.raises(UnknownNameError, match="unknown probe 'camplus'; did you mean 'campplus'"):
        commands.explain("mine", ["camplus"])
    with pytest.raises(UnknownNameError, match="unknown finding 'mismatches'; choose from: bad, compare: mismatch"):
        commands.explain("mine", finding="mismatches")


@pytest.mark.usefixtures("project")
def test_every_lane_is_told_apart_where_that_is_asked():
    text = commands.explain("mine", ["op_pad"], lanes=True).text
    assert "    with torchscript 13: good in all 12 combinations that say something" in text


def test_without_results_there_is_nothing_to_explain(project):
    (project / "matrices").mkdir()
    (project / "matrices/empty.toml").touch()
    with pytest.raises(NothingSelectedError, match="empty has no results; scan the matrix first"):
        commands.explain("empty")
    with pytest.raises(MatrixNotFoundError, match=r"no matrix file 'emty'; choose from: matrices/empty\.toml"):
        commands.explain("emty")


def test_a_factored_scan_is_explained_alike_and_says_what_it_is(project):
    exports, runs = tables(records())
    folder = project / "reports/apart"
    folder.mkdir()
    write_exports(folder / EXPORTS, exports)
    write_runs(folder / RUNS, runs)
    joint, apart = commands.explain("mine", ["campplus"]).text, commands.explain("apart", ["campplus"]).text
    assert apart.splitlines()[0] == "apart: 13 combinations, factored evidence"
    assert apart.splitlines()[1:] == joint.splitlines()[1:]


def test_rules_json_holds_each_rule_set_once_and_every_finding(project):
    published = read_published(project / "reports/mine")
    held = json.loads(rules_text(rulebook(published.grid, ["campplus"]), "mine"))
    assert (held["schema_version"], held["matrix"], held["evidence"], held["combinations"]) == (
        1,
        "mine",
        ["joint"],
        13,
    )
    told = {(f["probe"], f["finding"], *f["lanes"]): held["rule_sets"][f["rule_set"]] for f in held["findings"]}
    bad, wrong = told["campplus", "bad"], told["campplus", "compare: mismatch"]
    assert bad == wrong
    (rule,) = bad["rules"]
    assert [bound["half"] for bound in rule["bounds"]] == [
        {"axis": "torch", "sign": ">=", "version": "2.4.1"},
        {"axis": "onnxruntime", "sign": "<", "version": "1.20.1"},
    ]
    assert told["campplus", "bad", "dynamo/opset18/fp32/onnxruntime-cpu"]["state"] == "never"
    assert told["environment", "install: failed"]["positives"] == 1
    assert len({json.dumps(each) for each in held["rule_sets"]}) == len(held["rule_sets"])
