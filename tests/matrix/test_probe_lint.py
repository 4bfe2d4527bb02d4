"""Each objection by a file that deserves it, and none for one that does not."""

import pytest

from matrixscan.matrix.probe import builtin_probes, read_probe
from matrixscan.matrix.probe_lint import lint_probe

TABLE = """\
license = "MIT"
export-size = { t = 20 }
run-sizes = [{ t = 17 }]
dynamic = { x = { 0 = "t" } }
"""
CHAIN = TABLE.replace("dynamic =", "stages.one.dynamic =")
CODE = "def build(variant): ...\ndef inputs(size, random): ...\n"
PIPELINE = "def pipeline(stages, inputs, side): ...\n"


@pytest.fixture
def objections(tmp_path):
    def _objections(code=CODE, table=TABLE, dependencies="[]", python=">=3.8"):
        lines = "".join(f"# {line}\n" for line in table.splitlines())
        head = f'# /// script\n# requires-python = "{python}"\n# dependencies = {dependencies}\n# [tool.matrixscan]\n'
        file = tmp_path / "mine.py"
        file.write_text(f'{head}{lines}# ///\n"""Summary."""\n{code}', encoding="utf-8")
        return lint_probe(read_probe(file))

    return _objections


def test_a_careful_probe_is_not_objected_to(objections):
    assert objections() == ()
    assert objections("import os\nimport numpy as np\nimport torch.nn as nn\nfrom torch import fx\n" + CODE) == ()
    assert objections(CODE.replace("random)", "random, variant)") + "def post(outputs, inputs): ...\n") == ()
    assert objections(CODE + PIPELINE, CHAIN) == ()


NEW_SYNTAX = CODE + "match 1:\n    case _: ...\n"


@pytest.mark.parametrize(
    ("words", "wrong", "right"),
    [
        ("is not valid in Python 3.8", {"code": NEW_SYNTAX}, {"code": NEW_SYNTAX, "python": ">=3.10"}),
        ("build() should be build(variant)", {"code": CODE.replace("build(variant)", "build()")}, {}),
        (
            "inputs(random, size) should be inputs(size, random) or inputs(size, random, variant)",
            {"code": CODE.replace("size, random", "random, size")},
            {"code": CODE.replace("size, random", "size, random, more=1")},
        ),
        (
            "inputs() draws nothing from `random`",
            {"code": CODE.replace("random): ...", "random): return {}")},
            {"code": CODE.replace("random): ...", "random): return {'x': random.standard_normal(3)}")},
        ),
        ("post(outputs) should be post(outputs, inputs)", {"code": CODE + "def post(outputs): ...\n"}, {}),
        (
            "pipeline(stages, side) should be pipeline(stages, inputs, side)",
            {"code": CODE + PIPELINE.replace(" inputs,", ""), "table": CHAIN},
            {"code": CODE + PIPELINE, "table": CHAIN},
        ),
        (
            "finish(path) should be finish(path, variant) or finish(path, variant, stage)",
            {"code": CODE + "def finish(path):\n    ...\n"},
            {"code": CODE + "def finish(path, variant, stage=''):\n    ...\n"},
        ),
        ("a chain needs pipeline", {"table": CHAIN}, {"code": CODE + PIPELINE, "table": CHAIN}),
        (
            "a chain needs pipeline",
            {"table": CHAIN},
            {"code": "from math import tau as pipeline\n" + CODE, "table": CHAIN},
        ),
        ("pipeline() is never called", {"code": CODE + PIPELINE}, {"code": CODE + PIPELINE, "table": CHAIN}),
        (
            "imports einops, which `dependencies` does not list",
            {"code": "from einops.layers import torch\n" + CODE},
            {"code": "from einops.layers import torch\n" + CODE, "dependencies": '["Einops==0.8"]'},
        ),
        (
            "imports antlr4_runtime, which",
            {"code": "import antlr4_runtime\n" + CODE},
            {"code": "import antlr4_runtime\n" + CODE, "dependencies": '["antlr4-runtime==4.8"]'},
        ),
        ("torch.load runs what a pickle says", {"code": CODE + "x = torch.load('x')\n"}, {}),
        (
            "np.load runs what a pickle says",
            {"code": CODE + "x = np.load('x', allow_pickle=True)\n"},
            {"code": CODE + "x = np.load('x')\n"},
        ),
        (
            "torch.randn differs between releases",
            {"code": CODE + "x = torch.randn(3)\n"},
            {"code": CODE + "x = random.randn(3)\n"},
        ),
        ("np.random.rand differs between releases", {"code": CODE + "x = np.random.rand(3)\n"}, {}),
        ("run-sizes: none", {"table": TABLE.replace("run-sizes = [{ t = 17 }]\n", "")}, {}),
        (
            "dynamic: none, yet the sizes differ in t",
            {"table": TABLE.replace('dynamic = { x = { 0 = "t" } }\n', "")},
            {"table": TABLE.replace('dynamic = { x = { 0 = "t" } }\n', "open-variants = true\n")},
        ),
        ("license: is empty", {"table": TABLE.replace('license = "MIT"\n', "")}, {}),
    ],
)
def test_each_objection_is_made_where_it_is_due_and_nowhere_else(objections, words, wrong, right):
    (objection,) = objections(**wrong)
    assert words in objection
    assert objections(**right) == ()


def test_objections_to_code_name_their_line(objections):
    (objection,) = objections("import einops\n" + CODE)
    assert objection.startswith("line 11: ")


def test_the_operators_that_come_with_matrixscan_are_not_objected_to():
    for name, path in builtin_probes().items():
        if name.startswith("op_"):
            assert lint_probe(read_probe(path)) == (), name
