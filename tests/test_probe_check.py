"""`matrixscan probe FILE --check`: reads, objects, and runs nothing."""

import pytest
from typer.testing import CliRunner

from matrixscan import cli, commands
from matrixscan.errors import MatrixscanError

MATRIX = """\
[[combinations]]
python = "3.8"
torch = "1.11.0"
onnx = "1.14.1"
onnxruntime = "1.16.1"

[probes]
judge = ["op_round_half_even"]

[cases]
exporters = ["torchscript", "dynamo"]
opsets = { torchscript = [13, 17], dynamo = [18] }
"""
PROBE = '''\
# /// script
# requires-python = ">=3.8"
# [tool.matrixscan]
# license = "MIT"
# variants = ["published", "fixed"]
# export-size = { n = 2 }
# run-sizes = [{ n = 5 }]
# dynamic = { x = { 0 = "n" } }
# ///
"""A probe of mine."""


def build(variant): ...


def inputs(size, random): ...
'''
ROW = """\
[mine]
summary = "A row of mine."
inputs.x = "normal(n)"
expression = "x + 1"
export-size = { n = 2 }
run-sizes = [{ n = 5 }]
dynamic = { x = { 0 = "n" } }
"""


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "matrices").mkdir()
    (tmp_path / "matrices/mine.toml").write_text(MATRIX)
    (tmp_path / "mine.py").write_text(PROBE)
    (tmp_path / "ops.toml").write_text(ROW)
    return tmp_path


def check(file="mine.py"):
    return CliRunner().invoke(cli.app, ["probe", file, "--matrix", "mine", "--check"])


def test_a_probe_without_objections_is_shown_with_all_it_would_run(project):
    done = check()
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            "mine: A probe of mine.",
            "  12 cases: 2 variants x 3 lanes x 2 sizes",
            "  torchscript opset 13 fp32 -> onnxruntime-cpu",
            "  torchscript opset 17 fp32 -> onnxruntime-cpu",
            "  dynamo opset 18 fp32 -> onnxruntime-cpu",
        ],
    )
    assert not (project / ".matrixscan").exists()
    assert not (project / "reports").exists()


def test_an_objection_is_shown_and_exits_with_two(project):
    (project / "mine.py").write_text(PROBE + "\nimport einops\n")
    done = check()
    assert done.exit_code == 2
    assert "  line 18: imports einops, which `dependencies` does not list\n" in done.stdout
    assert "12 cases" in done.stdout


def test_every_problem_of_a_file_that_cannot_be_read_is_listed(project):
    (project / "mine.py").write_text(PROBE.replace("export-size", "export-sise").replace("def build", "def built"))
    with pytest.raises(MatrixscanError) as caught:
        commands.check_probe("mine.py", "mine")
    assert caught.value.exit_code == 2
    assert "export-sise" in str(caught.value)
    assert "build" in str(caught.value)


def test_a_row_of_a_table_is_a_probe_like_any_other():
    done = check("ops.toml#mine")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "op_mine: A row of mine.")
    assert check("op_avg_pool_ceil").exit_code == 0


@pytest.mark.parametrize("file", ["ops.toml#nine", "ops.toml", "nine.py", "op_nine"])
def test_what_names_no_probe_is_a_mistake_of_the_command(file):
    with pytest.raises(MatrixscanError) as caught:
        commands.check_probe(file, "mine")
    assert caught.value.exit_code == 2


def test_the_combination_has_to_exist():
    with pytest.raises(MatrixscanError, match="unknown combination"):
        commands.run_probe("mine.py", commands.Request("mine", cells=("py39-none",)), print)
