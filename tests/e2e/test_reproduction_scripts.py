"""A failing case becomes a folder, whose script fails in the same way in an environment of its own pins alone."""

import os
import re
import shutil
import subprocess

import pytest

from matrixscan.environment.interpreters import find_interpreter
from matrixscan.environment.uv import uv

pytestmark = pytest.mark.slow

CELL = "py38-torch1.11.0-onnx1.14.1-ort1.16.1"
MATRIX = """\
[[combinations]]
python = "3.8"
torch = "1.11.0"
onnx = "1.14.1"
onnxruntime = "1.16.1"

[probes]
judge = ["op_max_pool_ceil", "op_round_half_even"]

[cases]
exporters = ["torchscript"]
opsets = { torchscript = [13] }
"""
LANE = "torchscript/opset13/fp32/onnxruntime-cpu"
COMPARED = f"op_max_pool_ceil/sparse/{LANE}/n3,t20"
EXPORTED = f"op_round_half_even/fraction/{LANE}/n8"
PASSED = f"op_round_half_even/round/{LANE}/n8"


@pytest.fixture(scope="module")
def project(tmp_path_factory, make_workplace):
    place = make_workplace(tmp_path_factory.mktemp("reproduced") / "project")
    place.write("matrices/mine.toml", MATRIX)
    code, output = place.scan("mine")
    assert code == 0, output
    return place


def reproduce(project, case, out):
    code, output = project.call("matrixscan", "reproduce", CELL, case, "--matrix", "mine", "--out", out, "--keep-env")
    assert code == 0, output
    assert "\nreproduced: " in output
    return project.folder / out


def uv_run(folder, elsewhere, *, python, script=None):
    """Run the script as a stranger does: in another place, with nothing but the folder."""
    shutil.copytree(folder, elsewhere)
    if script is not None:
        (elsewhere / "reproduce.py").write_text(script, encoding="utf-8")
    command = [uv(), "run", "--quiet", "--python", str(find_interpreter(python)), "reproduce.py"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, cwd=elsewhere, env=variables, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_wrong_result_is_shown_by_one_node_and_without_torch(project, tmp_path):
    folder = reproduce(project, COMPARED, "compared")
    script = (folder / "reproduce.py").read_text(encoding="utf-8")
    assert "torch" not in re.findall(r'"([a-z-]+)==', script)
    assert sorted(path.name for path in folder.iterdir()) == [
        "ISSUE.md", "actual.npz", "expected.npz", "inputs.npz", "model.onnx", "reproduce.py",
    ]  # fmt: skip
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20_000
    code, output = uv_run(folder, tmp_path / "fresh", python="3.8")
    assert (code, output.splitlines()[-1]) == (1, "reproduced: output has shape (3, 3, 2, 6) instead of (3, 3, 2, 5)")
    issue = (folder / "ISSUE.md").read_text(encoding="utf-8")
    assert issue.startswith(
        "# onnxruntime 1.16.1: MaxPool gives another shape than PyTorch\n\nFor: microsoft/onnxruntime"
    )
    assert "ceil_mode=1" in issue
    assert str(project.folder) not in issue + script


def test_a_release_that_is_right_is_recognised_by_its_pin(project, tmp_path):
    folder = reproduce(project, COMPARED, "compared")
    script = (folder / "reproduce.py").read_text(encoding="utf-8")
    pins = '# dependencies = ["onnxruntime==1.31.1", "numpy"]\n'
    moved = re.sub(r"# dependencies = \[\n(?:#  .*\n)+# \]\n", pins, script).replace("==3.8.*", "==3.13.*")
    assert pins in moved
    code, output = uv_run(folder, tmp_path / "moved", python="3.13", script=moved)
    assert (code, output.splitlines()[-1]) == (0, "not reproduced: every element of output is as expected")


def test_an_export_that_fails_does_so_from_the_code_alone(project, tmp_path):
    folder = reproduce(project, EXPORTED, "exported")
    assert sorted(path.name for path in folder.iterdir()) == ["ISSUE.md", "reproduce.py"]
    code, output = uv_run(folder, tmp_path / "fresh", python="3.8")
    assert code == 1, output
    assert output.splitlines()[-1].startswith("reproduced: ")
    assert "Exporting the operator frac to ONNX opset version 13 is not supported" in output
    assert "For: pytorch/pytorch" in (folder / "ISSUE.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("cell", "case", "words"),
    [
        (CELL, COMPARED.replace("sparse", "spares"), "did you mean"),
        (CELL.replace("1.16.1", "1.16.2"), COMPARED, f"did you mean '{CELL}'?"),
        (CELL, PASSED, f"it passed; what failed there:\n  {COMPARED[:16]}"),
    ],
)
def test_what_cannot_be_reproduced_is_said(project, cell, case, words):
    code, output = project.call("matrixscan", "reproduce", cell, case, "--matrix", "mine")
    assert code == 2
    assert words in output


def test_without_its_lock_there_is_no_environment(project):
    lock = project.folder / "reports" / "mine" / "locks" / f"{CELL}.txt"
    text = lock.read_text(encoding="utf-8")
    lock.unlink()
    try:
        code, output = project.call("matrixscan", "reproduce", CELL, COMPARED, "--matrix", "mine")
        assert (code, "scan it first" in output or "first: matrixscan scan mine" in output) == (2, True)
    finally:
        lock.write_text(text, encoding="utf-8")
