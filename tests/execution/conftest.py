"""A project in a temporary folder whose cells cost next to nothing: wheels made on the spot, numpy for the harness."""

import pytest
from cheap_project import write_wheel

from matrixscan import commands
from matrixscan.execution.run_task import run_task
from matrixscan.execution.task import Options

PROBE = '''\
# /// script
# requires-python = ">=3.8"
# dependencies = {dependencies}
# [tool.matrixscan]
# outputs = ["y"]
# export-size = {{ n = 2 }}
# run-sizes = [{{ n = 3 }}]
# dynamic = {{ x = {{ 0 = "n" }}, y = {{ 0 = "n" }} }}
{more}# ///
"""A probe whose model cannot be built."""


def build(variant):
    {build}


def inputs(size, random):
    return {{"x": random.standard_normal((size["n"], 3)).astype("float32")}}
'''


class Project:
    """Matrix, probes, reports and work folder; `scan` takes its only cell to a record."""

    def __init__(self, root):
        self.root, self.notices = root, []
        self.wheels = root / "wheels"
        self.wheels.mkdir()
        self.wheel("faketensors", module="torch", source="def manual_seed(_): pass")
        self.probe("one")
        self.matrix()

    def matrix(self, python="3.8", probes=("one",), tables="", first=None, **axes):
        axes = axes or {"iniconfig": "2.0.0", "numpy": "1.24.4", "faketensors": "1.0"}
        pins = [pins for pins in (first, {"python": python, **axes}) if pins]
        rows = "".join(
            "[[combinations]]\n" + "".join(f'{name} = "{version}"\n' for name, version in row.items()) for row in pins
        )
        judge = [f"../probes/{name}.py" for name in probes]
        # The stand-ins know no convolution, which the real controls are made of.
        text = f"controls = false\n{rows}\n[probes]\njudge = {judge}\n[cases]\n"
        text += f'exporters = ["torchscript"]\nopsets = {{ torchscript = [13] }}\n{tables}'
        self._write("matrices/cheap.toml", text)

    def probe(self, name, build="raise RuntimeError('no model')", dependencies=(), more=""):
        text = PROBE.format(build=build, dependencies=str(list(dependencies)).replace("'", '"'), more=more)
        self._write(f"probes/{name}.py", text)

    def _write(self, name, text):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def wheel(self, name, version="1.0", source="", module=""):
        """Put a pure wheel where uv finds it."""
        write_wheel(self.wheels, name, version, {f"{module or name}/__init__.py": source})

    def task(self, probes=(), **options):
        request = commands.Request("cheap", probes=tuple(probes), options=Options(**options))
        (task,) = commands.tasks(request, commands.load_plans(request))
        return task

    def scan(self, probes=(), **options):
        """Run the cell and return its record; `stages` says which were worked on."""
        self.notices.clear()
        return run_task(self.task(probes, **options), self.notices.append)

    @property
    def worked_on(self):
        return [notice.stage for notice in self.notices if notice.text == "..."]

    @property
    def lock_path(self):
        (path,) = (self.root / "reports/cheap/locks").iterdir()
        return path

    @property
    def record_path(self):
        (path,) = (self.root / "reports/cheap/records").iterdir()
        return path

    @property
    def work(self):
        (path,) = (path for path in (self.root / ".matrixscan/cheap").iterdir() if path.is_dir())
        return path


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Project(tmp_path)
    monkeypatch.setenv("UV_FIND_LINKS", str(made.wheels))
    return made
