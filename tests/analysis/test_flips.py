import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.analysis.flip_groups import grouped, where_words
from matrixscan.analysis.flips import flips, flips_of_json, lines, side_of
from matrixscan.analysis.grid import ENVIRONMENT, CaseKey, Grid, axis_names
from matrixscan.reporters._flips import render_flips

WORDS = ("", "ok", "export: error", "run: crashed", "export: unsupported", "build: requirement", "compare: mismatch")
OUTCOMES = ("not_run", "passed", "failed", "crashed", "infeasible", "skipped", "failed")
OK, ERROR, CRASHED, INFEASIBLE, SKIPPED, MISMATCH = range(1, 7)


def key(variant="v", size="t3", opset=13, **more):
    lane = {"probe": "op_x", "exporter": "torchscript", "precision": "fp32", "runner": "onnxruntime-cpu"} | more
    return CaseKey(variant=variant, size=size, opset=opset, **lane)


def grid(rows, codes, cases=None):
    codes = np.array(codes, np.int16).reshape(len(rows), -1)
    cases = cases or [key(f"v{index}") for index in range(codes.shape[1])]
    codes = np.hstack([np.ones((len(rows), 1), np.int16), codes])
    return Grid(
        axes=axis_names(rows),
        rows=tuple(rows),
        evidence=("joint",) * len(rows),
        cases=(ENVIRONMENT, *cases),
        words=WORDS,
        outcomes=OUTCOMES,
        codes=codes,
        texts=("",),
        errors=np.zeros(codes.shape, np.int32),
    )


def axes(torch, onnxruntime="1.15.0", **more):
    return {"torch": torch, "onnxruntime": onnxruntime, **more}


def test_a_flip_is_written_with_exactly_the_agreed_keys():
    made = grid([axes("2.0.0"), axes("2.1.0")], [[ERROR], [OK]])
    text = render_flips(flips(made))
    assert json.loads(text) == [
        {"probe": "op_x", "variant": "v0", "exporter": "torchscript", "opset": 13, "size": "t3", "axis": "torch",
         "from": "2.0.0", "to": "2.1.0", "before": "export: error", "after": "ok", "at": {"onnxruntime": "1.15.0"}}
    ]  # fmt: skip
    assert len(text.splitlines()) == 3
    assert flips_of_json(text.encode()) == flips(made)


def test_precision_and_runner_are_written_where_they_are_not_the_usual_ones():
    made = grid([axes("2.0.0"), axes("2.1.0")], [[OK], [ERROR]], [key(precision="fp16", runner="ncnn")])
    (row,) = json.loads(render_flips(flips(made)))
    assert (row["precision"], row["runner"]) == ("fp16", "ncnn")


def test_no_flip_is_an_empty_array():
    assert json.loads(render_flips(flips(grid([axes("2.0.0"), axes("2.1.0")], [[OK], [OK]])))) == []


@pytest.mark.parametrize("between", [0, INFEASIBLE, SKIPPED])
def test_what_was_not_measured_is_passed_over(between):
    rows = [axes(version) for version in ("2.10.0", "2.9.0", "2.8.0")]
    (flip,) = flips(grid(rows, [[OK], [between], [ERROR]]))
    assert (flip.from_, flip.to, flip.before, flip.after) == ("2.8.0", "2.10.0", "export: error", "ok")


def test_nothing_flips_into_what_was_not_measured():
    assert flips(grid([axes("2.0.0"), axes("2.1.0")], [[OK, ERROR, 0], [INFEASIBLE, SKIPPED, OK]])) == []


def test_rows_that_differ_in_two_axes_are_no_neighbours():
    rows = [axes("2.0.0", "1.15.0"), axes("2.1.0", "1.16.0"), axes("2.1.0", "1.15.0", onnxscript="0.5")]
    made = grid(rows, [[OK], [ERROR], [ERROR]])
    assert [lines(made, axis) for axis in made.axes] == [[], [], []]
    assert flips(made) == []


def test_an_environment_flips_once():
    made = grid([axes("2.0.0"), axes("2.1.0")], [[OK, OK], [0, 0]])
    made.codes[1, 0] = ERROR
    (flip,) = flips(made)
    assert (flip.probe, flip.after) == ("environment", "export: error")
    assert set(json.loads(render_flips([flip]))[0]) == {
        "probe", "variant", "exporter", "opset", "size", "axis", "from", "to", "before", "after", "at"
    }  # fmt: skip


def naive(made):
    """Return the flips as a set, found case by case and pair by pair."""
    found = set()
    good = {index for index, outcome in enumerate(OUTCOMES) if outcome in {"passed", "failed", "crashed"}}
    for column, case in enumerate(made.cases):
        for axis in made.axes:
            for line in lines(made, axis):
                seen = [row for row in line.rows if made.codes[row, column] in good]
                for one, other in itertools.pairwise(seen):
                    words = [WORDS[made.codes[row, column]] for row in (one, other)]
                    if words[0] != words[1]:
                        versions = made.rows[one][axis], made.rows[other][axis]
                        found.add((case, axis, *versions, *words, tuple(line.at.items())))
    return found


CODES = st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=9, max_size=9)


@given(codes=CODES)
def test_flips_are_those_a_slow_search_finds_and_sorted(codes):
    rows = [axes(torch, ort) for torch in ("2.9.0", "2.10.0", "1.13.1") for ort in ("1.15.0", "1.16.1", "1.17.0")]
    found = flips(grid(rows, codes))
    plain = [
        (flip.case, flip.axis, flip.from_, flip.to, flip.before, flip.after, tuple(flip.at.items())) for flip in found
    ]
    assert set(plain) == naive(grid(rows, codes))
    assert len(plain) == len(set(plain))
    backwards = grid(rows[::-1], codes[::-1])
    assert flips(backwards) == found


def test_groups_tell_sizes_and_places_once():
    rows = [axes(torch, ort) for torch in ("2.0.0", "2.1.0") for ort in ("1.15.0", "1.16.0", "1.17.0")]
    cases = [key(size="t3"), key(size="t17"), key("w", size="t3")]
    codes = [[ERROR, ERROR, ERROR], [ERROR, ERROR, ERROR], [ERROR, ERROR, OK], *([[OK, OK, OK]] * 3)]
    first, second, third = grouped(flips(grid(rows, codes, cases)), grid(rows, codes, cases))
    assert (first.axis, first.sizes, first.every_size, first.count) == ("torch", ("t3", "t17"), True, 6)
    assert first.where == "for every onnxruntime from 1.15.0 to 1.17.0"
    assert second.where == "for onnxruntime 1.15.0 to 1.16.0 (2 of 3)"
    assert (third.axis, third.side) == ("onnxruntime", "run")


def test_a_group_counts_only_places_where_the_flip_could_have_been_seen():
    rows = [axes(torch, ort) for torch in ("2.0.0", "2.1.0") for ort in ("1.15.0", "1.16.0", "1.17.0")]
    codes = [[ERROR], [ERROR], [INFEASIBLE], [OK], [OK], [OK]]
    (group,) = grouped(flips(grid(rows, codes)), grid(rows, codes))
    assert group.where == "for both onnxruntime 1.15.0 and 1.16.0"


def places(*pairs):
    return {(("onnx", onnx), ("onnxruntime", ort)) for onnx, ort in pairs}


def test_places_in_words():
    seen = places(*((onnx, f"1.{minor}.0") for onnx in ("1.16.0", "1.23.0") for minor in range(15, 20)))
    order = ("onnx", "onnxruntime")
    every = "for both onnx 1.16.0 and 1.23.0 and every onnxruntime from 1.15.0 to 1.19.0"
    assert where_words(seen, seen, order) == every
    one = {place for place in seen if dict(place)["onnx"] == "1.16.0"}
    assert where_words(one, seen, order) == ("for onnx 1.16.0 alone (of 2) and every onnxruntime from 1.15.0 to 1.19.0")
    gaps = {place for place in seen if dict(place)["onnxruntime"] in {"1.15.0", "1.17.0", "1.18.0"}}
    assert "3 of 5 onnxruntime (1.15.0, 1.17.0, 1.18.0)" in where_words(gaps, seen, order)
    ragged = places(("1.16.0", "1.15.0"), ("1.23.0", "1.16.0"))
    assert where_words(ragged, seen, order) == "in 2 of 10 combinations of onnx and onnxruntime"
    assert where_words(one & gaps, one & gaps, order).startswith("for every onnxruntime from 1.15.0")
    single = places(("1.16.0", "1.15.0"))
    assert where_words(single, single, order) == "with onnx 1.16.0 and onnxruntime 1.15.0"


def test_sides():
    assert [side_of(axis) for axis in ("torch", "onnxscript", "onnx", "onnxruntime", "python", "ncnn", "pnnx")] == [
        "export", "export", "export", "run", "both", "run", "export"
    ]  # fmt: skip
