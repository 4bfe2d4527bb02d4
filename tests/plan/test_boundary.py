import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrixscan.matrix.types import Reduction
from matrixscan.plan.boundary import flips, next_rows
from matrixscan.plan.ids import combination_id
from matrixscan.plan.reduce import reduce_rows

AXES = ("torch", "onnx", "onnxruntime")


def product(*counts):
    values = [[f"1.{n}.0" for n in range(count)] for count in counts]
    return [{"python": "3.8"} | dict(zip(AXES, row)) for row in itertools.product(*values)]  # noqa: B905 fewer axes


def at(row, axis):
    return int(row[axis].split(".")[1])


def play(rows, result, budget=None, start=None):
    """Measure as a scan would, and return the results."""
    results = {}
    todo = start if start is not None else reduce_rows(rows, "boundary", Reduction(budget=budget))
    while todo:
        for row in todo:
            name = combination_id(row)
            assert name not in results  # nothing is asked for twice, so every game ends
            results[name] = result(row)
        todo = next_rows(rows, results, budget)
    return results


def places(rows, results):
    return {(flip.axis, flip.older, flip.newer) for flip in flips(rows, results) if flip.located}


def truth(rows, result):
    return places(rows, {combination_id(row): result(row) for row in rows})


def test_a_flip_on_a_line_is_found_by_halving():
    rows = product(100)
    results = play(rows, lambda row: at(row, "torch") >= 37, start=[rows[0], rows[-1]])
    assert places(rows, results) == {("torch", "py38-torch1.36.0", "py38-torch1.37.0")}
    assert len(results) <= 2 + 7


def test_versions_are_in_their_own_order_and_pythons_too():
    rows = [{"python": f"3.{minor}"} for minor in (10, 8, 9, 11, 7)]
    results = play(rows, lambda row: row["python"] in {"3.10", "3.11"}, start=[rows[4], rows[3]])
    assert places(rows, results) == {("python", "py39", "py310")}


@pytest.mark.parametrize(
    ("counts", "result", "share"),
    [
        ((13, 13, 13), lambda row: at(row, "torch") >= 8, 0.3),
        ((13, 13, 13), lambda row: at(row, "torch") >= 8 and at(row, "onnxruntime") >= 4, 0.35),
        ((9, 9, 9), lambda row: at(row, "onnx") == 6, 0.6),  # one release with a defect of its own
        ((9, 9, 9), lambda row: (at(row, "torch") >= 5, at(row, "onnx") >= 7), 0.6),
        ((17, 2, 17), lambda row: at(row, "torch") >= 8, 0.6),  # all pairs are half of the rows
    ],
)
def test_planted_flips_are_all_found_with_far_fewer_rows(counts, result, share):
    rows = product(*counts)
    results = play(rows, result)
    assert places(rows, results) == truth(rows, result)
    assert len(results) < share * len(rows)


def test_rows_that_disagree_without_a_common_line_lead_to_the_flip():
    rows = product(9, 9, 9)
    results = play(rows, lambda row: at(row, "onnx") >= 6, budget=16, start=[rows[0], rows[-1]])
    assert any(axis == "onnx" for axis, *_ in places(rows, results))
    assert len(results) <= 16


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_flip_between_measured_rows_is_located_whatever_the_results(data):
    rows = product(*data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    rows = [row for row in rows if data.draw(st.integers(0, 5))] or rows
    planted = {combination_id(row): data.draw(st.sampled_from(["ok", "bad", "worse", None])) for row in rows}
    results = play(rows, lambda row: planted[combination_id(row)])
    assert all(flip.located for flip in flips(rows, results))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(0, 9), st.integers(0, 9))
def test_the_budget_is_never_exceeded(budget, first, second):
    rows = product(9, 9, 2)
    results = play(rows, lambda row: (at(row, "torch") >= first, at(row, "onnx") >= second), budget)
    assert len(results) <= budget


def test_a_budget_finds_some_flips_in_a_matrix_too_wide_for_pairs():
    rows = product(12, 12, 12)
    results = play(rows, lambda row: at(row, "torch") >= 8, budget=60)
    assert places(rows, results)
    assert len(results) <= 60


def test_the_answer_does_not_depend_on_the_order_of_rows():
    rows = product(9, 9, 3)
    results = {combination_id(row): at(row, "torch") >= 4 for row in rows[::7]}
    assert next_rows(rows, results, 80) == next_rows(rows[::-1], dict(reversed(results.items())), 80)


def test_where_all_agree_nothing_more_is_measured():
    rows = product(6, 6)
    assert next_rows(rows, {combination_id(row): "ok" for row in rows[::5]}, None) == ()


def test_a_row_that_says_nothing_is_not_asked_for_again():
    rows = product(4)
    results = {combination_id(row): result for row, result in zip(rows, ["ok", None, None, "bad"], strict=True)}
    assert next_rows(rows, results, None) == ()
    (flip,) = flips(rows, results)
    assert (flip.older, flip.newer) == ("py38-torch1.0.0", "py38-torch1.3.0")


def test_rows_that_cannot_be_are_stepped_over():
    rows = [row for row in product(9) if at(row, "torch") not in {3, 4, 5}]
    results = play(rows, lambda row: at(row, "torch") >= 5, start=[rows[0], rows[-1]])
    assert places(rows, results) == {("torch", "py38-torch1.2.0", "py38-torch1.6.0")}
