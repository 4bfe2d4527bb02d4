"""The whole way, as its users go it: a folder, a matrix, the real command, real torch 1.11 on a real Python 3.8."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CELL = "py38-torch1.11.0-onnx1.14.1-ort1.16.1"


class Workplace:
    """A project's folder and what is done in it."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "matrices").mkdir(parents=True)
        shutil.copy(ROOT / "matrices" / "smoke.toml", folder / "matrices")

    def start(self, *words, **variables):
        """Start a command without waiting; lines of its output appear as they are written."""
        return subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, *words, **variables):
        """Run a command to its end and return exit code and output."""
        with self.start(*words, **variables) as process:
            output, _ = process.communicate(timeout=600)
        return process.returncode, output

    def scan(self, *words, **variables):
        return self.call("matrixscan", "scan", *words, **variables)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def results(self, matrix="smoke"):
        return json.loads((self.folder / "reports" / matrix / "results.json").read_text())


@pytest.fixture(scope="session")
def make_workplace():
    """Return what makes a project's folder, for fixtures that live longer than a test."""
    return Workplace


@pytest.fixture
def workplace(tmp_path):
    return Workplace(tmp_path / "project")


@pytest.fixture(scope="session")
def scanned(tmp_path_factory):
    """Where the smoke matrix was scanned once without interruption; look, do not touch."""
    place = Workplace(tmp_path_factory.mktemp("scanned") / "project")
    place.code, place.output = place.scan("smoke")
    return place
