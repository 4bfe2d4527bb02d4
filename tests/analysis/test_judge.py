import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import SIZES, case, infeasible, mismatch, output, record, replace

from matrixscan.analysis.conflicts import data_conflicts, describe_conflicts
from matrixscan.analysis.judge import (
    BAD,
    BAD_OUTCOMES,
    GOOD,
    NOT_APPLICABLE,
    UNKNOWN,
    judge_cases,
    judge_lane,
    judge_record,
    settle_cases,
)
from matrixscan.harness.protocol import CASE_STAGES, OUTCOMES
from matrixscan.records.types import Error, ProbeRecord, StageRecord

FIRSTS = {"campplus": ("published",), "campplus_en": ("published",)}


@st.composite
def case_records(draw, outcomes=OUTCOMES):
    outcome = draw(st.sampled_from(sorted(outcomes)))
    return case(
        outcome,
        probe=draw(st.sampled_from(["campplus", "campplus_en", "op_pad"])),
        variant=draw(st.sampled_from(["published", "folded"])),
        lane=draw(st.sampled_from([("torchscript", 13), ("torchscript", 17), ("dynamo", 18)])),
        size=draw(st.sampled_from(SIZES)),
        stage=None if outcome == "passed" else draw(st.sampled_from(CASE_STAGES)),
    )


def verdict(cases, **more):
    more.setdefault("deciding", FIRSTS)
    return judge_record(record(cases=cases), **more)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["passed", "passed"], GOOD),
        (["infeasible", "infeasible"], NOT_APPLICABLE),
        (["passed", "infeasible"], UNKNOWN),
        (["passed", "skipped"], UNKNOWN),
        (["passed", "infra"], UNKNOWN),
        (["skipped", "failed"], BAD),
        (["infra", "crashed"], BAD),
        (["infeasible", "timed_out"], BAD),
        ([], UNKNOWN),
    ],
)
def test_lane_verdict(outcomes, expected):
    assert judge_lane([case(outcome) for outcome in outcomes]) == expected


def test_an_infeasible_lane_does_not_count_against_a_good_one():
    assert judge_cases([case(), infeasible(lane=("dynamo", 18))]).verdict == GOOD


def test_nothing_compared_is_never_good():
    assert judge_cases([]).verdict == UNKNOWN
    assert judge_cases([infeasible()]).verdict == UNKNOWN
    assert verdict([]).verdict == UNKNOWN
    assert verdict([case(outputs=())]).verdict == UNKNOWN


def test_a_pass_is_believed_only_with_passed_outputs():
    assert verdict([case(outputs=(output(), output(passed=False, reason="nonfinite")))]).reason == "nonfinite"
    assert verdict([case(stage="run")]).verdict == UNKNOWN
    assert verdict([case("fine")]).verdict == UNKNOWN


@pytest.mark.parametrize("outcome", ["failed", "crashed", "timed_out", "infeasible"])
def test_a_proven_environment_failure_is_bad(outcome):
    error = Error("ResolutionImpossible", "no such torch")
    stages = [StageRecord("import", "skipped", 0.0), StageRecord("resolve", outcome, 1.0, error)]
    judgement = judge_record(record(cases=[case()], stages=stages))
    assert (judgement.verdict, judgement.stage, judgement.outcome) == (BAD, "resolve", outcome)
    assert judgement.error == error


@pytest.mark.parametrize("outcome", ["infra", "skipped", "new-word"])
def test_an_unproven_environment_failure_is_unknown(outcome):
    assert judge_record(record(cases=[case()], stages=[StageRecord("install", outcome, 1.0)])).verdict == UNKNOWN


def test_only_the_first_variant_decides():
    alternative = case("failed", variant="folded")
    assert judge_record(record(cases=[case(), alternative])).verdict == GOOD
    assert judge_record(record(cases=[alternative, case()])).verdict == BAD


def test_a_judged_probe_without_its_first_variant_is_unknown():
    assert verdict([case(variant="folded")]).verdict == UNKNOWN
    assert verdict([case()], judged=("campplus", "campplus_en")).verdict == UNKNOWN
    assert verdict([case()], judged=()).verdict == UNKNOWN


def test_the_cell_names_its_first_failure_and_prefers_proof():
    late = case("failed", stage="compare", reason="mismatch")
    early = case("crashed", stage="export", lane=("dynamo", 18))
    skipped = case("skipped", stage="build", lane=("dynamo", 17))
    judgement = verdict([late, early, skipped])
    assert (judgement.verdict, judgement.stage, judgement.outcome) == (BAD, "export", "crashed")
    good = verdict([case()])
    assert (good.stage, good.outcome, good.error) == (None, "passed", None)


def test_a_failure_in_one_probe_outranks_a_gap_in_another():
    judgement = verdict([mismatch(0.5, probe="campplus_en")], judged=("campplus", "campplus_en"))
    assert (judgement.verdict, judgement.stage, judgement.reason) == (BAD, "compare", "mismatch")


def test_a_failure_only_away_from_the_export_size_is_shape_frozen():
    cases = [case(), case("failed", size=SIZES[1], reason="error"), case("failed", lane=("dynamo", 18))]
    record_before = [replace(each) for each in cases]
    assert [each.reason for each in settle_cases(cases)] == [None, "shape_frozen", None]
    assert cases == record_before


@pytest.mark.parametrize("first", ["failed", "skipped", "infeasible"])
def test_without_a_pass_at_the_export_size_nothing_is_shape_frozen(first):
    cases = settle_cases([case(first), case("failed", size=SIZES[1], stage="compare", reason="shape")])
    assert cases[1].reason == "shape"


def test_samples_of_a_model_without_a_source_are_not_taken_for_sizes():
    lane = ("file", 0)
    cases = [case(size={"sample": 0}, lane=lane), case("failed", size={"sample": 1}, lane=lane, reason="error")]
    assert [each.reason for each in settle_cases(cases)] == [None, "error"]


def test_a_mismatch_is_not_called_shape_frozen():
    assert settle_cases([case(), mismatch(0.5, size=SIZES[1])])[1].reason == "mismatch"


def test_conflicting_data_is_listed_per_variant_and_size():
    def probes(weights, inputs):
        known = {"published": weights, "folded": "same"}
        return {"campplus": ProbeRecord("p", "", "", (), known, {"t200": inputs, "t345": "same"})}

    records = [
        record("b", probes=probes("w1", "i1")),
        record("a", probes=probes("w1", "i1")),
        record("c", probes=probes("w2", "i2")),
    ]
    found = data_conflicts(records)
    assert [(conflict.kind, conflict.name) for conflict in found] == [
        ("inputs", "t200"),
        ("weights", "published"),
    ]
    assert found[1].digests == {"w1": ("a", "b"), "w2": ("c",)}
    assert "w1 in a and 1 more; w2 in c" in found[1].describe()
    assert data_conflicts(records[:2]) == ()
    assert describe_conflicts(found) == [conflict.describe() for conflict in found]


def test_many_conflicts_of_one_kind_are_one_line():
    records = [
        record(name, probes={"opinfo": ProbeRecord("p", "", "", (), {}, {f"v{at}": f"{at}{name}" for at in range(9)})})
        for name in ("a", "b")
    ]
    (line,) = describe_conflicts(data_conflicts(records))
    assert line.startswith("opinfo: inputs v0 differ")
    assert line.endswith("8 more inputs of this probe differ too")


@given(st.lists(case_records()), case_records(outcomes=BAD_OUTCOMES))
def test_adding_a_bad_case_never_makes_a_verdict_good(cases, failing):
    before, after = verdict(cases), verdict([*cases, failing])
    assert after.verdict != GOOD or before.verdict == GOOD
    if failing.probe == "campplus" and failing.variant == "published":
        assert after.verdict == BAD


@given(st.lists(case_records()), st.lists(case_records(outcomes=set(OUTCOMES) - {"passed"}), min_size=1))
def test_adding_anything_but_passes_never_makes_a_verdict_good(cases, more):
    assert not (verdict(cases).verdict != GOOD and verdict([*cases, *more]).verdict == GOOD)


@given(st.lists(case_records(outcomes=set(OUTCOMES) - {"passed"})))
def test_a_cell_without_a_pass_is_never_good(cases):
    assert verdict(cases).verdict != GOOD
    assert judge_record(record(cases=cases)).verdict != GOOD


@settings(max_examples=200)
@given(st.lists(case_records()).flatmap(lambda cases: st.tuples(st.just(cases), st.permutations(cases))))
def test_the_order_of_cases_does_not_matter(pair):
    first, second = (verdict(cases, judged=("campplus", "campplus_en")) for cases in pair)
    assert (first.verdict, first.stage, first.outcome) == (second.verdict, second.stage, second.outcome)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((2, 10), "shape_frozen"), ((2, 7), "truncated"), ((1, 7), "shape"), ((2, 31), "shape"), ((2, 30, 1), "shape")],
)
def test_a_wrong_shape_is_named_for_what_it_is(shape, reason):
    right = replace(output(), shape=(2, 10), reference_shape=(2, 10))
    wrong = replace(output(), passed=False, reason="shape", shape=shape, reference_shape=(2, 30))
    lane = [
        replace(case("passed", size={"t": 10}), outputs=(right,)),
        replace(case("failed", size={"t": 30}, stage="compare"), reason="shape", outputs=(wrong,)),
    ]
    assert [each.reason for each in settle_cases(lane)] == [None, reason]
