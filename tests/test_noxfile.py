"""The noxfile, started as its users start it."""

import os
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from matrixscan.matrix.reader import read_matrix
from matrixscan.plan.expand import cells_of

ROOT = Path(__file__).parents[1]
UNUSABLE = "http://127.0.0.1:9"


def nox(*words, cwd=ROOT):
    """Run Nox with a network nobody can use."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("MATRIXSCAN_", "NOX_"))}
    variables |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), UNUSABLE)
    variables |= {"UV_DEFAULT_INDEX": f"{UNUSABLE}/simple", "NOX_SCRIPT_MODE": "none", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "nox", "-f", str(ROOT / "noxfile.py"), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60, env=variables)


def test_the_script_block_repeats_the_dependencies_of_the_project():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = (ROOT / "noxfile.py").read_text().split("# ///\n")[0].split("# /// script\n")[1].splitlines()
    block = tomllib.loads("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines))
    assert block["dependencies"] == pyproject["project"]["dependencies"]
    assert block["requires-python"] == pyproject["project"]["requires-python"]


def test_listing_names_every_combination_offline_and_at_once():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = nox("-l")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    rows = dict(line[2:].partition(" -> ")[::2] for line in done.stdout.splitlines() if line[:2] in {"* ", "- "})
    for cell in cells_of(read_matrix(ROOT / "matrices" / "default.toml")):
        assert rows[f"cell({cell.id})"], cell.id
    for name in ("scan", "plan", "tests", "lint", "harness_tests"):
        assert rows[name], name
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["scan", "--", "matrices/nonsense.toml"], 2, "no matrix file 'matrices/nonsense.toml'"),
        (["scan", "--", "nonsense"], 2, "unknown after `--`: nonsense"),
        (["scan", "--", "smoke", "--probe", "op_avg_pool_cel"], 2, "did you mean 'op_avg_pool_ceil'"),
        (["scan", "--", "smoke", "--wrong"], 2, "unknown after `--`: --wrong"),
        (["scan", "--", "--exclude", "*"], 3, "nothing selected"),
    ],
)
def test_a_wrong_request_ends_before_anything_is_installed(words, code, said):
    done = nox("-s", *words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plan_prints_requirements_and_installs_nothing():
    done = nox("-s", "plan", "--", "smoke")
    assert done.returncode == 0, done.stderr
    assert "py38-torch1.11.0-onnx1.14.1-ort1.16.1\n  python 3.8\n  torch==1.11.0\n" in done.stdout
    assert "1 combinations x " in done.stdout
