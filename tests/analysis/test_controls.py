"""What becomes of an environment whose controls do not come out as they have to, rule by rule."""

import datetime as dt
from pathlib import Path

import msgspec
import numpy as np
import pytest
from record_samples import CRASHED, MISMATCH, MISSING, PASSED, case, mismatch, record, replace

from matrixscan.analysis.controls import QUARANTINED, Seen, lane_state, trusted, whole_doubt
from matrixscan.analysis.grid import grid_of_records
from matrixscan.analysis.grid_controls import trusted_grid
from matrixscan.analysis.grid_verdicts import judge_grid
from matrixscan.analysis.judge import judge_record
from matrixscan.matrix.controls import control_probe
from matrixscan.records.types import Error, ExpectedFailure, ProbeRecord
from matrixscan.store.published import published_records

REPORTS = Path(__file__).parents[2] / "reports"

PASS = Seen(None, "passed", None, "")
FOUND = Seen("compare", "failed", "mismatch", "")
BROKEN = Seen("export", "failed", "error", "RuntimeError: no such operator")
LANES = (("torchscript", 13), ("dynamo", 18))


@pytest.mark.parametrize(
    ("good", "bad", "state"),
    [
        ((PASS, PASS), (FOUND, FOUND), "controlled"),
        ((PASS, PASS), (FOUND, PASS), "blind"),
        ((BROKEN,), (PASS,), "blind"),
        ((BROKEN,), (BROKEN,), "doubted"),
        ((PASS, Seen("compare", "failed", "mismatch", "")), (FOUND, FOUND), "doubted"),
        ((Seen("run", "crashed", None, "SIGSEGV: "),), (), "doubted"),
        ((Seen("run", "timed_out", None, ""),), (), "doubted"),
        ((PASS,), (Seen("run", "failed", "error", "InvalidArgument: x"),), "doubted"),
        ((PASS,), (Seen("export", "failed", "error", "NoControlError: cannot"),), "mute"),
        ((Seen("export", "infeasible", "unsupported", ""),) * 2, (), "mute"),
        ((Seen("build", "skipped", "requirement", ""),), (), "mute"),
        ((Seen("export", "infra", "error", "OSError: full"),), (), "mute"),
        ((), (), "mute"),
        ((PASS,), (), "mute"),
    ],
)
def test_what_two_controls_say_of_their_lane(good, bad, state):
    assert lane_state(good, bad, lambda _: False).state == state


def test_a_failure_somebody_looked_at_is_honest():
    assert lane_state((BROKEN,), (BROKEN,), lambda seen: seen is BROKEN).state == "honest"
    # One that compares wrongly is none of the versions', whatever they are.
    assert lane_state((BROKEN,), (PASS,), lambda _: True).state == "blind"


def test_the_words_say_what_happened_and_where():
    words = lane_state((BROKEN,), (), lambda _: False).words
    assert words.endswith("fails at export: RuntimeError: no such operator")
    assert "SIGSEGV" in lane_state((Seen("run", "crashed", None, "SIGSEGV: x"),), (), lambda _: False).words


def test_one_doubted_lane_is_quarantined_alone_and_all_of_them_are_the_environment():
    ours, theirs, witness = (("a", 1, "fp32", "r"), ("b", 1, "fp32", "r"), ("a", 1, "fp32", "w"))
    state = {name: lane_state((seen,), (FOUND,), lambda _: False) for name, seen in (("ok", PASS), ("no", BROKEN))}
    assert whole_doubt({ours: state["ok"], theirs: state["ok"]}, ()) is None
    assert whole_doubt({ours: state["ok"], theirs: state["no"]}, ())[1] == (theirs,)
    assert whole_doubt({ours: state["no"], theirs: state["no"]}, ())[1] == ()
    # A witness that agrees does not save an environment.
    assert whole_doubt({ours: state["no"], witness: state["ok"]}, {"w"})[1] == ()
    blind = lane_state((PASS,), (PASS,), lambda _: False)
    assert whole_doubt({ours: blind, theirs: state["ok"]}, ())[1] == ()


def controls(lanes=LANES, good="passed", bad="mismatch", **more):
    """Return the cases of both controls in some lanes."""
    found = []
    for lane in lanes:
        place = {"probe": "control", "lane": lane, **more}
        failed = {"stage": "export", "reason": "error", "error": Error("RuntimeError", "no")}
        found.append(
            case(variant="good", **place) if good == "passed" else case(good, variant="good", **place, **failed)
        )
        found.append(case(variant="bad", **place) if bad == "passed" else mismatch(0.5, variant="bad", **place))
    return found


def users(lanes=LANES):
    return [case(probe=probe, lane=lane) for probe in ("campplus", "other") for lane in lanes]


def verdicts(records, **more):
    trust = trusted(records)
    return trust, {kept.id: judge_record(kept, **more).verdict for kept in trust.records}


def test_controls_that_come_out_right_are_left_out_and_change_nothing():
    plain, controlled = record(cases=users()), record(cases=[*controls(), *users()])
    trust = trusted([controlled])
    assert trust.records == (plain,)
    assert (trust.doubts, trust.controlled, trust.uncontrolled) == ((), (PASSED,), ())
    assert trusted([plain]).uncontrolled == (PASSED,)


def test_a_bad_control_that_passes_withdraws_everything():
    trust, judged = verdicts([record(cases=[*controls(LANES[:1], bad="passed"), *controls(LANES[1:]), *users()])])
    assert judged == {PASSED: "unknown"}
    assert {kept.outcome for kept in trust.records[0].cases} == {"infra"}
    assert {kept.error.type for kept in trust.records[0].cases} == {QUARANTINED}


def test_a_good_control_that_fails_withdraws_its_lane_alone():
    trust, judged = verdicts([record(cases=[*controls(LANES[:1]), *controls(LANES[1:], good="failed"), *users()])])
    assert judged == {PASSED: "unknown"}
    outcomes = {(kept.exporter, kept.outcome) for kept in trust.records[0].cases}
    assert outcomes == {("torchscript", "passed"), ("dynamo", "infra")}
    assert trust.controlled == (PASSED,)


def test_what_does_not_exist_in_a_doubted_lane_still_does_not():
    absent = case("infeasible", stage="export", reason="unsupported", lane=LANES[1])
    found = trusted([record(cases=[*controls(good="failed"), absent])]).records[0].cases
    assert found == (absent,)


def test_what_is_announced_in_the_control_is_no_doubt_until_its_date():
    announced = ExpectedFailure("^RuntimeError: no", "looked at", dt.date(2030, 1, 1), {"exporter": "dynamo"})
    probe = ProbeRecord("d", "s", "MIT", expected=(announced,))
    one = record(cases=[*controls(LANES[1:], good="failed"), *users()])
    one = replace(one, probes={**one.probes, "control": probe})
    assert trusted([one]).doubts == ()
    late = replace(one, finished="2031-01-01T00:00:00+00:00")
    assert len(trusted([late]).doubts) == 1


def all_fail(cell, probes=("a", "b", "c"), kind="RuntimeError", outcome="failed", reason="error"):
    failed = {"stage": "export", "reason": reason, "error": Error(kind, "no")}
    return record(cell, [case(outcome, probe=probe, **failed) for probe in probes], judged=("a",))


def all_pass(cell, probes=("a", "b", "c")):
    return record(cell, [case(probe=probe) for probe in probes], judged=("a",))


def test_everything_at_once_for_one_reason_and_elsewhere_not_is_a_doubt():
    trust, judged = verdicts([all_pass(PASSED), all_fail(MISSING)])
    assert judged == {PASSED: "good", MISSING: "unknown"}
    assert "all 3 probes fail for one reason (export: RuntimeError)" in trust.doubts[0].words


@pytest.mark.parametrize(
    "records",
    [
        [all_fail(PASSED), all_fail(MISSING)],  # everywhere: no flip
        [all_pass(PASSED, ("a", "b")), all_fail(MISSING, ("a", "b"))],  # two probes prove nothing
        [all_pass(PASSED), replace(all_fail(MISSING), cases=(*all_fail(MISSING).cases[:2], case(probe="c")))],
        [all_pass(PASSED), replace(all_fail(MISSING), cases=(*all_fail(MISSING).cases[:2], mismatch(0.1, probe="c")))],
        # Three models of a kind may well fail alike where the control does not.
        [all_pass(PASSED), replace(all_fail(MISSING), cases=(*all_fail(MISSING).cases, *controls()))],
    ],
)
def test_and_short_of_that_it_is_a_finding(records):
    assert trusted(records).doubts == ()


def test_what_is_as_likely_the_machine_is_a_doubt_whatever_the_control_says():
    slow = all_fail(MISSING, outcome="timed_out", reason=None)
    slow = replace(slow, cases=(*slow.cases, *controls()))
    assert len(trusted([all_pass(PASSED), slow]).doubts) == 1


def test_an_environment_that_cannot_be_is_a_finding_without_controls():
    broken = record(MISSING, [])
    assert trusted([broken]).uncontrolled == ()


SCANS = {
    "right": [record(PASSED, [*controls(), *users()]), record(MISSING, [*controls(), *users()])],
    "blind": [record(PASSED, [*controls(bad="passed"), *users()]), record(MISSING, [*controls(), *users()])],
    "one lane": [record(PASSED, [*controls(LANES[:1]), *controls(LANES[1:], good="failed"), *users()])],
    "all lanes": [record(PASSED, [*controls(good="failed"), *users()])],
    "none": [record(PASSED, users()), record(MISSING, users()[:1])],
    "at once": [all_pass(PASSED), all_fail(MISSING), all_fail(CRASHED, ("a", "b"))],
    "at once, vouched": [all_pass(PASSED), replace(all_fail(MISSING), cases=(*all_fail(MISSING).cases, *controls()))],
    "mixed": [record(MISMATCH, [*controls(), *users(), mismatch(0.3, variant="fixed")])],
}


@pytest.mark.parametrize("name", SCANS)
def test_a_grid_is_trusted_as_its_records_are(name):
    trust = trusted(SCANS[name])
    grid = trusted_grid(grid_of_records(SCANS[name]), dt.date(2026, 1, 1))
    assert not any(key.probe == "control" for key in grid.grid.cases)
    assert sorted(grid.doubts, key=lambda doubt: doubt.id) == list(trust.doubts)
    assert (sorted(grid.controlled), sorted(grid.uncontrolled)) == (list(trust.controlled), list(trust.uncontrolled))
    expected = judge_grid(grid_of_records(trust.records))
    found = judge_grid(grid.grid)
    ids = [one.id for one in trust.records]
    order = [ids.index(one.id) for one in SCANS[name]]
    assert found.subjects == expected.subjects
    assert np.array_equal(found.verdict, expected.verdict[order])


def test_the_controls_that_come_with_matrixscan_say_so_themselves():
    probe = control_probe()
    assert probe.variants == ("good", "bad")
    assert probe.family
    assert not probe.dependencies
    assert len(probe.run_sizes) == 1
    assert all(msgspec.structs.asdict(known)["reason"] for known in probe.expected)


@pytest.mark.parametrize("matrix", ["default", "ncnn", "opinfo", "seeds", "smoke", "zoo"])
def test_what_was_published_before_there_were_controls_stands_as_it_was(matrix):
    records = [one for one in published_records(REPORTS / matrix) if not any(c.probe == "control" for c in one.cases)]
    trust = trusted(records)
    assert trust.doubts == ()
    assert {one.id: one.cases for one in trust.records} == {one.id: one.cases for one in records}
