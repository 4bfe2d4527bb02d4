"""The record of a combination, from those of its sides."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_samples import axes, case, output, record, replace

from matrixscan.analysis.factored import RunSide, join
from matrixscan.analysis.landscape import landscape_of_view
from matrixscan.analysis.ranking import Terms, rank
from matrixscan.analysis.recommended import recommended
from matrixscan.analysis.view import build_view
from matrixscan.matrix.types import Recommend
from matrixscan.plan.factor import unit_id
from matrixscan.plan.types import Case
from matrixscan.records.types import Error, StageRecord

AXES = axes(("3.8", "1.11.0", "1.14.1", "1.16.1"))
NAME = "py38-torch1.11.0-onnx1.14.1-ort1.16.1"


def exported(number=1, **more):
    facts = {"artifact": f"a{number}", "reference": f"r{number}", "artifact_bytes": 5}
    return case(size={"t": number}, facts=facts, outputs=(), seconds={"export": 1.0}, **more)


def planned(count):
    """Return the cases of the plan: what a record lacks of them was not run."""
    made = [exported(at) for at in range(count)]
    return [Case(**{name: getattr(one, name) for name in Case.__struct_fields__}) for one in made]


def unit(number=1, outcome="passed", **more):
    name = unit_id("campplus", "published", "fp32", "onnxruntime-cpu", f"a{number}", f"r{number}")
    return replace(case(outcome, seconds={"run": 2.0}, facts={"runner_ms": 1.0}, **more), id=name)


def side(cases=(), **more):
    return record("side", cases, **({"evidence": "factored"} | more))


def joined(exports, runs, **more):
    return join(NAME, AXES, side(exports, **more), RunSide(side(runs, resolved={"onnxruntime": "1.16.1"})))


def test_a_case_that_was_exported_is_what_the_run_side_says():
    made = joined([exported()], [unit(outputs=(output(max_abs=1e-3),))])
    (one,) = made.cases
    assert (one.id, one.outcome, one.outputs[0].max_abs) == (exported().id, "passed", 1e-3)
    assert one.seconds == {"export": 1.0, "run": 2.0}
    assert one.facts == {"artifact": "a1", "reference": "r1", "artifact_bytes": 5, "runner_ms": 1.0}
    assert (made.id, made.axes, made.evidence, made.lock) == (NAME, AXES, "factored", None)
    assert made.resolved["onnxruntime"] == "1.16.1"


@pytest.mark.parametrize("outcome", ["failed", "skipped", "crashed", "timed_out", "infeasible", "infra"])
def test_a_case_that_was_not_exported_is_what_the_export_side_says(outcome):
    there = exported()
    other = replace(there, outcome=outcome, stage="export", reason="error")
    assert joined([other], [unit()]).cases == (other,)


@pytest.mark.parametrize("outcome", ["failed", "skipped", "crashed", "timed_out", "infeasible", "infra"])
def test_what_went_wrong_while_running_is_the_outcome(outcome):
    (one,) = joined([exported()], [unit(outcome=outcome, stage="load", error=Error("X", "words"))]).cases
    assert (one.stage, one.outcome, one.error.message) == ("load", outcome, "words")


def test_what_was_not_run_is_left_out_and_counts_as_not_run():
    made = joined([exported(0), exported(1)], [unit(0)])
    assert [one.size for one in made.cases] == [{"t": 0}]
    view = build_view("m", "", [(NAME, AXES)], [made], judged=["campplus"], cases=planned(2))
    assert view.cells[0].verdict == "unknown"


def test_an_export_that_left_nothing_is_trouble_of_ours():
    (one,) = joined([replace(exported(), facts={})], [unit()]).cases
    assert (one.outcome, one.error.type) == ("infra", "ContradictoryRecord")


@pytest.mark.parametrize("broken", ["export", "run"])
@pytest.mark.parametrize("outcome", ["infeasible", "failed", "infra", "skipped"])
def test_an_environment_that_failed_ends_the_combination(broken, outcome):
    stages = (StageRecord("resolve", "passed", 1.0), StageRecord("install", outcome, 1.0, Error("X", "words")))
    sides = {"export": side([exported()]), "run": side([unit()])}
    sides[broken] = replace(sides[broken], stages=stages)
    made = join(NAME, AXES, sides["export"], RunSide(sides["run"]))
    assert made.cases == ()
    assert [(stage.stage, stage.outcome) for stage in made.stages] == [("install", outcome)]
    verdict = build_view("m", "", [(NAME, AXES)], [made], judged=["campplus"], cases=planned(1)).cells[0].verdict
    assert verdict == ("bad" if outcome in {"infeasible", "failed"} else "unknown")


def test_a_side_without_a_record_leaves_none():
    assert join(NAME, AXES, None, RunSide(side())) is None
    assert join(NAME, AXES, side(), RunSide(None)) is None


def test_a_run_side_that_had_nothing_to_run_has_a_record_all_the_same():
    other = replace(exported(), outcome="failed", stage="export")
    made = joined([other], [])
    assert build_view("m", "", [(NAME, AXES)], [made], judged=["campplus"]).cells[0].verdict == "bad"


def test_what_is_factored_is_a_candidate_of_low_confidence_and_no_recommendation():
    made = joined([exported()], [unit()])
    view = build_view("m", "", [(NAME, AXES)], [made], judged=["campplus"])
    assert (view.cells[0].verdict, view.cells[0].evidence) == ("good", "factored")
    landscape = landscape_of_view(view, {NAME: "2025-01-01T00:00:00Z"})
    (candidate,) = rank(landscape, landscape.scopes()[0], Terms(dt.date(2025, 1, 2))).candidates
    assert (candidate.standing.id, candidate.confidence) == (NAME, "low")
    assert "never in one environment" in candidate.reasons[0].words
    assert recommended(landscape, (), Recommend(), {}) is None


outcomes = st.sampled_from(["passed", "failed", "skipped", "crashed", "timed_out", "infeasible", "infra"])


@given(st.lists(st.tuples(outcomes, st.none() | outcomes), max_size=6))
def test_a_combination_is_good_only_where_both_sides_are(pairs):
    exports = [replace(exported(at), outcome=out) for at, (out, _) in enumerate(pairs)]
    runs = [unit(at, outcome=out) for at, (_, out) in enumerate(pairs) if out is not None]
    made = joined(exports, runs)
    cases = planned(len(pairs))
    verdict = build_view("m", "", [(NAME, AXES)], [made], judged=["campplus"], cases=cases).cells[0].verdict
    assert (verdict == "good") == (bool(pairs) and set(pairs) == {("passed", "passed")})
