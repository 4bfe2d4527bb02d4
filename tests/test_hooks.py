"""The hook for pre-commit: its file says what it has to, and its entry works on the files it takes."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def test_the_hook_says_what_pre_commit_needs():
    assert {"id", "name", "language", "entry", "files"} <= set(HOOK)
    assert (HOOK["id"], HOOK["language"]) == ("matrixscan-check", "python")


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("requirements.txt", True),
        ("requirements-dev.txt", True),
        ("deploy/constraints.txt", True),
        ("pylock.toml", True),
        ("pylock.gpu.toml", True),
        ("uv.lock", True),
        ("app/poetry.lock", True),
        ("requirements.in", False),
        ("my-uv.lock", False),
        ("pyproject.toml", False),
        ("notes.txt", False),
    ],
)
def test_it_takes_files_of_pins(path, taken):
    assert (re.search(HOOK["files"], path) is not None) is taken


@pytest.mark.parametrize(("torch", "code"), [("2.3.1", 1), ("2.9.0", 0)])
def test_its_entry_stops_what_is_known_to_be_bad(tmp_path, torch, code):
    (tmp_path / "requirements.txt").write_text(f"torch=={torch}\nonnx==1.16.1\nonnxruntime==1.18.1\n")
    words = shlex.split(HOOK["entry"])
    assert words[0] == "matrixscan"
    command = [sys.executable, "-m", *words, *HOOK["args"], "--reports", str(ROOT / "reports"), "requirements.txt"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
