"""Rows of a matrix, sorted out: what cannot be, what the strategy chooses, and what is said of it."""

import datetime as dt

import msgspec
import pytest

from matrixscan.catalog.lock import lock_path, lock_text, make_lock
from matrixscan.catalog.types import Release, Wheel
from matrixscan.errors import MatrixFileError, NothingSelectedError
from matrixscan.matrix.reader import read_asked, read_matrix
from matrixscan.plan.choose import choose
from matrixscan.plan.expand import make_plan

DAY = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
HEAD = """
[probes]
judge = ["op_avg_pool_ceil"]
[axes]
python = ["3.8", "3.13"]
torch = [">=2.0"]
onnx = ["latest:2"]
"""


class Source:
    """torch 2.1.0 is for the old Python only, 2.0.0 refuses the new onnx."""

    name = "default"

    def releases(self, names, *, absent=False):
        del absent
        everywhere, old = (Wheel("py3-none-any", 10**9),), (Wheel("cp38-cp38-manylinux2014_x86_64", 10**9),)
        known = {
            "torch": (Release("2.0.0", DAY, wheels=everywhere), Release("2.1.0", DAY, wheels=old)),
            "onnx": (Release("1.16.0", DAY, wheels=everywhere), Release("1.17.0", DAY, wheels=everywhere)),
        }
        return {name: known[name] for name in names if name in known}

    def requires(self, wanted):
        needs = {("torch", "2.0.0"): ("onnx<1.17",)}
        return {name: {one: needs.get((name, one), ()) for one in some} for name, some in wanted.items()}


@pytest.fixture
def read(tmp_path):
    def _read(head="", more=""):
        file = tmp_path / "m.toml"
        file.write_text(head + HEAD + more)
        lock_path(file).write_text(lock_text(make_lock(read_asked(file), Source(), DAY)))
        return read_matrix(file)

    return _read


FEASIBLE = ["py38-torch2.0.0-onnx1.16.0", "py38-torch2.1.0-onnx1.16.0", "py38-torch2.1.0-onnx1.17.0"]
FEASIBLE.insert(3, "py313-torch2.0.0-onnx1.16.0")


def test_what_cannot_be_is_left_out_with_the_rule(read):
    plan = make_plan(read())
    assert [cell.id for cell in plan.cells] == FEASIBLE
    assert len(plan.infeasible) == 4
    rules = {excluded.id: excluded.rule for excluded in plan.infeasible}
    assert rules["py313-torch2.1.0-onnx1.16.0"] == "wheel-tags"
    assert rules["py38-torch2.0.0-onnx1.17.0"] == "declared-dependency"
    words = {excluded.id: excluded.words for excluded in plan.infeasible}["py38-torch2.0.0-onnx1.17.0"]
    assert words == "torch 2.0.0 asks for onnx <1.17, this row has 1.17.0"
    assert plan.coverage == ""


def test_feasible_and_infeasible_are_all_rows_once(read):
    matrix = read()
    choice = choose(matrix)
    rows = [*choice.feasible, *(excluded.axes for excluded in choice.infeasible)]
    assert sorted(rows, key=str) == sorted(matrix.rows, key=str)


def test_without_a_lock_nothing_is_known_against_any_row(read):
    matrix = msgspec.structs.replace(read(), catalog=None)
    choice = choose(matrix)
    assert (choice.chosen, choice.feasible, choice.infeasible) == (matrix.rows, matrix.rows, ())


def test_an_infeasible_combination_that_is_named_says_why(read):
    with pytest.raises(NothingSelectedError) as caught:
        make_plan(read(), cells=["py313-torch2.1.0-onnx1.16.0"])
    assert "py313-torch2.1.0-onnx1.16.0 is infeasible (wheel-tags)" in str(caught.value)
    assert "no wheel of torch 2.1.0 for Python 3.13" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_matrix_without_a_feasible_row_says_why(read):
    with pytest.raises(MatrixFileError, match=r"every row is infeasible; the first: .*no wheel of torch 2\.1\.0"):
        make_plan(read(more='[[exclude]]\ntorch = "2.0.0"\n[[exclude]]\npython = "3.8"\n'))


def test_a_seed_that_is_infeasible_is_a_problem_of_the_file(read):
    matrix = read('strategy = "pairwise"\n', '[reduction]\nseeds = [{ python = "3.13", torch = "2.1.0" }]\n')
    with pytest.raises(MatrixFileError, match=r"reduction\.seeds: no feasible row has python 3\.13, torch 2\.1\.0"):
        make_plan(matrix)


def test_a_strategy_chooses_among_the_feasible_and_says_what_it_covers(read):
    matrix = read('strategy = "one-at-a-time"\n', '[reduction]\nbaseline = { python = "3.8", torch = "2.1.0" }\n')
    plan = make_plan(matrix)
    assert {cell.id for cell in plan.cells} < set(FEASIBLE)
    assert [dict(row) for row in plan.rows] == [cell.axes for cell in make_plan(read()).cells]
    assert "%" in plan.coverage
    pairwise = make_plan(read('strategy = "pairwise"\n'))
    assert {cell.id for cell in pairwise.cells} <= set(FEASIBLE)
