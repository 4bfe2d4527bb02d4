"""A model without a source: what keeps the reference from being made says nothing about the rows."""

import pytest
from record_samples import case, mismatch, record, replace

from matrixscan.analysis.factored import RunSide, lent
from matrixscan.analysis.judge import judge_record
from matrixscan.plan.factor import unit_id
from matrixscan.records.types import Error, StageRecord

AXES = {"python": "3.11", "onnxruntime": "1.23.2"}
LANE = ("file", 0)


def adopted(at, outcome="passed", **more):
    kept = {"artifact": f"a{at}", "reference": f"r{at}"} if outcome == "passed" else {}
    more.setdefault("stage", None if outcome == "passed" else "eager")
    return case(outcome, size={"sample": at}, lane=LANE, facts=kept, outputs=(), **more)


def ran(made, end):
    kept = made.facts["artifact"], made.facts["reference"]
    return replace(end, id=unit_id(made.probe, made.variant, made.precision, made.runner, *kept))


def run_side(*cases, **more):
    return RunSide(record("py311-ort1.23.2", cases, resolved={"onnxruntime": "1.23.2"}, **more))


def reference(*cases, **more):
    return record("reference-py311-ort1.19.2", cases, resolved={"onnxruntime": "1.19.2"}, **more)


def test_a_row_is_what_its_own_environment_made_of_the_model():
    first, second = adopted(0), adopted(1)
    side = run_side(ran(first, case(lane=LANE)), ran(second, mismatch(0.5, lane=LANE)))
    made = lent("py311-ort1.23.2", AXES, reference(first, second), side)
    assert [(each.size, each.outcome, each.reason) for each in made.cases] == [
        ({"sample": 0}, "passed", None),
        ({"sample": 1}, "failed", "mismatch"),
    ]
    assert (made.id, made.axes, made.resolved, made.evidence) == (
        "py311-ort1.23.2",
        AXES,
        {"onnxruntime": "1.23.2"},
        "factored",
    )
    assert judge_record(made).verdict == "bad"


@pytest.mark.parametrize("outcome", ["failed", "crashed", "timed_out", "infeasible"])
def test_without_a_reference_nothing_is_judged(outcome):
    first = adopted(0)
    lost = adopted(1, outcome, reason="error", error=Error("Fail", "no such opset"))
    made = lent("py311-ort1.23.2", AXES, reference(first, lost), run_side(ran(first, case(lane=LANE))))
    assert [(each.outcome, each.reason) for each in made.cases] == [("passed", None), ("skipped", "error")]
    message = made.cases[1].error.message
    assert message.startswith(f"eager: {outcome} where the reference is made (Fail: no such opset); ")
    assert judge_record(made).verdict == "unknown"
    # The row is told so also where there was nothing at all to run.
    made = lent("py311-ort1.23.2", AXES, reference(lost), RunSide(None))
    assert [each.outcome for each in made.cases] == ["skipped"]
    assert (made.resolved, made.lock) == ({}, None)


@pytest.mark.parametrize("outcome", ["skipped", "infra"])
def test_what_says_nothing_stays_as_it_is(outcome):
    lost = adopted(0, outcome, reason="blind", error=Error("BlindSamples", "as said"))
    made = lent("py311-ort1.23.2", AXES, reference(lost), RunSide(None))
    assert made.cases == (lost,)


def test_a_reference_whose_environment_failed_is_nobody_elses_failure():
    broken = (StageRecord("resolve", "infeasible", 1.0, Error("NoWheel", "no wheel for it")),)
    made = lent("py311-ort1.23.2", AXES, reference(stages=broken), RunSide(None))
    judged = judge_record(made)
    assert (judged.verdict, judged.stage, judged.outcome) == ("unknown", "resolve", "skipped")
    assert "no wheel for it" in judged.error.message


def test_a_row_whose_own_environment_failed_is_bad():
    broken = (StageRecord("install", "failed", 1.0, Error("InstallError", "broken wheel")),)
    made = lent("py311-ort1.23.2", AXES, reference(adopted(0)), run_side(stages=broken))
    assert (judge_record(made).verdict, made.cases) == ("bad", ())


def test_a_row_that_was_not_run_yet_has_no_record():
    assert lent("py311-ort1.23.2", AXES, reference(adopted(0)), RunSide(None)) is None
    assert lent("py311-ort1.23.2", AXES, None, RunSide(None)) is None
