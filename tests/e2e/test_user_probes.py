"""Probes of a user that misbehave in every way, beside one that does not."""

import pytest

CELL = "py38-torch1.11.0-onnx1.14.1-ort1.16.1"
AXES = 'python = "3.8"\ntorch = "1.11.0"\nonnx = "1.14.1"\nonnxruntime = "1.16.1"\n'

pytestmark = pytest.mark.slow

PROBE = '''\
# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# outputs = ["y"]
# export-size = {{ n = 2 }}
# run-sizes = [{{ n = 5 }}]
# dynamic = {{ x = {{ 0 = "n" }}, y = {{ 0 = "n" }} }}
{more}# ///
"""A probe that {what}."""

import os
import time

import torch
{top}


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(3, 4)

    def forward(self, x):
        {forward}
        return y


def build(variant):
    return Model()


def inputs(size, random):
    return {{"x": random.standard_normal((size["n"], 3)).astype("float32")}}
'''
GOOD = "y = self.inner(x)"
PROBES = {
    "good": {"forward": GOOD},
    "segfaults": {"forward": f"os.kill(os.getpid(), 11) if torch.onnx.is_in_onnx_export() else None; {GOOD}"},
    "hangs": {"forward": f"time.sleep(99); {GOOD}", "more": "# case-seconds = 3\n"},
    "gives_nan": {"forward": "y = self.inner(x) / 0 * 0"},
    "lacks_a_package": {"forward": GOOD, "top": "import a_package_nobody_has"},
    "raises": {"forward": "y = [][5] if x.shape[0] == 5 else self.inner(x)"},
    "is_frozen": {"forward": "y = self.inner(x) + torch.ones(int(x.shape[0]), 4)"},
    "ignores_input": {"forward": "y = self.inner(x) * 0 + 1"},
}


def matrix(judge, also=(), more=""):
    paths = [[f"../probes/{name}.py" for name in names] for names in (judge, also)]
    rows = f"[[combinations]]\n{AXES}[probes]\njudge = {paths[0]}\nalso = {paths[1]}\n"
    return f'{rows}[cases]\nexporters = ["torchscript"]\nopsets = {{ torchscript = [13] }}\n{more}'


@pytest.fixture
def project(workplace):
    for name, parts in PROBES.items():
        workplace.write(f"probes/{name}.py", PROBE.format(**{"more": "", "top": "", "what": name, **parts}))
    return workplace


def test_each_misbehaviour_is_one_finding_and_the_good_probe_is_good(project):
    others = [name for name in PROBES if name != "good"]
    project.write("matrices/mine.toml", matrix(["good"], others))
    code, output = project.scan("mine")
    assert code == 0, output
    results = project.results("mine")
    (cell,) = results["cells"]
    assert cell["verdict"] == "good"
    found = {}
    for case in cell["cases"]:
        error = None if case["error"] is None else results["errors"][case["error"]]["type"]
        found.setdefault(case["probe"], {})[case["size"]["n"]] = (case["stage"], case["outcome"], case["reason"], error)
    assert found["good"] == dict.fromkeys((2, 5), (None, "passed", None, None))
    assert found["segfaults"] == dict.fromkeys((2, 5), ("export", "crashed", None, "SIGSEGV"))
    assert found["hangs"] == dict.fromkeys((2, 5), ("eager", "timed_out", None, "Timeout"))
    assert found["gives_nan"] == dict.fromkeys((2, 5), ("eager", "failed", "nonfinite", "NonFiniteReference"))
    assert {row[:3] for row in found["lacks_a_package"].values()} == {("build", "skipped", "requirement")}
    assert found["raises"] == {2: (None, "passed", None, None), 5: ("eager", "failed", "error", "IndexError")}
    assert found["is_frozen"][2] == (None, "passed", None, None)
    assert found["is_frozen"][5][1:3] == ("failed", "shape_frozen")
    assert {row[1:3] for row in found["ignores_input"].values()} == {("skipped", "blind")}
    verdicts = {name.partition("/")[0]: verdict for name, verdict in cell["verdicts"].items()}
    unknown = {"lacks_a_package", "ignores_input"}
    assert verdicts == {name: "good" if name == "good" else "unknown" if name in unknown else "bad" for name in PROBES}
    assert project.scan("mine")[1].count("nothing to do") == 1


def test_an_expectation_that_is_not_met_ends_with_one(project):
    expect = f'[expect]\ngood = ["{CELL}"]\n'
    project.write("matrices/mine.toml", matrix(["good", "gives_nan"], more=expect))
    code, output = project.scan("mine")
    assert code == 1, output
    assert f"Expected to be good, and is not: {CELL}" in output
    assert project.results("mine")["cells"][0]["verdict"] == "bad"


def test_reports_follow_the_matrix_when_other_probes_decide(project):
    project.write("matrices/mine.toml", matrix(["good", "gives_nan"]))
    assert project.scan("mine")[0] == 0
    project.write("matrices/mine.toml", matrix(["good"]))
    code, output = project.scan("mine")
    assert (code, "nothing to do" in output) == (0, True)
    assert project.results("mine")["judged"] == ["good"]
    assert project.results("mine")["cells"][0]["verdict"] == "good"


def test_a_change_for_the_worse_withdraws_what_was_recommended(project):
    project.write("matrices/mine.toml", matrix(["good"], more=f'[expect]\ngood = ["{CELL}"]\n'))
    assert project.scan("mine")[0] == 0
    assert project.call("matrixscan", "certify", "mine")[0] == 0
    assert list(project.folder.glob("reports/mine/constraints-*"))
    worse = PROBE.format(more="", top="", what="good", forward="y = self.inner(x) / 0 * 0")
    project.write("probes/good.py", worse)
    assert project.scan("mine")[0] == 1
    assert not list(project.folder.glob("reports/mine/constraints-*"))
