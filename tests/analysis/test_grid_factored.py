import msgspec
import numpy as np
import pytest
from factored_samples import tables
from hypothesis import given
from hypothesis import strategies as st
from record_samples import PLAN, broken_by_protobuf, case, mismatch, output, record, replace, samples
from test_grid import ROWS, published, random_record

from matrixscan.analysis.agreement import agreement
from matrixscan.analysis.grid import grid_of_records
from matrixscan.analysis.grid_factored import grid_of_factored
from matrixscan.analysis.grid_runs import UnknownSideError, distinct_rows
from matrixscan.records.factored import Combination, Meta, Side, Table, take
from matrixscan.records.types import Error, StageRecord


def cells(grid, outcomes=True):
    """Return everything a grid says, as plain data."""
    return {
        (frozenset(row.items()), case): (
            grid.words[grid.codes[index, column]],
            grid.outcomes[grid.codes[index, column]] if outcomes else None,
            grid.texts[grid.errors[index, column]],
        )
        for index, row in enumerate(grid.rows)
        for column, case in enumerate(grid.cases)
        if grid.codes[index, column]
    }


@pytest.mark.parametrize("matrix", ["seeds", "ncnn"])
def test_tables_made_of_published_records_give_the_grid_of_the_records(matrix):
    records = published(matrix)
    factored, joint = grid_of_factored(*tables(records)), grid_of_records(records)
    assert cells(factored) == cells(joint)
    assert set(factored.evidence) == {"factored"}


@given(rows=ROWS)
def test_random_records_give_the_same_grid_in_both_ways(rows):
    # A side says something of every case, in the order of the plan: the first size of a lane is the same everywhere.
    every = sorted({key for found in rows for key in found})
    whole = [{key: found.get(key, ("infeasible", "export", "unsupported")) for key in every} for found in rows]
    records = [random_record(index, found) for index, found in enumerate(whole)]
    assert cells(grid_of_factored(*tables(records))) == cells(grid_of_records(records))


SHAPES = st.sampled_from([((3, 4), (3, 4)), ((3, 2), (3, 4)), ((3, 4), (3, 9)), ((5, 9), (3, 9)), ((3, 4), (5, 9))])


@given(shapes=st.lists(st.tuples(SHAPES, st.sampled_from(["run", "compare"])), min_size=1, max_size=4))
def test_frozen_and_truncated_shapes_are_found_as_in_records(shapes):
    cases = []
    for index, ((shape, expected), stage) in enumerate(shapes):
        right = shape == expected
        one = replace(output(right, None if right else "shape"), shape=shape, reference_shape=expected)
        made = case(size={"t": index + 1})
        if stage == "run" and not right:
            made = replace(made, outcome="failed", stage="run", reason="error", outputs=())
        elif not right:
            made = replace(made, outcome="failed", stage="compare", reason="shape", outputs=(output(), one))
        else:
            made = replace(made, outputs=(output(), one))
        cases.append(made)
    records = [record(cases=cases)]
    assert cells(grid_of_factored(*tables(records))) == cells(grid_of_records(records))


def test_rows_in_any_order_give_the_same_grid():
    exports, runs = tables(samples())
    shuffled = [take(table, np.random.default_rng(0).permutation(len(table))) for table in (exports, runs)]
    assert cells(grid_of_factored(*shuffled)) == cells(grid_of_factored(exports, runs))


def with_meta(table, **fields):
    return Table(table.columns, msgspec.structs.replace(table.meta, **fields))


def test_an_artifact_that_a_side_did_not_run_is_not_run_there():
    exports, runs = tables([record(cases=[case(), mismatch(0.2, lane=("dynamo", 18))])])
    none = take(runs, np.zeros(0, np.intp))
    grid = grid_of_factored(exports, none)
    assert grid.codes[0].tolist() == [1, 0, 0]


def test_without_combinations_every_pair_of_sides_that_fits_is_one():
    exports, runs = tables([record(cases=[case()])])
    sides = (Side("run-a", {"python": "3.8", "onnxruntime": "1.16.1"}), Side("run-b", {"python": "3.9"}))
    axes = {"python": "3.8", "torch": "1.11.0"}
    exports = with_meta(exports, sides=(Side(exports.meta.sides[0].id, axes),), combinations=())
    runs = with_meta(take(runs, np.zeros(0, np.intp)), sides=sides)
    assert grid_of_factored(exports, runs).rows == ({**axes, "onnxruntime": "1.16.1"},)


def test_a_side_that_cannot_be_installed_is_told_once():
    exports, runs = tables([record(cases=[case()])])
    broken = msgspec.structs.replace(runs.meta.sides[0], stage="install", outcome="failed")
    grid = grid_of_factored(exports, with_meta(runs, sides=(broken,)))
    assert [grid.words[code] for code in grid.codes[0]] == ["install: failed", ""]


def test_a_side_nobody_described_is_an_error():
    exports, runs = tables([record(cases=[case()])])
    with pytest.raises(UnknownSideError, match="run-"):
        grid_of_factored(exports, with_meta(runs, sides=()))
    pair = Combination({}, exports.meta.sides[0].id, "elsewhere")
    with pytest.raises(UnknownSideError, match="elsewhere"):
        grid_of_factored(with_meta(exports, combinations=(pair,)), runs)


def test_an_empty_scan_is_an_empty_grid():
    exports, runs = tables([record(cases=[case()])])
    nothing = np.zeros(0, np.intp)
    grid = grid_of_factored(Table(take(exports, nothing).columns, Meta()), Table(take(runs, nothing).columns, Meta()))
    assert grid.codes.shape == (0, 1)


def test_agreement_shows_what_differs_and_what_only_one_has():
    cases = [case(), case(size={"t": 345}), case(lane=("dynamo", 18))]
    elsewhere = record(PLAN[1][0], [case()])
    other = [mismatch(0.2), cases[1], replace(cases[2], outcome="skipped", stage="build", outputs=())]
    factored = grid_of_factored(*tables([record(cases=cases)]))
    found = agreement(factored, grid_of_records([record(cases=other), elsewhere]))
    assert (found.combinations, found.unmatched) == (1, 1)
    assert (found.cases, found.same) == (2, 1)
    assert (found.only_factored, found.only_joint) == (1, 0)
    assert [(each.case.size, each.factored, each.joint) for each in found.differing] == [
        ("t200", "ok", "compare: mismatch")
    ]


def test_a_difference_says_which_package_was_found_behind_it():
    dead = case("failed", stage="export", error=Error("SerdeError", "no"))
    factored, joint = grid_of_factored(*tables([record(cases=[case()])])), grid_of_records([record(cases=[dead])])
    looked = [broken_by_protobuf(dict(joint.rows[0]), dead)]
    assert [each.package for each in agreement(factored, joint).differing] == [""]
    (shown,) = agreement(factored, joint, looked).differing
    assert shown.package == "works with protobuf 6.33.6, breaks from protobuf 7.34.0 (9 trials)"


@given(rows=st.lists(st.tuples(*[st.sampled_from([-1, 0, 1, 2**31 - 3])] * 4), min_size=1, max_size=20))
def test_distinct_rows_are_those_of_a_set_however_wide_the_columns_are(rows):
    columns = [np.array(column, np.int64) for column in zip(*rows, strict=True)]
    start, index = distinct_rows(columns)
    assert [rows[start[which]] for which in index] == rows
    assert len(start) == len(set(rows))


def test_an_environment_that_only_one_of_both_has_is_shown():
    factored = grid_of_factored(*tables([record(cases=[case()])]))
    broken = record(stages=[StageRecord("install", "failed", 1.0, Error("InstallError", "conflict"))])
    found = agreement(factored, grid_of_records([broken]))
    assert (found.cases, found.same, found.only_factored) == (0, 0, 1)
    (shown,) = found.differing
    assert (shown.case.probe, shown.factored, shown.joint) == ("environment", "ok", "install: failed")
    assert shown.joint_error == "InstallError: conflict"
