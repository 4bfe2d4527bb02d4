"""`[artifact]`: what is read, what is refused, and the plan it makes."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from matrixscan.commands.factored import sides_of
from matrixscan.errors import MatrixFileError, UnknownNameError
from matrixscan.matrix.npz import array_types
from matrixscan.matrix.reader import read_matrix
from matrixscan.plan.expand import make_plan

MODEL = Path(__file__).parents[1] / "models" / "tiny.onnx"
AXES = '[axes]\npython = ["3.11"]\nonnxruntime = ["1.19.2", "1.23.2"]\n'
TABLE = '[artifact]\nmodel = "../tiny.onnx"\ninputs = ["../in0.npz", "../in1.npz"]\n'
SAVED = 'outputs = ["../out0.npz", "../out1.npz"]\n'


@pytest.fixture
def read(tmp_path):
    (tmp_path / "matrices").mkdir()
    shutil.copy(MODEL, tmp_path)
    for at in range(2):
        np.savez(tmp_path / f"in{at}.npz", x=np.full((2, 4), at, np.float32))
        np.savez_compressed(tmp_path / f"out{at}.npz", scores=np.zeros((2, 3), np.float32), label=np.zeros(2, int))

    def _read(text):
        file = tmp_path / "matrices" / "m.toml"
        file.write_text(text)
        return read_matrix(file)

    return _read


@pytest.fixture
def problems(read):
    def _problems(text):
        with pytest.raises(MatrixFileError) as caught:
            read(text)
        return list(caught.value.problems)

    return _problems


def test_it_stands_for_a_probe_with_a_size_for_each_sample(read):
    plan = make_plan(read(AXES + TABLE + SAVED + "rtol = 0.5\n[artifact.compare]\nlabel = { agree = 0.9 }\n"))
    assert plan.matrix.plan == "factored"
    assert [case.id for case in plan.cases] == [
        f"tiny/default/file/opset0/fp32/onnxruntime-cpu/sample{at}" for at in range(2)
    ]
    (probe,) = plan.probes
    assert plan.judged == ("tiny",)
    assert (probe.rtol, probe.atol, probe.compare["label"].agree) == (0.5, None, 0.9)


def test_every_runner_that_reads_onnx_runs_it(read):
    axes = AXES + 'openvino = ["2026.4.1"]\nonnx = ["1.17.0"]\n'
    cases = '[cases]\nrunners = ["onnxruntime-cpu", "openvino-cpu", "onnx-reference"]\n'
    plan = make_plan(read(axes + cases + TABLE))
    assert [(case.runner, case.witness) for case in plan.cases[::2]] == [
        ("onnxruntime-cpu", False),
        ("openvino-cpu", False),
        ("onnx-reference", True),
    ]


def test_the_first_row_is_the_reference_also_where_it_is_left_out(read):
    matrix = read(AXES + TABLE)
    for more in ({}, {"cells": ["py311-ort1.23.2"]}, {"exclude": ["py311-ort1.19.2"]}):
        plan = make_plan(matrix, **more)
        sides = sides_of(plan)
        (reference,) = sides.exports
        assert (reference.id, reference.axes["onnxruntime"]) == ("reference-py311-ort1.19.2", "1.19.2")
        assert sides.runs == plan.cells
        assert sides.pairs == {cell.id: (reference.id, cell.id) for cell in plan.cells}


def test_whatever_could_change_a_result_changes_the_digest(read, tmp_path):
    def digest(more=SAVED):
        return make_plan(read(AXES + TABLE + more)).probes[0].digest

    found = {digest(), digest(""), digest(SAVED + "rtol = 0.5\n")}
    assert digest() in found
    np.savez(tmp_path / "in1.npz", x=np.full((2, 4), 7, np.float32))
    found.add(digest())
    np.savez(tmp_path / "out0.npz", scores=np.ones((2, 3), np.float32), label=np.zeros(2, int))
    found.add(digest())
    (tmp_path / "tiny.onnx.data").write_bytes(b"1")
    found.add(digest())
    (tmp_path / "more.bin").write_bytes(b"1")
    found.add(digest(SAVED + 'files = ["more.bin"]\n'))
    (tmp_path / "tiny.onnx").write_bytes(MODEL.read_bytes() + b" ")
    found.add(digest())
    assert len(found) == 8


def test_no_other_probe_goes_with_it(read):
    matrix = read(AXES + TABLE)
    assert [probe.name for probe in make_plan(matrix, only_probes=["tiny"]).probes] == ["tiny"]
    with pytest.raises(UnknownNameError, match="op_round_half_even"):
        make_plan(matrix, only_probes=["op_round_half_even"])


BAD = {
    "probes": (AXES + TABLE + '[probes]\njudge = ["op_*"]\n', "probes: does not go with [artifact]"),
    "joint": ('plan = "joint"\n' + AXES + TABLE, "plan: does not go with [artifact]"),
    "exporters": (AXES + TABLE + '[cases]\nexporters = ["dynamo"]\n', "cases.exporters: nothing is exported"),
    "runner": (AXES + TABLE + '[cases]\nrunners = ["ncnn"]\n', "cases.runners[0]: 'ncnn' does not read onnx"),
    "axis": (AXES + 'torch = ["2.4.0"]\n' + TABLE, "axes.torch: running an [artifact] with onnxruntime-cpu"),
    "unknown key": (AXES + TABLE + "rtoll = 1\n", "artifact.rtoll: unknown key; did you mean 'rtol'?"),
    "no model": (AXES + TABLE.replace("tiny", "nix"), "artifact.model: no file '../nix.onnx' in "),
    "no inputs": (AXES + '[artifact]\nmodel = "../tiny.onnx"\n', "artifact.inputs: is required"),
    "empty inputs": (AXES + '[artifact]\nmodel = "../tiny.onnx"\ninputs = []\n', "artifact.inputs: is an empty list"),
    "no such input": (AXES + TABLE.replace("in1", "in7"), "artifact.inputs[1]: no file '../in7.npz' in "),
    "not an npz": (AXES + TABLE.replace("in1.npz", "tiny.onnx"), "artifact.inputs[1]: '../tiny.onnx' is not an .npz"),
    "number": (AXES + TABLE + 'outputs = ["../out0.npz"]\n', "artifact.outputs: has 1 files for 2 of inputs;"),
    "file": (AXES + TABLE + 'files = ["nix.bin"]\n', "artifact.files[0]: no file 'nix.bin' beside the model"),
    "file elsewhere": (AXES + TABLE + 'files = ["../in0.npz"]\n', "artifact.files[0]: '../in0.npz' is not the name"),
    "bounds": (AXES + TABLE + "rtol = 0\natol = 0\n", "artifact: rtol and atol are both 0"),
    "agree": (AXES + TABLE + "[artifact.compare]\nlabel = { agree = 2 }\n", "artifact.compare.label.agree: is a share"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_with_its_key(problems, text, said):
    (line,) = problems(text)
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("array", "key", "said"),
    [
        (np.array([None, 1], dtype=object), "inputs", "'x' in '../in0.npz' holds Python objects"),
        (np.zeros(3, complex), "outputs", "'x' in '../out0.npz' is of type <c16, which cannot be compared"),
        (np.array(["a"]), "outputs", "'x' in '../out0.npz' is of type <U1, which cannot be compared"),
    ],
)
def test_arrays_that_are_no_use_are_named(problems, tmp_path, array, key, said):
    np.savez(tmp_path / f"{key.removesuffix('puts')}0.npz", x=array)
    (line,) = problems(AXES + TABLE + SAVED)
    assert line.startswith(f"artifact.{key}[0]: {said}")


def test_the_headers_of_an_npz_are_read_as_numpy_reads_them(tmp_path):
    record = np.zeros(2, [(f"field{at}" * 40, "<f4") for at in range(300)])  # its header is of version 2
    arrays = {"a": np.zeros((2, 0), np.float16), "b/c": np.array(True), "text": np.array(["a"]), "record": record}
    with pytest.warns(UserWarning, match=r"2\.0"):
        np.savez(tmp_path / "all.npz", **arrays)
    found = array_types(tmp_path / "all.npz")
    assert {name: found[name] for name in ("a", "b/c", "text")} == {"a": "<f2", "b/c": "|b1", "text": "<U1"}
    assert "field299" in found["record"]


def test_an_archive_of_something_else_is_refused(tmp_path):
    shutil.make_archive(tmp_path / "files", "zip", MODEL.parent)
    with pytest.raises(ValueError, match=r"is not an \.npz file \(.* in it is no array\)"):
        array_types(tmp_path / "files.zip")
