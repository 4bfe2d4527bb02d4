import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_samples import CRASHED, MISMATCH, NO_INSTALL, PLAN, case, mismatch, output, record, replace, samples

from matrixscan.analysis.grid import ENVIRONMENT, DuplicateCombinationError, grid_of_records, words_of
from matrixscan.analysis.grid_controls import trusted_grid
from matrixscan.analysis.grid_verdicts import judge_grid, verdicts
from matrixscan.analysis.judge import judge_cases, settle_cases
from matrixscan.analysis.view import build_view
from matrixscan.matrix.controls import CONTROL
from matrixscan.plan.types import Case
from matrixscan.records.types import StageRecord
from matrixscan.store.published import published_records

REPORTS = Path(__file__).parents[2] / "reports"


def published(matrix):
    records = list(published_records(REPORTS / matrix))
    assert records
    return records


def planned_cases(records):
    fields = Case.__struct_fields__
    found = {case.id: case for record in records for case in record.cases if not case.witness and case.probe != CONTROL}
    return [Case(**{name: getattr(case, name) for name in fields}) for case in found.values()]


def disagreements(records):
    """Return where the grid judges otherwise, or names another first failure, than the view does."""
    grid = trusted_grid(grid_of_records(iter(records)), dt.date(2026, 1, 1)).grid
    judged = judge_grid(grid)
    view = build_view("m", "", [(one.id, one.axes) for one in records], records, cases=planned_cases(records))
    found = []
    for row, cell in enumerate(view.cells):
        for column, subject in enumerate(judged.subjects):
            finding = cell.findings["/".join(subject)]
            problem = judged.problem[row, column]
            said = (judged.verdict[row, column], judged.applicable[row, column])
            if said != (finding.verdict, finding.applicable):
                found.append((cell.id, subject, said, finding.verdict))
            elif finding.verdict != "good":
                told = words_of(finding.stage, finding.outcome, finding.reason)
                word = (problem >= 0 and grid.words[grid.codes[row, problem]]) or "skipped"
                if word != told:
                    found.append((cell.id, subject, word, told))
    return found


@pytest.mark.parametrize("matrix", ["seeds", "ncnn", "default", "smoke"])
def test_a_grid_of_published_records_is_judged_as_the_records_are(matrix):
    records = published(matrix)
    assert records
    assert disagreements(records) == []


def test_every_outcome_of_the_samples_is_judged_as_the_record_is():
    records = samples()
    assert disagreements(records) == []
    assert set(verdicts(grid_of_records(records)).ravel()) == {"good", "bad", "unknown"}


OUTCOMES = st.sampled_from(
    [
        ("passed", None, None), ("failed", "export", "error"), ("failed", "run", "error"), ("crashed", "load", None),
        ("timed_out", "run", None), ("skipped", "build", "requirement"), ("infeasible", "export", "unsupported"),
        ("infra", "run", None), ("unheard_of", "run", None), ("failed", "compare", "mismatch"),
    ]
)  # fmt: skip
KEYS = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from([("torchscript", 13), ("dynamo", 18)]),
    st.sampled_from([3, 17]),
    st.sampled_from(["onnxruntime-cpu", "witness"]),
)
ROWS = st.lists(st.dictionaries(KEYS, OUTCOMES, max_size=12), min_size=1, max_size=4)


def random_record(index, found):
    cases = []
    for (variant, lane, length, runner), (outcome, stage, reason) in found.items():
        made = case(variant=variant, lane=lane, size={"t": length}, runner=runner, witness=runner == "witness")
        outputs = (output(False, reason),) if stage == "compare" else made.outputs if outcome == "passed" else ()
        cases.append(replace(made, outcome=outcome, stage=stage, reason=reason, outputs=outputs))
    return record(PLAN[index][0], cases)


@given(rows=ROWS)
def test_random_cases_are_judged_as_the_records_are(rows):
    records = [random_record(index, found) for index, found in enumerate(rows)]
    assert disagreements(records) == []


@given(found=st.dictionaries(KEYS, OUTCOMES, min_size=1, max_size=12))
def test_a_single_record_is_judged_as_judge_cases_does(found):
    one = random_record(0, found)
    grid = grid_of_records([one])
    for column, subject in enumerate(grid.subjects()):
        own = [each for each in settle_cases(one.cases) if (each.probe, each.variant) == subject]
        assert verdicts(grid)[0, column] == judge_cases(own).verdict


def test_a_runner_named_as_a_witness_decides_nothing():
    bad = replace(case("failed", stage="run", reason="error", runner="second"))
    grid = grid_of_records([record(cases=[case(), bad])])
    assert verdicts(grid)[0, 0] == "bad"
    assert verdicts(grid, frozenset({"second"}))[0, 0] == "good"


def test_derived_reasons_and_words_are_those_of_the_analysis():
    frozen = case("failed", stage="run", reason="error", size={"t": 345})
    grid = grid_of_records([record(cases=[case(), frozen, mismatch(0.1, lane=("dynamo", 18))])])
    words = {key.size + key.exporter: grid.words[code] for key, code in zip(grid.cases, grid.codes[0], strict=True)}
    assert words["t345torchscript"] == "run: shape_frozen"
    assert words["t200dynamo"] == "compare: mismatch"
    assert words_of("run", "crashed", None) == "run: crashed"
    assert words_of("export", "crashed", "memory") == "export: crashed, memory"


def test_an_environment_that_cannot_be_made_is_one_case_and_not_all_of_them():
    grid = grid_of_records(samples())
    row = [each["torch"] for each in grid.rows].index(dict(PLAN)[NO_INSTALL]["torch"])
    assert grid.cases[0] == ENVIRONMENT
    assert grid.words[grid.codes[row, 0]] == "install: failed"
    assert "no wheel" in grid.texts[grid.errors[row, 0]]
    assert not grid.codes[row, 1:].any()


def test_what_a_tool_said_is_kept_once_and_without_addresses():
    grid = grid_of_records(samples())
    row = [each["torch"] for each in grid.rows].index(dict(PLAN)[MISMATCH]["torch"])
    said = {grid.texts[index] for index in grid.errors[row]} - {""}
    assert len(grid.texts) == len(set(grid.texts))
    assert any("at 0x..." in text for text in said)
    assert not grid.errors[[each["torch"] for each in grid.rows].index(dict(PLAN)[CRASHED]["torch"]), 0]


def test_two_records_of_one_combination_are_refused():
    with pytest.raises(DuplicateCombinationError, match=r"torch 1\.11\.0"):
        grid_of_records([record(cases=[case()]), record(cases=[])])


def test_a_code_stands_for_its_outcome_too():
    failed = StageRecord("install", "infra", 1.0)
    grid = grid_of_records([record(stages=[failed]), record(MISMATCH, [case("skipped", stage="build")])])
    assert len(grid.words) == len(grid.outcomes)
    assert grid.codes.dtype == np.int16
    assert set(verdicts(grid).ravel()) == {"unknown"}
