"""Announced failures: they are marked where they happen, missed where they do not, and never make anything good."""

import datetime as dt

import pytest
from record_samples import MISMATCH, PLAN, SIZES, case, mismatch, record, replace

from matrixscan.analysis.findings import build_finding
from matrixscan.analysis.judge import BAD, GOOD, UNKNOWN, judge_cases, judge_record, settle_cases
from matrixscan.analysis.known import known_failures
from matrixscan.analysis.table import cell_text, finding_lines
from matrixscan.analysis.view import build_view
from matrixscan.records.types import Error, ExpectedFailure, ProbeRecord

LATER, EARLIER = dt.date(2027, 6, 1), dt.date(2024, 12, 31)
FAILS = Error("TypeError", "Tensor has no attribute is_integer")


def announced(match="is_integer", until=LATER, **when):
    return ExpectedFailure(match, "the padding helper", until, when)


def known(announcement, *cases, **more):
    probes = {"campplus": ProbeRecord("d", "s", "l", expected=(announcement,))}
    return known_failures(record(cases=cases, probes=probes, **more), "campplus", settle_cases(cases))


def failing(**more):
    return case("failed", stage="export", reason="error", error=FAILS, **more)


def test_a_failure_that_was_announced_is_found():
    (entry,) = known(announced(), failing(), case(size=SIZES[1]))
    assert (entry.cases, entry.passed, entry.expired) == ((failing().id,), 1, False)


@pytest.mark.parametrize("match", ["^error$", "TypeError: Tensor", "no attribute"])
def test_the_pattern_is_searched_for_in_the_reason_and_in_the_words_of_the_error(match):
    assert known(announced(match), failing())[0].cases


def test_another_failure_in_the_same_place_is_not_the_announced_one():
    other = failing()
    assert known(announced(), replace(other, error=Error("MemoryError", ""))) == ()


@pytest.mark.parametrize("outcome", ["skipped", "infeasible", "infra"])
def test_what_proves_nothing_is_neither_a_failure_nor_a_pass(outcome):
    assert known(announced("."), case(outcome, stage="export", reason="error", error=FAILS)) == ()


@pytest.mark.parametrize(
    ("when", "meant"),
    [
        ({}, True),
        ({"torch": "<2.0"}, True),
        ({"torch": ">=2.0"}, False),
        ({"torch": "<2.0", "exporter": "dynamo"}, False),
        ({"exporter": "torch*", "opset": "<17", "variant": "published", "runner": "onnxruntime-*"}, True),
        ({"opset": 13}, True),
        ({"opset": ">13"}, False),
        ({"t": ">=200,!=345"}, True),
        ({"t": ">200"}, False),
        ({"stage": "export"}, True),
        ({"stage": "run"}, False),
        ({"outcome": "failed", "reason": "err*"}, True),
        ({"outcome": "crashed"}, False),
        ({"pnnx": ">=1"}, False),
    ],
)
def test_every_condition_has_to_hold(when, meant):
    assert bool(known(announced(**when), failing())) == meant


def test_conditions_on_the_failure_do_not_take_away_the_passes():
    (entry,) = known(announced(stage="export"), case())
    assert (entry.cases, entry.passed) == ((), 1)


def test_an_announcement_runs_out_the_day_after_its_date_as_the_record_has_it():
    day = dt.date(2025, 1, 1)  # the samples' own
    assert not known(announced(until=day), failing())[0].expired
    assert known(announced(until=day - dt.timedelta(days=1)), failing())[0].expired


def test_a_probe_without_announcements_or_without_a_record_has_none():
    assert known_failures(record(), "campplus", [failing()]) == ()
    assert known_failures(record(), "unheard_of", [failing()]) == ()


@pytest.mark.parametrize("outcome", ["failed", "passed"])
def test_a_witness_neither_fulfils_an_announcement_nor_outdates_one(outcome):
    seen = case(outcome, stage="export" if outcome == "failed" else None, error=FAILS, witness=True)
    assert known(announced(), seen) == ()


def view(*cases, announcement):
    probes = {"campplus": ProbeRecord("d", "s", "l", expected=(announcement,))}
    return build_view("m", "", [PLAN[3]], [record(MISMATCH, cases, probes=probes)])


def finding(*cases, announcement):
    return view(*cases, announcement=announcement).cells[0].findings["campplus/published"]


def test_an_announced_failure_is_marked_and_is_still_bad():
    scan = view(failing(), case(size=SIZES[1]), announcement=announced())
    (cell,) = scan.cells
    found = cell.findings["campplus/published"]
    assert (cell.verdict, found.verdict, found.bad, found.surprising) == (BAD, BAD, 1, 0)
    assert cell_text(found).startswith("as announced: export: TypeError: Tensor has no attribute is_integer")
    assert "; 1 of 2 cases bad" in cell_text(found)
    (line,) = finding_lines(scan)
    assert line.endswith("; announced until 2027-06-01: the padding helper")
    assert scan.warnings == ()


def test_what_nobody_announced_is_named_although_it_comes_at_a_later_stage():
    found = finding(failing(), mismatch(0.5, size=SIZES[1]), announcement=announced())
    assert (found.verdict, found.bad, found.surprising) == (BAD, 2, 1)
    assert cell_text(found).startswith("compare: mismatch, max_abs 0.5 at t=345")


def test_an_announced_failure_of_a_witness_covers_no_other_case():
    seen = failing(runner="onnx-reference", witness=True)
    found = finding(mismatch(0.5), seen, announcement=announced())
    assert (found.bad, found.surprising) == (1, 1)
    assert not cell_text(found).startswith("as announced")


def test_an_announcement_that_ran_out_marks_nothing_and_is_warned_about():
    scan = view(failing(), announcement=announced(until=EARLIER))
    found = scan.cells[0].findings["campplus/published"]
    assert (found.announced, found.surprising) == ((), 1)
    assert cell_text(found).startswith("export: TypeError")
    (warning,) = scan.warnings
    assert "ran out on 2024-12-31" in warning


def test_a_failure_that_went_away_is_warned_about():
    scan = view(case(), case(size=SIZES[1]), announcement=announced())
    assert scan.cells[0].verdict == GOOD
    (warning,) = scan.warnings
    assert "announced to fail (the padding helper), and all 2 passed" in warning


def test_no_announcement_turns_a_failure_into_something_good():
    for when in ({}, {"stage": "export"}, {"torch": "<9"}):
        scan = view(failing(), case(size=SIZES[1]), announcement=announced(".", **when))
        assert scan.cells[0].verdict == BAD


def witness(outcome, **more):
    return case(outcome, runner="onnx-reference", witness=True, **more)


@pytest.mark.parametrize("outcome", ["failed", "crashed", "timed_out", "skipped", "infra", "infeasible"])
def test_a_witness_that_does_not_pass_changes_no_verdict(outcome):
    cases = [case(), witness(outcome)]
    assert judge_cases(cases).verdict == GOOD
    assert judge_record(record(cases=cases)).verdict == GOOD


def test_a_witness_that_passes_makes_nothing_good():
    assert judge_cases([case("failed"), witness("passed")]).verdict == BAD
    assert judge_cases([witness("passed")]).verdict == UNKNOWN
    assert judge_record(record(cases=[witness("passed")])).verdict == UNKNOWN


def test_a_finding_counts_and_names_no_witness():
    wrong = mismatch(9.0, runner="onnx-reference", witness=True, size=SIZES[1])
    found = build_finding("campplus", "published", settle_cases([mismatch(0.5), wrong]), None)
    assert (found.bad, found.counted, found.figure.max_abs) == (1, 1, 0.5)
    assert found.working_lanes() == ()


def test_a_witness_does_not_make_applicable_what_exists_nowhere():
    nowhere = case("infeasible", stage="load", reason="unsupported")
    found = build_finding("campplus", "published", settle_cases([nowhere, witness("passed")]), None)
    assert (found.verdict, cell_text(found)) == (UNKNOWN, "n/a")


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_a_witness_alone_says_nothing(outcome):
    found = build_finding("campplus", "published", settle_cases([witness(outcome)]), None)
    assert (found.verdict, found.bad, found.working_lanes()) == (UNKNOWN, 0, ())
    assert cell_text(found).startswith("unknown")
