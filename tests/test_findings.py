import importlib.util
import shutil
from pathlib import Path

import msgspec
import pytest

from matrixscan.analysis.flips import flips
from matrixscan.analysis.grid_evidence import GridExperience
from matrixscan.analysis.grid_files import read_published
from matrixscan.analysis.grid_why import with_blame
from matrixscan.errors import NothingSelectedError
from matrixscan.records.types import Error, Record
from matrixscan.records.upgrade import decode_record
from matrixscan.reporters._flips import render_flips
from matrixscan.store import parquet
from matrixscan.store.parquet_cases import records_to_parquet
from matrixscan.store.published import published_records
from matrixscan.store.reports import Reports

ROOT = Path(__file__).parent.parent


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


findings = load(ROOT / "docs/update_findings.py")


@pytest.fixture
def reports(tmp_path):
    """Return a folder of reports with the published records of ncnn as `eras`, and their flips."""
    folder = tmp_path / "eras"
    for record in published_records(ROOT / "reports/ncnn"):
        Reports(tmp_path, "eras").write(record)
    grid = read_published(folder).grid
    told = with_blame(flips(grid), GridExperience(grid))
    (folder / "flips.json").write_text(render_flips(told), encoding="utf-8")
    return tmp_path


def test_the_page_tells_the_flips_of_the_records(reports):
    text = findings.rendered(reports)
    assert "`reports/eras/flips.json`" in text
    assert "- Measured from 2026-" in text
    assert "- **ecapa** (pnnx, fp16, in ncnn), pnnx 20260526 → 20261020: `compare: precision` → `ok`: 6 cases" in text
    assert "Agreement" not in text
    assert findings.rendered(reports) == text


def test_the_published_page_is_that_of_the_published_tables():
    assert (ROOT / "docs/findings.md").read_text(encoding="utf-8") == findings.rendered(ROOT / "reports")


def test_flips_that_the_tables_do_not_give_are_refused(reports):
    (reports / "eras/flips.json").write_text("[]\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="not current"):
        findings.rendered(reports)


def test_joint_records_are_compared_where_they_are_published(reports):
    shutil.copytree(reports / "eras/records", reports / "eras_joint/records")
    assert "9 combinations were also measured jointly" in findings.rendered(reports)


def test_what_both_kinds_of_evidence_say_differently_is_shown_with_its_words(reports):
    known = Reports(reports, "eras")
    for number, path in enumerate(sorted((reports / "eras/records").glob("*.json"))):
        record = known.read(path.stem)
        if not number:
            error = Error("SerdeError", "[ONNXRuntimeError] : 1 : FAIL : cannot write it\nmore")
            changed = [
                msgspec.structs.replace(case, stage="export", outcome="failed", reason="error", error=error)
                if case.outcome == "passed" and case.exporter == "pnnx"
                else case
                for case in record.cases
            ]
            record = msgspec.structs.replace(record, cases=tuple(changed))
        Reports(reports, "eras_joint").write(record)
    text = findings.rendered(reports)
    (row,) = [line for line in text.splitlines() if "SerdeError: cannot write it" in line]
    assert row.startswith("| ok | export: error | ")
    assert "python 3.13, torch 2.15.0, ncnn 1.0.20240820, pnnx 20240226" in row
    assert "Where they differ, both are shown:" in text


def test_a_scan_reads_the_same_from_records_cases_and_tables(reports, tmp_path):
    paths = sorted((reports / "eras/records").glob("*.json"))
    records = [decode_record(path.read_bytes(), path) for path in paths]
    assert all(isinstance(record, Record) for record in records)
    whole = tmp_path / "whole"
    records_to_parquet(records, whole / "cases.parquet")
    factored = tmp_path / "factored"
    exports, runs = load(ROOT / "tests/analysis/factored_samples.py").tables(records)
    parquet.write_exports(factored / "exports.parquet", exports)
    parquet.write_runs(factored / "runs.parquet", runs)
    text = render_flips(flips(read_published(reports / "eras").grid))
    for folder in (whole, factored):
        assert render_flips(flips(read_published(folder).grid)) == text
    assert read_published(whole).about == read_published(reports / "eras").about


def test_a_folder_without_results_says_so(tmp_path):
    with pytest.raises(NothingSelectedError, match="scan the matrix first"):
        read_published(tmp_path)
