"""Whole commands on matrices of stand-in packages: environments, harness, store and reports are the real ones."""

import json
import os
import shutil
import subprocess
import sys

import fake_packages
import pytest
from dated_index import DatedPackages
from fake_index import FakeIndex

from matrixscan import commands
from matrixscan.execution.task import Options
from matrixscan.store.reports import Reports

PROBE = '''\
# /// script
# requires-python = ">=3.8"
# [tool.matrixscan]
# outputs = ["y"]
# variants = {variants}
# export-size = {{ n = 2 }}
# run-sizes = [{{ n = 3 }}]
# dynamic = {{ x = {{ 0 = "n" }}, y = {{ 0 = "n" }} }}
# ///
"""Stand-in model: {comment}."""


def build(variant):
    import torch

    return torch.Scale(variant, {seconds})


def inputs(size, random):
    return {{"x": random.standard_normal((size["n"], 3)).astype("float32")}}
'''
AXES = {"python": ("3.8",), "torch": fake_packages.TORCHES, "onnx": ("900.1",), "onnxruntime": fake_packages.RUNTIMES}


class Workplace:
    """A folder with matrices, probes, reports and a work folder, and what is done in it."""

    def __init__(self, root):
        self.root, self.notices = root, []
        self.wheels = root / "wheels"
        self.wheels.mkdir(parents=True)
        fake_packages.write_packages(self.wheels)
        self.probe("good")
        self.probe("mixed", variants=("plain", "bad-export", "bad-run", "refused"))
        self.matrix()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def probe(self, name, variants=("plain",), seconds=0.0, comment="multiplies"):
        listed = json.dumps(list(variants))
        self.write(f"probes/{name}.py", PROBE.format(variants=listed, seconds=seconds, comment=comment))

    def matrix(
        self, name="tiny", plan="factored", probes=("good", "mixed"), head="", tables="", axes=AXES, controls=False
    ):
        judge = [f"../probes/{probe}.py" for probe in probes]
        rows = "".join(f"{axis} = {json.dumps(list(versions))}\n" for axis, versions in axes.items())
        # The stand-ins know no convolution, which the real controls are made of.
        head = f'plan = "{plan}"\ncontrols = {json.dumps(controls)}\n{head}'
        text = f'{head}[index]\ntorch = "pypi"\n[axes]\n{rows}[probes]\njudge = {judge}\n'
        text += f'[cases]\nexporters = ["torchscript"]\nopsets = {{ torchscript = [13] }}\n{tables}'
        self.write(f"matrices/{name}.toml", text)

    def request(self, matrix="tiny", *, joint=False, sample=1.0, seed=0, **selection):
        options = {name: selection.pop(name) for name in tuple(selection) if name in Options.__struct_fields__}
        options.setdefault("scan", commands.new_scan())
        return commands.Request(matrix, options=Options(**options), joint=joint, sample=sample, seed=seed, **selection)

    def scan(self, matrix="tiny", **selection):
        """Scan; `notices` then says what was done."""
        self.notices.clear()
        return commands.scan(self.request(matrix, **selection), self.notices.append)

    @property
    def worked_on(self):
        """Environments that were made."""
        return list(dict.fromkeys(notice.cell for notice in self.notices if notice.stage == "install"))

    def start(self, *words, **variables):
        command = [sys.executable, "-m", "matrixscan", *words]
        variables = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
        return subprocess.Popen(
            command, cwd=self.root, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def call(self, *words, **variables):
        with self.start(*words, **variables) as process:
            output, words = process.communicate(timeout=300)
        return process.returncode, output, words

    def store(self, matrix="tiny"):
        return self.root / ".matrixscan" / matrix / "store"

    def side(self, cell, matrix="tiny"):
        """Return the record of a side."""
        return Reports(self.root / ".matrixscan/measured", matrix).read(cell)

    def record(self, cell, matrix="tiny"):
        """Return the published record of a combination."""
        return Reports(self.root / "reports", matrix).read(cell)

    def results(self, matrix="tiny"):
        return json.loads((self.root / "reports" / matrix / "results.json").read_text())


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    made = Workplace(tmp_path / "project")
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("UV_FIND_LINKS", str(made.wheels))
    return made


@pytest.fixture
def dated(workplace, monkeypatch, tmp_path):
    """A workplace whose packages come from an index on this machine, where `packages` publishes releases with dates."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.delenv("UV_FIND_LINKS")
    fake = FakeIndex()
    fake.serve()
    monkeypatch.setenv("UV_INDEX", f"{fake.root}/simple/")
    workplace.packages = DatedPackages(fake, tmp_path / "dated")
    yield workplace
    fake.stop()


@pytest.fixture(scope="session")
def _scanned(tmp_path_factory):
    made = Workplace(tmp_path_factory.mktemp("scanned") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.root)
        patch.setenv("UV_FIND_LINKS", str(made.wheels))
        made.outcome = made.scan()
        made.matrix("joint", plan="joint")
        made.joint = made.scan("joint")
    return made


@pytest.fixture
def scanned(_scanned, tmp_path, monkeypatch):
    """A copy of a workplace where a factored and a joint matrix of the same rows were scanned."""
    made = Workplace.__new__(Workplace)
    made.root, made.notices, made.wheels = tmp_path / "scanned", [], _scanned.wheels
    made.outcome, made.joint = _scanned.outcome, _scanned.joint
    shutil.copytree(_scanned.root, made.root)
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("UV_FIND_LINKS", str(made.wheels))
    return made
