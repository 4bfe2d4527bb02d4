"""Combinations and their sides: nothing is lost, nothing is made twice."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.matrix.backends import runners
from matrixscan.matrix.companions import companions_of
from matrixscan.matrix.types import Cases, Companion, Expect, Index, Limits, Matrix, Probes, Tolerances
from matrixscan.plan.expand import make_cell
from matrixscan.plan.factor import Stored, export_names, factor, run_axes, stored_cases, unit_id
from matrixscan.plan.ids import MAX_LENGTH
from matrixscan.plan.types import Case

COMPANIONS = (
    Companion({"torch": "<2.3"}, {"numpy": "<2"}),
    Companion({"onnxruntime": "<1.19"}, {"numpy": "<2", "coloredlogs": ""}),
)
VERSIONS = {
    "python": ("3.8", "3.10", "3.13"),
    "torch": ("1.11.0", "2.2.0", "2.4.0"),
    "onnx": ("1.14.1", "1.17.0"),
    "onnxruntime": ("1.16.1", "1.19.2", "1.20.0"),
    "numpy": ("1.26.4", "2.1.0"),
    "onnxscript": ("0.5.0", "0.7.2.dev20251114"),
    "a-package-with-quite-a-long-name-of-its-own": ("2024.10.20.30", "1!4.0+local.7"),
}
OPTIONAL = ("numpy", "onnxscript", "a-package-with-quite-a-long-name-of-its-own")
RUNNERS = ("onnxruntime-cpu", "onnx-reference", "openvino-cpu")


def matrix(companions=COMPANIONS):
    return Matrix(
        "m", "m.toml", "", (), Probes(), Cases(), Tolerances(), Limits(), Index(), Expect(), companions=companions
    )


def split(rows, names=("onnxruntime-cpu",), companions=COMPANIONS):
    made = matrix(companions)
    cells = [make_cell(row, made) for row in rows]
    return cells, factor(cells, names, functools.partial(make_cell, matrix=made))


@st.composite
def matrices(draw):
    """Draw rows that differ, as a matrix has them: an axis may be missing in some."""
    row = st.fixed_dictionaries(
        {axis: st.sampled_from(versions) for axis, versions in VERSIONS.items() if axis not in OPTIONAL},
        optional={axis: st.sampled_from(VERSIONS[axis]) for axis in OPTIONAL},
    )
    rows = draw(st.lists(row, min_size=1, max_size=12, unique_by=lambda axes: tuple(sorted(axes.items()))))
    return [{axis: axes[axis] for axis in VERSIONS if axis in axes} for axes in rows]


names_of_runners = st.sets(st.sampled_from(RUNNERS)).map(lambda names: names | {"onnxruntime-cpu"})


@given(matrices(), names_of_runners)
def test_every_combination_is_one_pair_and_no_other_combination_is_the_same_pair(rows, names):
    cells, sides = split(rows, names)
    assert list(sides.pairs) == [cell.id for cell in cells]
    assert len(set(sides.pairs.values())) == len(cells)
    exports, runs = ({cell.id for cell in some} for some in (sides.exports, sides.runs))
    assert {export for export, _ in sides.pairs.values()} == exports
    assert {run for _, run in sides.pairs.values()} == runs
    for run in runs:
        wanted = {export for export, other in sides.pairs.values() if other == run}
        assert set(sides.exports_for(run)) == wanted
        assert len(sides.exports_for(run)) == len(wanted)


@given(matrices(), names_of_runners)
def test_both_sides_together_have_the_axes_of_the_combination(rows, names):
    cells, sides = split(rows, names)
    exports = {cell.id: cell for cell in sides.exports}
    runs = {cell.id: cell for cell in sides.runs}
    for cell in cells:
        export, run = (side[one] for side, one in zip((exports, runs), sides.pairs[cell.id], strict=True))
        assert export.axes | run.axes == cell.axes
        assert export.python == run.python == cell.python
        assert next(iter(export.axes)) == next(iter(run.axes)) == "python"
        assert "torch" in export.axes
        assert "torch" not in run.axes
        assert not {"onnxruntime", "numpy"} & export.axes.keys()


@given(matrices(), names_of_runners)
def test_ids_of_sides_are_unique_and_short(rows, names):
    _, sides = split(rows, names)
    ids = [cell.id for cell in (*sides.exports, *sides.runs)]
    assert len(set(ids)) == len(ids)
    assert all(len(name) <= MAX_LENGTH for name in ids)
    by_axes = {tuple(cell.axes.items()): cell.id for cell in (*sides.exports, *sides.runs)}
    assert len(by_axes) == len(ids)


@given(matrices())
def test_companions_follow_the_axes_of_their_side(rows):
    _, sides = split(rows)
    for cell in (*sides.exports, *sides.runs):
        beside = companions_of(cell.axes, COMPANIONS)
        assert cell.requirements[len(cell.axes) - 1 :] == tuple(f"{name}{what}" for name, what in beside.items())


def test_a_companion_of_the_runner_is_none_of_the_exporter():
    row = {"python": "3.10", "torch": "2.4.0", "onnx": "1.17.0", "onnxruntime": "1.16.1"}
    _, sides = split([row])
    assert sides.exports[0].requirements == ("torch==2.4.0", "onnx==1.17.0")
    assert sides.runs[0].requirements == ("onnxruntime==1.16.1", "numpy<2", "coloredlogs")
    _, old = split([row | {"torch": "1.11.0", "onnxruntime": "1.20.0"}])
    assert old.exports[0].requirements == ("torch==1.11.0", "onnx==1.17.0", "numpy<2")
    assert old.runs[0].requirements == ("onnxruntime==1.20.0",)


def test_a_runner_that_is_made_of_onnx_has_it_on_both_sides():
    row = {"python": "3.10", "torch": "2.4.0", "onnx": "1.17.0", "onnxruntime": "1.20.0"}
    _, plain = split([row])
    _, more = split([row], ["onnxruntime-cpu", "onnx-reference"])
    assert plain.runs[0].axes == {"python": "3.10", "onnxruntime": "1.20.0"}
    assert more.runs[0].axes == {"python": "3.10", "onnx": "1.17.0", "onnxruntime": "1.20.0"}
    assert plain.exports == more.exports


def test_sides_are_fewer_than_combinations():
    rows = [
        {"python": "3.10", "torch": torch, "onnx": "1.17.0", "onnxruntime": runtime}
        for torch in VERSIONS["torch"]
        for runtime in VERSIONS["onnxruntime"]
    ]
    _, sides = split(rows)
    assert (len(sides.exports), len(sides.runs), len(sides.pairs)) == (3, 3, 9)


@pytest.mark.parametrize("name", runners())
def test_every_runner_says_what_it_is_made_of(name):
    assert run_axes([name]) > {"numpy"}
    assert "torch" in export_names(["torch", "onnx", *run_axes([name])], [name])
    assert "onnx" in export_names(["torch", "onnx"], [name])


def case(probe="p", variant="v", opset=13, precision="fp32", n=2):
    size = {"n": n}
    return Case(f"{probe}/{variant}/{opset}/{precision}/{n}", probe, variant, "torchscript", opset, precision,
                "onnxruntime-cpu", size)  # fmt: skip


def test_what_is_alike_is_run_once_whoever_exported_it():
    stored = [Stored(case(), "a1", "r1"), Stored(case(), "a1", "r1"), Stored(case(opset=17), "a1", "r1")]
    (unit,) = stored_cases(stored)
    assert (unit.artifact, unit.reference, unit.probe) == ("a1", "r1", "p")
    assert unit.id == unit_id("p", "v", "fp32", "onnxruntime-cpu", "a1", "r1")
    assert unit.id.split("/") == ["a1", "p", "v", "r1", "fp32", "onnxruntime-cpu"]


def test_cases_of_an_artifact_stand_together():
    stored = [Stored(case(n=n), artifact, f"r{n}{artifact}") for n in (2, 3) for artifact in ("a2", "a1")]
    assert [unit.artifact for unit in stored_cases(stored)] == ["a1", "a1", "a2", "a2"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["a1", "a2"]), st.sampled_from(["r1", "r2"]))))
def test_every_piece_of_work_is_there_once(stored):
    units = stored_cases([Stored(case(probe), artifact, reference) for probe, artifact, reference in stored])
    assert {(unit.probe, unit.artifact, unit.reference) for unit in units} == set(stored)
    assert len(units) == len(set(stored))
    assert [unit.id for unit in units] == sorted(unit.id for unit in units)
