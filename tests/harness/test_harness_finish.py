"""What a probe does to its artifacts after the export, by itself and in a chain of real modules."""

import numpy as np
import pytest

from matrixscan.harness.probe import finish

PROBE = """
def finish(path, variant{more}):
    {body}
"""


@pytest.fixture
def finished(tmp_path):
    """Return what a probe's finish() says of an artifact, and what it left of it."""
    made = []

    def _finished(body, more="", stage=""):
        made.append(len(made))
        file = tmp_path / f"after{len(made)}.py"
        file.write_text(PROBE.format(body=body, more=more) if body else "x = 1\n")
        artifact = tmp_path / "model.onnx"
        artifact.write_text("as exported")
        spec = {"name": f"{tmp_path.name}_{len(made)}", "file": str(file), "row": None}
        said = finish(spec, str(artifact), "fast", stage)
        return said, artifact.read_text()

    return _finished


def test_a_probe_without_it_leaves_the_artifact_alone(finished):
    assert finished(None) == (None, "as exported")


def test_it_is_given_the_file_and_the_variant_and_may_say_what_it_did(finished):
    body = "import pathlib; pathlib.Path(path).write_text(variant); return 'made it ' + variant"
    assert finished(body) == ("made it fast", "fast")


def test_it_is_given_the_stage_of_a_chain_if_it_asks(finished):
    assert finished("return stage", ", stage", "encoder")[0] == "encoder"
    assert finished("return stage", ", stage=''", "vad")[0] == "vad"
    assert finished("return variant", "", "vad")[0] == "fast"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("return 3", TypeError, "must return a text that says what it did, or nothing; got int"),
        ("import os; os.remove(path)", FileNotFoundError, "left no file model.onnx"),
        ("raise KeyError('bias')", KeyError, "bias"),
    ],
)
def test_what_goes_wrong_in_it_says_so(finished, body, kind, words):
    with pytest.raises(kind, match=words):
        finished(body)


CHAIN = """
import numpy as np
import torch


def build(variant):
    return {"front": torch.nn.Linear(4, 8), "back": torch.nn.Linear(8, 5)}


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 4)).astype(np.float32)}


def pipeline(stages, inputs, side):
    hidden = stages["front"](x=inputs["x"])["h"]
    return stages["back"](h=hidden)


def finish(path, variant, stage):
    import onnx
    from onnx import numpy_helper

    if stage != "back":
        return None
    model = onnx.load(path)
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.dims))
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.1), tensor.name))
    onnx.save(model, path)
    return "one weight"
"""
STAGES = {
    "": {"outputs": [], "dynamic": {}},
    "front": {"outputs": ["h"], "dynamic": {"x": {"0": "n"}, "h": {"0": "n"}}},
    "back": {"outputs": ["y"], "dynamic": {"h": {"0": "n"}, "y": {"0": "n"}}},
}


@pytest.mark.slow
def test_one_artifact_of_a_chain_is_changed_and_its_stage_is_the_one_that_disagrees(bed, tmp_path):
    request = bed.request(tmp_path, {"chain": {"source": CHAIN, "fields": {"stages": STAGES}}}, [bed.case("chain")])
    outcomes, fold = bed.run(tmp_path / "out", request)
    (outcome,) = outcomes.values()
    assert (outcome["stage"], outcome["outcome"], outcome["reason"]) == ("compare", "failed", "mismatch")
    assert outcome["facts"]["finished"] == "back: one weight"
    passed = {output["name"]: output["passed"] for output in outcome["outputs"]}
    assert passed == {"front.h": True, "back.y": False, "y": False}
    assert np.isfinite([output["max_abs"] for output in outcome["outputs"]]).all()
    assert fold is not None
