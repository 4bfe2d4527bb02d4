"""A model without its source: adopted and run where there is neither torch nor onnx. tests/models/make.py made them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from matrixscan.harness.signature import NotOnnx, signature
from matrixscan.plan.factor import unit_id

MODELS = Path(__file__).parents[1] / "models"
WEIGHT = (np.arange(12, dtype=np.float32).reshape(4, 3) - 5) / 4


def made_of(x):
    """Return what tiny.onnx gives, in another order than its own."""
    return {"label": (x @ WEIGHT).argmax(1), "scores": np.tanh(x @ WEIGHT)}


class Desk:
    """A model with its samples in a folder of its own, taken through both modes of the harness in one environment."""

    def __init__(self, bed, folder, model="tiny", rows=(2, 3)):
        self.bed, self.folder, self.beside = bed, folder, []
        folder.mkdir()
        for file in MODELS.glob(f"{model}.onnx*"):
            shutil.copy(file, folder)
        self.model = folder / f"{model}.onnx"
        random = np.random.RandomState(0)
        self.inputs = [{"x": random.standard_normal((n, 4)).astype(np.float32)} for n in rows]
        self.outputs = []

    def save(self, kind, samples):
        paths = [self.folder / f"{kind}{at}.npz" for at in range(len(samples))]
        for path, arrays in zip(paths, samples, strict=True):
            np.savez(path, **arrays)
        return [str(path) for path in paths]

    def adopt(self):
        """Return what each sample's case ends with on the side that makes the reference."""
        asked = {"model": str(self.model), "files": [str(file) for file in self.beside], "compared_with": "here"}
        asked |= {"inputs": self.save("in", self.inputs), "outputs": self.save("out", self.outputs)}
        asked |= {"runners": ["openvino-cpu", "onnxruntime-cpu"]}
        more = {"exporter": "file", "opset": 0, "variant": "default"}
        self.cases = [
            self.bed.case("tiny", size={"sample": at}, **more) | {"opset": 0} for at in range(len(self.inputs))
        ]
        self.request = self.bed.request(self.folder / "probes", {"tiny": {"source": ""}}, self.cases)
        self.request |= {"store": str(self.folder / "store"), "artifact": asked}
        ends, _ = self.bed.run(self.folder / "adopt", self.request | {"mode": "adopt"})
        return [ends[case["id"]] for case in self.cases]

    def execute(self, ends):
        """Return what the run side says of each sample that was adopted."""
        units = []
        for case, end in zip(self.cases, ends, strict=True):
            kept = {name: end["facts"][name] for name in ("artifact", "reference")}
            name = unit_id("tiny", "default", "fp32", case["runner"], kept["artifact"], kept["reference"])
            units.append(case | kept | {"id": name})
        request = self.request | {"mode": "execute", "cases": units}
        ran, _ = self.bed.run(self.folder / "run", request)
        return [ran[unit["id"]] for unit in units]


@pytest.fixture
def desk(lone_runner, tmp_path):
    return lambda **more: Desk(lone_runner, tmp_path / "desk", **more)


def said(end):
    return end["stage"], end["outcome"], end["reason"], end["error"]["type"]


def test_saved_outputs_are_matched_by_name_and_a_changed_one_is_a_mismatch(desk):
    here = desk()
    here.outputs = [made_of(sample["x"]) for sample in here.inputs]
    here.outputs[1]["scores"] = here.outputs[1]["scores"] + np.float32(1e-2)
    adopted = here.adopt()
    assert [end["outcome"] for end in adopted] == ["passed", "passed"]
    first, second = here.execute(adopted)
    assert first["outcome"] == "passed"
    assert [(out["name"], out["noise_floor"]) for out in first["outputs"]] == [("scores", None), ("label", None)]
    assert (second["stage"], second["outcome"], second["reason"]) == ("compare", "failed", "mismatch")
    assert [out["passed"] for out in second["outputs"]] == [False, True]
    assert second["outputs"][0]["max_abs"] == pytest.approx(1e-2, rel=1e-3)


@pytest.mark.parametrize("model", ["tiny", "outside"])
def test_without_saved_outputs_a_runner_makes_the_reference(desk, model):
    here = desk(model=model)
    here.beside = list(here.folder.glob("*.data"))
    adopted = here.adopt()
    assert [end["facts"]["compared_with"] for end in adopted] == ["here", "here"]
    assert [end["facts"]["opset_found"] for end in adopted] == [{"ai.onnx": 13}] * 2
    assert len({end["facts"]["artifact"] for end in adopted}) == 1
    # Only the copy in the store is run: what lay beside the model came along.
    for file in here.folder.glob(f"{model}*"):
        file.unlink()
    assert [(end["outcome"], len(end["outputs"])) for end in here.execute(adopted)] == [("passed", 2)] * 2
    stored = np.load(next((here.folder / "store/references").iterdir()))
    expected = [made_of(sample["x"])["scores"] for sample in here.inputs]
    found = [array for name in stored.files if (array := stored[name]).dtype == np.float32 and array.shape[-1] == 3]
    assert any(array.shape == found[0].shape and np.allclose(array, found[0], atol=1e-5) for array in expected)


def test_a_model_that_cannot_be_opened_has_no_reference(desk):
    here = desk(model="outside")
    (here.folder / "outside.onnx.data").unlink()
    assert {said(end)[:3] for end in here.adopt()} == {("eager", "failed", "error")}


def test_a_file_that_is_no_model_is_called_so(desk):
    here = desk()
    here.model.write_bytes(b"no model")
    assert {said(end) for end in here.adopt()} == {("build", "failed", "error", "NotOnnx")}


def test_names_that_do_not_fit_are_said_with_both_sides(desk):
    here = desk()
    here.outputs = [made_of(sample["x"]) for sample in here.inputs]
    here.outputs[1]["logits"] = here.outputs[1].pop("scores")
    here.inputs[0]["mask"] = here.inputs[0]["x"]
    first, second = here.adopt()
    assert said(first) == ("eager", "failed", "error", "UnknownInputs")
    assert first["error"]["message"].startswith("in0.npz holds mask, x, the model takes x;")
    assert said(second) == ("eager", "failed", "outputs", "OutputNames")
    assert second["error"]["message"].startswith("out1.npz holds label, logits, the model gives label, scores;")


@pytest.mark.parametrize("rows", [(2,), (2, 2), (2, 3)], ids=str)
def test_outputs_that_never_move_are_refused(desk, rows):
    assert {said(end) for end in desk(model="still", rows=rows).adopt()} == {
        ("eager", "skipped", "blind", "BlindSamples")
    }


def test_equal_samples_do_not_make_a_model_blind(desk):
    here = desk(rows=(2, 2))
    here.inputs[1] = here.inputs[0]
    assert [end["outcome"] for end in here.adopt()] == ["passed", "passed"]


def test_the_names_in_a_file_are_found_without_its_weights():
    tiny = {"inputs": ["x"], "outputs": ["scores", "label"], "opsets": {"ai.onnx": 13}}
    assert signature(MODELS / "tiny.onnx") == tiny
    assert signature(MODELS / "outside.onnx") == tiny


@pytest.mark.parametrize("keep", [0, 1, 60, 150])
def test_a_file_that_was_cut_short_is_no_model(tmp_path, keep):
    path = tmp_path / "cut.onnx"
    path.write_bytes((MODELS / "tiny.onnx").read_bytes()[:keep])
    with pytest.raises(NotOnnx, match=r"^cut\.onnx is not an ONNX model: "):
        signature(path)


@pytest.mark.parametrize("text", [b"no model", b"PK\x03\x04" + bytes(60), b"\xff" * 99])
def test_another_file_is_no_model(tmp_path, text):
    path = tmp_path / "other.onnx"
    path.write_bytes(text)
    with pytest.raises(NotOnnx):
        signature(path)
