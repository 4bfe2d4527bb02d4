"""Other tolerances on kept figures must say what a comparison by them would have said."""

import msgspec
import numpy as np
import pytest
from factored_samples import tables
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import case, record

from matrixscan.analysis.rejudge import UNDECIDED, Rule, rejudge_case
from matrixscan.analysis.rejudge_runs import rejudge_runs
from matrixscan.harness.compare import compare, worst
from matrixscan.records.factored import RunRow, rows_of_table
from matrixscan.records.types import OutputMetrics

SEEDS = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([None, 1e-5]))
TOLERANCES = st.tuples(*(st.floats(-9, 1).map(lambda power: 10**power) for _ in range(2)))


def output_of(seed, bounds, noise, name="y"):
    """Return what is recorded of some random output, and a function that compares it by other tolerances."""
    random = np.random.RandomState(seed)
    size = random.randint(1, 300)
    reference = random.standard_normal(size) * 10 ** random.uniform(-3, 3, size if seed % 2 else 1)
    error = random.standard_normal(size) * 10 ** random.uniform(-8, 0) * np.abs(reference) ** random.choice([0, 1])
    out, reference = (reference + error).astype(np.float32), reference.astype(np.float32)

    def recorded(rtol, atol):
        return msgspec.convert(compare(name, out, reference, noise, (rtol, atol, 1.0)), OutputMetrics)

    return recorded(*bounds), recorded


def case_of(*outputs):
    wrong = [output for output in outputs if not output.passed]
    if not wrong:
        return case(outputs=outputs)
    return case("failed", stage="compare", reason=wrong[0].reason, outputs=outputs)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), TOLERANCES, TOLERANCES, st.sampled_from([None, 0.0, 1e-7, 1e-4]))
def test_judging_again_says_what_comparing_again_would(seed, before, after, noise):
    recorded, again = output_of(seed, before, noise)
    found = rejudge_case(case_of(recorded), Rule(*after))
    expected = again(*after)
    assert (found.outcome, found.reason) == (("passed", None) if expected.passed else ("failed", "mismatch"))
    assert (found.outputs[0].rtol, found.outputs[0].atol) == after
    if before != after and not expected.passed and not expected.floor:
        assert found.outputs[0].margin == pytest.approx(expected.margin)
        assert found.outputs[0].required_atol == pytest.approx(expected.required_atol)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), TOLERANCES, TOLERANCES, st.sampled_from([None, 0.0, 1e-7, 1e-4]))
def test_an_older_record_is_judged_as_far_as_it_goes_and_never_wrongly(seed, before, after, noise):
    recorded, again = output_of(seed, before, noise)
    old = msgspec.structs.replace(recorded, floor=None, envelope=())
    found = rejudge_case(case_of(old), Rule(*after))
    assert (found.outcome == "skipped") == (found.error == UNDECIDED)
    if found.outcome != "skipped":
        assert (found.outcome == "passed") == again(*after).passed


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([None, 1e-5])), min_size=1, max_size=4), TOLERANCES
)
def test_a_table_of_runs_is_judged_as_the_records_are(seeds, after):
    outputs = [output_of(seed, (1e-3, 1e-5), noise, f"y{at}")[0] for at, (seed, noise) in enumerate(seeds)]
    old = [msgspec.structs.replace(each, floor=None, envelope=()) for each in outputs]
    cases = [case_of(*old), case_of(old[0])]
    cases[1] = msgspec.structs.replace(cases[1], id="q", probe="q")
    exact = [rejudge_case(each, Rule(*after)) for each in cases]
    _, runs = tables([record(cases=tuple(cases))])
    found = {row.artifact.split("/")[1]: row for row in rows_of_table(RunRow, rejudge_runs(runs, Rule(*after)))}
    for each in exact:
        row = found[each.probe]
        # The table's figures have three digits, so it may leave undecided what a record decides; never the reverse.
        assert row.outcome in {each.outcome, "skipped"}
        if row.outcome == each.outcome:
            assert (row.stage, row.reason) == (each.stage, each.reason)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    TOLERANCES,
    st.tuples(*(st.floats(0, 3).map(lambda power: 10**power) for _ in range(2))),
    st.sampled_from([None, 0.0, 1e-7, 1e-4]),
)
def test_what_passed_passes_by_wider_tolerances_and_what_failed_fails_by_narrower_ones(seed, before, factors, noise):
    recorded, again = output_of(seed, before, noise)
    bare = msgspec.structs.replace(recorded, floor=None, envelope=(), max_abs=None, required_atol=None)
    shift = factors if recorded.passed else tuple(1 / factor for factor in factors)
    after = tuple(bound * by for bound, by in zip(before, shift, strict=True))
    for output in (recorded, bare):
        found = rejudge_case(case_of(output), Rule(*after))
        assert found.outcome == ("passed" if recorded.passed else "failed")
        assert recorded.passed == again(*after).passed
        assert not (found.outputs[0].passed and (found.outputs[0].margin or 1) < 1)
    _, runs = tables([record(cases=(case_of(bare),))])
    assert {row.outcome for row in rows_of_table(RunRow, rejudge_runs(runs, Rule(*after)))} == {
        "passed" if recorded.passed else "failed"
    }


def test_merged_points_of_an_envelope_fail_nothing_that_passed_by_narrower_tolerances():
    size = np.arange(1.0, 201.0)
    error = np.sqrt(size)
    reference = np.concatenate([size, [1e6]])
    out = np.concatenate([size + error, [1e6]])
    rtol = 0.1
    atol = float((error - rtol * size).max())
    recorded = msgspec.convert(compare("y", out, reference, None, (rtol, atol, 1.0)), OutputMetrics)
    assert recorded.passed
    found = rejudge_case(case_of(recorded), Rule(rtol, atol * 1.0001))
    assert found.outcome == "passed"
    assert (found.outputs[0].margin, found.outputs[0].required_atol) == (None, None)


def test_figures_of_other_tolerances_are_not_shown_where_they_are_not_known():
    wrong, _ = output_of(3, (1e-9, 1e-9), None)
    old = msgspec.structs.replace(wrong, floor=None, envelope=())
    (shown,) = rejudge_case(case_of(old), Rule(100.0, 100.0)).outputs
    assert (shown.passed, shown.margin, shown.required_atol) == (True, None, None)
    (shown,) = rejudge_case(case_of(old), Rule(atol=100.0)).outputs
    assert (shown.margin, shown.required_atol) == (None, old.required_atol)
    (shown,) = rejudge_case(case_of(old), Rule(rtol=0.0)).outputs
    assert (shown.margin, shown.required_atol) == (None, old.max_abs)


def test_several_samples_are_judged_together():
    near = compare("y", np.float32([1.0, 10.2]), np.float32([1.0, 10.0]), None, (1e-2, 1e-3, 1.0))
    far = compare("y", np.float32([1.0, 0.05]), np.float32([1.0, 0.0]), None, (1e-2, 1e-3, 1.0))
    both = msgspec.convert(worst([near, far]), OutputMetrics)
    assert len(both.envelope) == 2
    assert rejudge_case(case_of(both), Rule(0.1, 0.0)).outcome == "failed"  # the second one
    assert rejudge_case(case_of(both), Rule(0.0, 0.1)).outcome == "failed"  # the first one
    assert rejudge_case(case_of(both), Rule(0.1, 0.1)).outcome == "passed"


def test_only_values_are_judged_again():
    crashed = case("crashed", stage="run")
    shape = case("failed", stage="compare", reason="shape")
    assert rejudge_case(crashed, Rule(1.0, 1.0)) == crashed
    assert rejudge_case(shape, Rule(1.0, 1.0)) == shape
    nonfinite = msgspec.convert(
        compare("y", np.float32([np.nan]), np.float32([1.0]), None, (1e-3, 1e-5, 1.0)), OutputMetrics
    )
    assert rejudge_case(case_of(nonfinite), Rule(9.0, 9.0)).reason == "nonfinite"
    tokens = msgspec.convert(compare("y", np.array([1, 2]), np.array([1, 3]), None, (1e-3, 1e-5, 1.0)), OutputMetrics)
    assert rejudge_case(case_of(tokens), Rule(9.0, 9.0)).reason == "mismatch"


def test_an_output_may_have_its_own_tolerance_and_half_lanes_are_their_own():
    one, other = (output_of(3, (1e-9, 1e-9), None, name)[0] for name in ("a", "b"))
    assert not one.passed
    assert rejudge_case(case_of(one, other), Rule(outputs={"a": (9.0, 9.0)})).outcome == "failed"
    assert rejudge_case(case_of(one, other), Rule(outputs={"a": (9.0, 9.0), "b": (9.0, 9.0)})).outcome == "passed"
    half = msgspec.structs.replace(case_of(one), precision="fp16")
    assert rejudge_case(half, Rule(9.0, 9.0)) == half
    assert rejudge_case(half, Rule(9.0, 9.0, half=True)).outcome == "passed"


def test_what_a_run_without_optimisations_gave_does_not_outlive_its_tolerances():
    wrong, _ = output_of(3, (1e-9, 1e-9), None)
    seen = msgspec.structs.replace(case_of(wrong), facts={"unoptimized": {"passed": True}})
    assert rejudge_case(seen, Rule(1e-9, 1e-8)).facts == {}
