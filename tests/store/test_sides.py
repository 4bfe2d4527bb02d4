"""Tables of a factored scan, from the records of its sides."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "analysis"))

from record_samples import case, mismatch, output, record, replace

from matrixscan.analysis.factored import RunSide, join
from matrixscan.analysis.grid import grid_of_records
from matrixscan.analysis.grid_factored import grid_of_factored
from matrixscan.plan.factor import unit_id
from matrixscan.records.factored import Combination
from matrixscan.records.types import Error, StageRecord
from matrixscan.store.parquet import read_exports, read_runs
from matrixscan.store.sides import EXPORTS, RUNS, write_sides

TORCHES, RUNTIMES = ("1.11.0", "2.0.1"), ("1.16.1", "1.19.2")


def exported(number, **more):
    facts = {"artifact": f"a{number}", "reference": f"r{number}"}
    return case(size={"t": number}, facts=facts, outputs=(), seconds={"export": 1.5}, **more)


def unit(number, made, variant="published"):
    return replace(made, id=unit_id("campplus", variant, "fp32", "onnxruntime-cpu", f"a{number}", f"r{number}"))


def side(name, cases, **axes):
    return replace(record(name, cases, evidence="factored"), axes={"python": "3.8"} | axes)


@pytest.fixture
def sides():
    failed = case("failed", stage="export", reason="error", error=Error("RuntimeError", "no"), size={"t": 3})
    exports = [side(f"export-{torch}", [exported(1), exported(2), failed], torch=torch) for torch in TORCHES]
    crashed = case("crashed", stage="load", error=Error("SIGSEGV", "dead"))
    runs = [
        side("run-1.16.1", [unit(1, case()), unit(2, mismatch(0.5))], onnxruntime="1.16.1"),
        side("run-1.19.2", [unit(1, crashed), unit(2, case())], onnxruntime="1.19.2"),
    ]
    pairs = [
        Combination({"python": "3.8", "torch": torch, "onnxruntime": runtime}, f"export-{torch}", f"run-{runtime}")
        for torch in TORCHES
        for runtime in RUNTIMES
    ]
    return exports, runs, pairs


def write(folder, exports, runs, pairs):
    order = [one.id for one in exports[0].cases]
    write_sides(folder, exports, runs, order, pairs, {"matrix": "m"})
    return read_exports(folder / EXPORTS), read_runs(folder / RUNS)


def rows(grid):
    """Return what a grid says of every case of every combination, and of its environment."""
    words = [[grid.words[code] for code in line] for line in grid.codes.tolist()]
    texts = [[grid.texts[error] for error in line] for line in grid.errors.tolist()]
    return {
        tuple(sorted(row.items())): {
            str(case): (word, text) for case, word, text in zip(grid.cases, some, more, strict=True)
        }
        for row, some, more in zip(grid.rows, words, texts, strict=True)
    }


def test_tables_say_what_the_joined_records_say(sides, tmp_path):
    exports, runs, pairs = sides
    grid = grid_of_factored(*write(tmp_path, exports, runs, pairs))
    by_id = {one.id: one for one in (*exports, *runs)}
    records = [join(f"c{at}", pair.axes, by_id[pair.export], RunSide(by_id[pair.run])) for at, pair in enumerate(pairs)]
    assert rows(grid) == rows(grid_of_records(records))
    assert len(grid.rows) == 4


def test_an_environment_that_failed_is_said_of_its_side(sides, tmp_path):
    exports, runs, pairs = sides
    stages = (StageRecord("resolve", "infeasible", 1.0, Error("NoSuchRelease", "gone")),)
    exports[1] = replace(exports[1], stages=stages, cases=())
    table, _ = write(tmp_path, exports, runs, pairs)
    broken = table.meta.sides[1]
    assert (broken.stage, broken.outcome, broken.error.message) == ("resolve", "infeasible", "gone")
    assert table.meta.about == {"matrix": "m"}


def test_variants_that_came_out_alike_are_one_row(sides, tmp_path):
    exports, runs, pairs = sides
    runs[0] = replace(runs[0], cases=(*runs[0].cases, unit(1, case(variant="folded"), "folded")))
    _, table = write(tmp_path, exports, runs, pairs)
    assert len(table) == 5  # two outputs of a mismatch, one each of the others, a crash without any


def test_cases_that_are_not_of_the_plan_are_left_out(sides, tmp_path):
    exports, runs, pairs = sides
    exports[0] = replace(exports[0], cases=(*exports[0].cases, exported(9)))
    order = [one.id for one in exports[1].cases]
    write_sides(tmp_path, exports, runs, order, pairs, {})
    assert len(read_exports(tmp_path / EXPORTS)) == 6


def test_figures_of_outputs_are_there(sides, tmp_path):
    _, table = write(tmp_path, *sides)
    worst = max(value for value in table.numbers("max_abs").tolist() if value == value)  # noqa: PLR0124  NaN
    assert worst == pytest.approx(0.5, rel=1e-2)
    assert output().name in {table.texts("output").at(row) for row in range(len(table))}
