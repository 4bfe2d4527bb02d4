"""The operator table and what makes probes of its rows, without torch; and every row in real environments."""

import ast
import collections
import json
import re
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest

import matrixscan.harness
from matrixscan.harness.rows import KEYS, NAMESPACE, RowError, RowProbe, generators, problems

HARNESS = Path(matrixscan.harness.__file__).parent
TABLE = HARNESS / "probes" / "operators.toml"
ROWS = {f"op_{name}": row for name, row in tomllib.loads(TABLE.read_text(encoding="utf-8")).items()}
SETTINGS = {
    *("summary", "outputs", "export-size", "run-sizes", "dynamic", "rtol", "atol", "nonfinite", "exporters", "opsets"),
}
CATEGORIES = {
    *("Pooling", "Resizing and sampling", "Padding", "Convolution", "Attention", "Recurrent layers", "Normalisation"),
    *("Activations", "Indexing and scatter", "Integers, rounding and types", "Reductions and running sums"),
    *("Fourier transforms", "Half precision", "Sorting and searching", "Control flow", "Products"),
    "Shapes made from sizes",
}
BUILTINS = {"abs", "bool", "dict", "float", "int", "len", "list", "max", "min", "range", "sum", "tuple"}

#: Variants whose operator, or an argument of it, came after torch 1.11.
NEWER_THAN_OLDEST = {
    "op_activations": {"gelu_tanh"},
    "op_any_all": {"two_axes"},
    "op_cond": {"value"},
    "op_conv_kernel_input": {"weight_norm_parametrized"},
    "op_half_arithmetic": {"softmax"},
    "op_norm_options": {"rms"},
    "op_scatter_reduce": {"amax_self", "amax_only", "mean_only", "prod_self", "sum_only"},
    "op_sdpa_empty_row": {"boolean", "additive"},
    "op_sdpa_mask": {"boolean", "additive", "causal"},
    "op_sdpa_options": {"cross_causal", "scale", "broadcast", "grouped", "three_axes"},
    "op_sort_stable": {"argsort"},
    "op_sums": {"mean_integer"},
    "op_where_scalar": {"scalar", "promoted"},
}

GOOD = {"inputs": {"x": "normal(n, 3)"}, "expression": "x * 2"}


def sizes(row):
    return [row["export-size"], *row.get("run-sizes", [])]


def names_in(text):
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name) and node.id not in BUILTINS}


def test_the_table_is_a_catalogue():
    text = TABLE.read_text(encoding="utf-8")
    found, heading = collections.Counter(), None
    for line in text.splitlines():
        if line.startswith("# ---- "):
            heading = line.removeprefix("# ---- ")
        elif re.fullmatch(r"\[\w+\]", line):
            found[heading] += 1
    assert found.keys() == CATEGORIES
    assert min(found.values()) >= 2
    assert sum(found.values()) == len(ROWS) >= 60
    assert max(map(len, text.splitlines())) <= 130


@pytest.mark.parametrize("name", ROWS)
def test_row(name):
    row = ROWS[name]
    assert problems(row) == []
    assert set(row) <= {*KEYS, *SETTINGS}
    assert re.fullmatch(r"op_[a-z][a-z0-9_]*", name)
    assert row["summary"].endswith(".")
    assert all(size.keys() == row["export-size"].keys() for size in sizes(row))
    distinct = {tuple(size.items()) for size in sizes(row)}
    assert len(distinct) == len(sizes(row)) > 1, "one size cannot show a shape that was baked in"
    assert set(row["dynamic"]) <= {*row["inputs"], *row.get("outputs", ["output"])}


@pytest.mark.parametrize("name", ROWS)
def test_expressions_of_a_row_name_only_what_there_is(name):
    row = ROWS[name]
    probe = RowProbe(name, row)
    own = {*row["inputs"], *row.get("modules", ()), *row.get("buffers", ())}
    used = set()
    for variant in probe.variants:
        tree = ast.parse(probe.source(variant), feature_version=(3, 8))
        known = own | set(NAMESPACE) | BUILTINS | {"self"}
        known |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        known |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        known |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert read <= known
        used |= read
    assert own <= used, "an input, a module or a buffer that no variant reads"
    drawn = {*generators(None), "np", *row["inputs"], *row["export-size"]}
    for text in row["inputs"].values():
        assert names_in(text) <= drawn


@pytest.mark.parametrize("name", ROWS)
def test_inputs_of_a_row(name):
    probe = RowProbe(name, ROWS[name])
    for size in sizes(ROWS[name]):
        made = probe.inputs(dict(size), np.random.RandomState(1))
        again = probe.inputs(dict(size), np.random.RandomState(1), "any")
        other = probe.inputs(dict(size), np.random.RandomState(2))
        assert list(made) == list(ROWS[name]["inputs"])
        assert all(value.dtype in (np.float32, np.int64, np.bool_) for value in made.values())
        assert all(np.array_equal(made[key], again[key], equal_nan=made[key].dtype.kind == "f") for key in made)
        assert any(not np.array_equal(made[key], other[key]) for key in made)


def test_generators_keep_their_promises():
    made = generators(np.random.RandomState(3))
    assert set(np.unique(made["multiples"](0.25, -1, 1, 500))) == set(np.arange(-4, 5) / 4)
    assert len(np.unique(made["distinct"](7, 5))) == 35
    assert sorted(made["permutation"](9)) == list(range(9))
    assert list(made["lengths"](4, 7, 3)) == [7, 4, 1, 1]
    assert list(made["booleans"](5)[:2]) == [True, False]
    assert made["booleans"](1).all()
    assert made["choice"]([2, 5], 3, 2).shape == (3, 2)
    assert set(np.unique(made["integers"](-1, 2, 99))) == {-1, 0, 1}
    assert made["normal"]().shape == ()


def test_a_variant_has_the_modules_and_buffers_it_names():
    row = {
        "inputs": {"x": "normal(n, 3)", "y": "x + 1"},
        "modules": {"one": "nn.Linear(3, 3)", "two": "nn.Missing()"},
        "buffers": {"window": "torch.ones(3)"},
        "code": "z = one(x)",
        "variants": {"plain": "z * y", "long": "\nz = z * window\nreturn z, y\n", "split": "z +\\\n  y"},
    }
    probe = RowProbe("op_it", row)
    assert probe.variants == ["plain", "long", "split"]
    head = "class Row(nn.Module):\n    def forward(self, x, y):\n        one = self.one\n"
    assert probe.source("plain") == head + "        z = one(x)\n        return z * y\n"
    assert "window = self.window\n        z = one(x)\n        z = z * window" in probe.source("long")
    assert "two" not in probe.source("plain")
    compile(probe.source("split"), "", "exec")


def test_post_sees_outputs_and_inputs():
    probe = RowProbe("op_it", {**GOOD, "post": {"sorted": "np.sort(output + x, 0)", "raw": "outputs['output']"}})
    made = probe.post({"output": np.array([3.0, 1.0])}, {"x": np.array([1.0, 1.0])})
    assert {key: list(value) for key, value in made.items()} == {"sorted": [2.0, 4.0], "raw": [3.0, 1.0]}
    assert not hasattr(RowProbe("op_it", GOOD), "post")


WRONG = {
    "no inputs": ({"inputs": {}}, "inputs: expected a table of texts, with at least one"),
    "inputs missing": ({"inputs": None}, "inputs: expected a table"),
    "not text": ({"inputs": {"x": 3}}, "inputs: expected a table of texts"),
    "no expression": ({"expression": None}, "expression: expected a text"),
    "both": ({"variants": {"a": "x"}}, "expression: a row has an expression, or variants, or code that returns"),
    "syntax": ({"expression": "x +"}, "expression: is not valid Python 3.8"),
    "too new": ({"expression": "[y for x in x if (match x)]"}, "expression: is not valid Python 3.8"),
    "returns nothing": ({"expression": "y = x"}, "expression: returns nothing"),
    "returns early": ({"code": "return x"}, "code: may not return"),
    "statement as input": ({"inputs": {"x": "y = 1"}}, "inputs.x: is not valid Python 3.8"),
    "keyword": ({"inputs": {"lambda": "normal(n)"}}, "lambda: cannot be the name"),
    "taken name": ({"inputs": {"torch": "normal(n)"}}, "torch: cannot be the name"),
    "twice": ({"modules": {"x": "nn.ReLU()"}}, "x: two things have this name"),
    "script": ({"script": "yes"}, "script: expected true or false"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_row_is_refused_with_its_key(case):
    change, expected = WRONG[case]
    with pytest.raises(RowError, match="^op_it\\." + re.escape(expected)):
        RowProbe("op_it", {**GOOD, **change})


def test_what_fails_while_drawing_names_row_and_key():
    probe = RowProbe("op_it", {**GOOD, "inputs": {"x": "normal(n, width)"}})
    with pytest.raises(RowError, match=r"op_it\.inputs\.x: NameError: name 'width'"):
        probe.inputs({"n": 2}, np.random.RandomState(0))


def test_code_alone_returns():
    probe = RowProbe("op_it", {"inputs": {"x": "normal(n)"}, "code": "x = x + 1\nreturn x"})
    assert probe.source("default").endswith("        x = x + 1\n        return x\n")


EAGER = """
import json, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
from importlib import import_module
rows, weights = import_module(sys.argv[2] + ".rows"), import_module(sys.argv[2] + ".weights")
import torch
torch.set_num_threads(1)
failed = {}
for name, row in json.load(sys.stdin).items():
    for variant in row.get("variants", ["default"]):
        try:
            probe = rows.RowProbe(name, row)
            model = probe.build(variant).eval()
            weights.fill(model, name)
            for size in [row["export-size"]] + row.get("run-sizes", []):
                made = probe.inputs(dict(size), weights.generator(name, str(size)), variant)
                with torch.no_grad():
                    model(*(torch.from_numpy(value) for value in made.values()))
        except Exception as error:
            failed.setdefault(name, {})[variant] = "%s: %s" % (type(error).__name__, error)
print(json.dumps(failed))
"""


@pytest.mark.slow
def test_every_row_runs_in_eager_where_torch_has_its_operator(bed):
    command = [bed.environment.python, "-c", EAGER, bed.harness.parent, bed.harness.name]
    done = subprocess.run(command, input=json.dumps(ROWS), capture_output=True, text=True, check=True)
    failed = json.loads(done.stdout.splitlines()[-1])
    expected = NEWER_THAN_OLDEST if bed.name == "oldest" else {}
    assert {name: set(variants) for name, variants in failed.items()} == expected, failed
