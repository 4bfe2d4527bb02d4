"""A user who has a model.onnx and a few arrays, and asks whether another onnxruntime changes what it gives."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

MODELS = Path(__file__).parents[1] / "models"
WEIGHT = (np.arange(12, dtype=np.float32).reshape(4, 3) - 5) / 4
ROWS = ("py311-ort1.19.2", "py311-ort1.23.2")


@pytest.fixture
def user(workplace):
    """Return a project with the model, two samples, what is right for them, and the matrix the tool writes."""
    shutil.copy(MODELS / "tiny.onnx", workplace.folder)
    random = np.random.RandomState(0)
    for at in range(2):
        x = random.standard_normal((2 + at, 4)).astype(np.float32)
        np.savez(workplace.folder / f"in{at}.npz", x=x)
        np.savez(workplace.folder / f"out{at}.npz", label=(x @ WEIGHT).argmax(1), scores=np.tanh(x @ WEIGHT))
    return workplace


def write_matrix(user, name, *outputs):
    """Let the command write a matrix, and put two exact releases in the place of its selector."""
    named = [word for file in outputs for word in ("--outputs", file)]
    command = ["matrixscan", "artifact", "tiny.onnx", "in0.npz", "in1.npz", *named]
    code, output = user.call(*command, "--matrix-out", f"matrices/{name}.toml")
    assert code == 0, output
    assert f"nox -s lock -- {name} " in output
    path = user.folder / "matrices" / f"{name}.toml"
    assert '["minors >=1.19"]' in path.read_text()
    path.write_text(path.read_text().replace('["minors >=1.19"]', '["1.19.2", "1.23.2"]'))


def found(user, name):
    cells = {cell["id"]: cell for cell in user.results(name)["cells"]}
    assert tuple(cells) == ROWS
    return [
        (cell["verdict"], [(case["size"], case["outcome"], case["reason"]) for case in cell["cases"]])
        for cell in cells.values()
    ]


def test_saved_outputs_decide_and_a_changed_one_is_found_in_every_release(user):
    write_matrix(user, "saved", "out0.npz", "out1.npz")
    assert user.scan("saved")[0] == 0
    good = ("good", [({"sample": at}, "passed", None) for at in range(2)])
    assert found(user, "saved") == [good, good]
    for cell in user.results("saved")["cells"]:
        assert cell["resolved"]["onnxruntime"] == cell["axes"]["onnxruntime"]
        assert cell["evidence"] == "factored"
    arrays = dict(np.load(user.folder / "out1.npz"))
    np.savez(user.folder / "out1.npz", label=arrays["label"], scores=arrays["scores"] + np.float32(1e-2))
    code, output = user.scan("saved")
    assert code == 0, output
    bad = ("bad", [({"sample": 0}, "passed", None), ({"sample": 1}, "failed", "mismatch")])
    assert found(user, "saved") == [bad, bad]
    assert "max_abs 0.01 at sample=1" in output
    assert "compared with the saved ones" in output


def test_without_saved_outputs_the_first_release_is_what_the_others_are_compared_with(user):
    write_matrix(user, "first")
    code, output = user.scan("first")
    assert code == 0, output
    good = ("good", [({"sample": at}, "passed", None) for at in range(2)])
    assert found(user, "first") == [good, good]
    said = f"are compared with those of {ROWS[0]}, its first row"
    table = (user.folder / "reports/first/table.md").read_text()
    assert said in output
    assert said in table
    assert {case["facts"]["compared_with"] for case in _cases(user, "first")} == {ROWS[0]}
    assert "nothing to do" in user.scan("first")[1]


def _cases(user, name):
    records = sorted((user.folder / "reports" / name / "records").iterdir())
    assert [path.stem for path in records] == list(ROWS)
    return [case for path in records for case in json.loads(path.read_text())["cases"]]


def test_samples_that_do_not_fit_the_model_judge_nothing(user):
    np.savez(user.folder / "in0.npz", features=np.zeros((2, 4), np.float32))
    np.savez(user.folder / "in1.npz", features=np.ones((2, 4), np.float32))
    write_matrix(user, "wrong")
    code, output = user.scan("wrong")
    assert code == 4, output
    assert {verdict for verdict, _ in found(user, "wrong")} == {"unknown"}
    words = "in0.npz holds features, the model takes x"
    assert words in (user.folder / "reports/wrong/table.txt").read_text()
