"""verdicts.json of an ordinary scan, and of a wide one from its grid."""

import json

import pytest

from matrixscan.analysis.grid import grid_of_records
from matrixscan.analysis.known_pins_index import decode_index
from matrixscan.analysis.known_pins_made import index_of_grid
from matrixscan.reporters import verdicts_json


@pytest.fixture
def index(scan_view):
    return decode_index(verdicts_json.render(scan_view).encode())


def said(index, subject):
    return {
        tuple(index.axes_of(row).values())[1]: index.findings[place] for row, place in enumerate(index.column(subject))
    }


def test_every_measured_combination_is_a_row_with_its_verdict(index, scan_view):
    measured = [cell for cell in scan_view.cells if cell.evidence != "none"]
    assert [index.axes_of(row) for row in range(len(index.rows))] == [cell.axes for cell in measured]
    for subject in scan_view.subjects:
        verdicts = [index.findings[place].verdict for place in index.column(subject.key)]
        assert verdicts == [cell.verdicts[subject.key] for cell in measured]


def test_findings_and_facts_are_in_words(index):
    found = said(index, "campplus/published")
    assert found["1.11.0"].words == ""
    assert found["2.4.1"].words.startswith("compare: mismatch, max_abs 0.451")
    assert found["2.9.0"].words.startswith("install: ")
    assert index.packages_of(0) == {"torch": "1.11.0+cpu", "typing-extensions": "4.1"}
    assert index.dates == ("2025-01-01",)
    assert (index.platforms[0].system, index.platforms[0].machine) == ("Linux", "x86_64")


def test_only_what_decides_is_marked_so(index):
    deciding = [subject.key for subject in index.subjects if subject.decides]
    assert deciding == ["campplus/published"]
    assert len(index.subjects) > 1


def test_a_scan_without_records_is_an_index_without_rows(record_samples):
    text = verdicts_json.render(record_samples.scan([]))
    assert json.loads(text)["rows"] == []
    assert decode_index(text.encode()) is not None


def test_a_grid_says_what_the_view_says(index, record_samples):
    grid = grid_of_records(record_samples.samples())
    made = index_of_grid(grid, "default", {("campplus", "published")}, {})
    for subject in ("campplus/published", "campplus/folded", "op_pad/default"):
        old, new = said(index, subject), said(made, subject)
        assert {torch: judged.verdict for torch, judged in new.items()} == {
            torch: judged.verdict for torch, judged in old.items()
        }
    assert said(made, "campplus/published")["2.4.1"].words.startswith("compare: mismatch (torchscript, opset 13, t")
