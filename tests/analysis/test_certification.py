"""Certified is what came out good twice of the same lock, harness and probes; every difference is shown."""

import certified_samples
import pytest
import record_samples as samples
from record_samples import case, mismatch, replace

from matrixscan.analysis.certification import Measured, certification, measured_in_grid
from matrixscan.analysis.grid import grid_of_records
from matrixscan.records.types import Error, Lock, ProbeRecord, StageRecord

KEY = "campplus/published"
OTHER_LOCK = Lock("2" * 64, "r.txt", "cpu", {"torch": "1.11.0+cpu"})
CHANGED = ProbeRecord("p2", "CAM++ speaker embedding", "Apache-2.0", (), {"published": "w1"})
OTHER_WEIGHTS = ProbeRecord("p1", "CAM++ speaker embedding", "Apache-2.0", (), {"published": "w2"})
OTHER_PACKAGES = ProbeRecord("p1", "CAM++ speaker embedding", "Apache-2.0", ("einops==0.8",), {"published": "w1"})


def certify(*again):
    records, landscape = certified_samples.scanned(samples)
    return certified_samples.proof(samples, landscape, records, samples.PASSED, *again).certification


def test_the_same_again_is_certified_for_all_that_was_good():
    found = certify({})
    assert found.certified == (KEY, "campplus/folded")
    assert (found.reasons, found.disagreements, found.times) == ((), (), 1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"lock": OTHER_LOCK}, "another lock"),
        ({"lock": None}, "another lock"),
        ({"harness": "other"}, "harness has changed"),
        ({"probes": {"campplus": CHANGED}}, "probe campplus"),
        ({"probes": {"campplus": OTHER_WEIGHTS}}, "not the same: weights of campplus/published"),
        ({"probes": {"campplus": OTHER_PACKAGES}}, "not the same: packages of campplus"),
        ({"cases": ()}, "not again"),
        ({"cases": (mismatch(0.5), case(variant="folded"), case(variant="folded"))}, None),
        ({"stages": (StageRecord("install", "failed", 1.0, Error("InstallError", "Hash mismatch for x")),)}, "Hash"),
        ({"stages": (StageRecord("resolve", "infra", 1.0, Error("IndexUnreachable", "no answer")),)}, "no answer"),
    ],
)
def test_what_differs_is_a_reason(fields, words):
    found = certify(fields)
    assert KEY not in found.certified
    if words is not None:
        assert found.certified == ()
        assert words in " ".join(found.reasons)


def test_a_case_that_ends_otherwise_is_shown_with_both_words():
    records, _ = certified_samples.scanned(samples)
    cases = list(records[samples.PASSED].cases)
    error = Error("RuntimeError", "first\nsecond")
    cases[0] = replace(cases[0], outcome="failed", stage="run", outputs=(), error=error)
    found = certify({"cases": tuple(cases)})
    (shown,) = found.disagreements
    assert (shown.scan, shown.certification, shown.certification_error) == ("ok", "run: failed", "RuntimeError: first")
    # Another part is good all the same.
    assert found.certified == ("campplus/folded",)


def test_what_decides_nothing_may_differ_and_is_shown():
    records, _ = certified_samples.scanned(samples)
    cases = [replace(each, outcome="passed", stage=None, reason=None, outputs=(samples.output(),))
             if each.probe == "op_pad" else each for each in records[samples.PASSED].cases]  # fmt: skip
    found = certify({"cases": tuple(cases)})
    assert found.certified == (KEY, "campplus/folded")
    assert [each.scan for each in found.disagreements] == ["export: unsupported"]


def test_one_bad_certification_among_good_ones_is_not_forgotten():
    wrong = {"cases": (mismatch(0.5),)}
    assert certify({}, {}).times == 2
    for order in ((wrong, {}), ({}, wrong), ({}, wrong, {})):
        found = certify(*order)
        assert KEY not in found.certified


def test_an_earlier_certification_of_something_else_does_not_count():
    assert KEY in certify({"harness": "older", "cases": (mismatch(0.5),)}, {}).certified
    assert KEY in certify({"lock": OTHER_LOCK, "cases": (mismatch(0.5),)}, {}).certified


def test_good_in_the_certification_alone_is_not_certified():
    scan = Measured("joint", "", "l", ("h",), {}, {}, {KEY: "bad"}, "", {})
    again = replace(scan, verdicts={KEY: "good"})
    found = certification("x", scan, [again])
    assert (found.certified, found.reasons) == ((), ("nothing was good in the scan",))


def test_a_scan_without_a_lock_of_its_own_is_compared_by_its_cases():
    records, landscape = certified_samples.scanned(samples)
    record = records[samples.PASSED]
    grid = grid_of_records([replace(record, evidence="factored")])
    verdicts = {KEY: "good"}
    scan = measured_in_grid(grid, 0, verdicts, {"harness": ["h"], "finished": "2025-01-01T00:00:00Z"})
    assert {name for name, words in scan.cases.items() if words == "ok"} == {
        each.id for each in record.cases if each.outcome == "passed"
    }
    again, _ = certified_samples.judged(replace(record, lock=OTHER_LOCK), landscape.keys)
    assert certification(record.id, scan, [again]).certified == (KEY,)
    other = replace(record, harness="other")
    again, _ = certified_samples.judged(other, landscape.keys)
    assert certification(record.id, scan, [again]).certified == ()
