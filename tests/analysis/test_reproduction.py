import pytest
import record_samples as samples

from matrixscan.analysis.blame import Blame
from matrixscan.analysis.explained import Explanation
from matrixscan.analysis.reproduction import elsewhere, tracker
from matrixscan.records.reproduction import Reduced


@pytest.mark.parametrize(
    ("stage", "nodes", "reference", "whose"),
    [
        ("export", 0, None, "exporter"),
        ("check", 1, None, "exporter"),
        ("load", 1, None, "runtime"),
        ("run", 1, None, "runtime"),
        ("compare", 1, "expected", "runtime"),
        ("compare", 5, "expected", "runtime"),
        ("compare", 1, "actual", "exporter"),
        ("compare", 1, "neither", "runtime"),
        ("compare", 1, "unknown", "runtime"),
        ("compare", 3, "neither", "exporter"),
    ],
)
def test_whose_a_failure_looks_like(stage, nodes, reference, whose):
    kind = "export" if stage == "export" else "graph"
    assert tracker(Reduced(kind, stage, 1.0, nodes_after=nodes, reference=reference), None) == whose


def test_the_same_case_elsewhere_is_told_with_how_it_ended():
    cases = {
        "here": samples.mismatch(0.5),
        "passed": samples.case(),
        "unlike": samples.case("failed", stage="run", reason="error"),
        "skipped": samples.case("skipped", stage="build", reason="requirement"),
        "other": samples.case(probe="another"),
    }
    records = [samples.record(name, [case]) for name, case in cases.items()]
    found = elsewhere(records, records[0], cases["here"])
    assert [(other.id, other.ended) for other in found] == [("passed", "passed"), ("unlike", "run: failed")]


@pytest.mark.parametrize(
    ("fault", "whose"),
    [
        ("runtime kernel", "runtime"),
        ("runtime optimizer", "runtime"),
        ("exporter", "exporter"),
        ("unknown", "exporter"),
    ],
)
def test_who_is_at_fault_says_whose_tracker_it_is(fault, whose):
    reduced = Reduced("graph", "compare", 1.0, nodes_after=1, reference="actual")
    found = Explanation("cell", "p", "v", "case", 1, Blame(fault, "a-rule"))
    assert tracker(reduced, found) == whose
