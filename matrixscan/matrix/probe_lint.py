"""What is worth saying about a probe file that can be read: habits that make a probe prove less than it seems to."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from matrixscan.matrix.types import Probe

#: What the harness itself brings or is there to test.
_GIVEN = frozenset(sys.stdlib_module_names) | {"numpy", "torch", "onnx", "onnxruntime"}
_SIGNATURES = {
    "build": (("variant",),),
    "inputs": (("size", "random"), ("size", "random", "variant")),
    "post": (("outputs", "inputs"),),
    "pipeline": (("stages", "inputs", "side"),),
    "finish": (("path", "variant"), ("path", "variant", "stage")),
}
_PICKLES = re.compile(r"(torch\.load|pickle\.loads?|joblib\.load|(np|numpy)\.load\(.*allow_pickle=True)")
_OWN_SEEDS = re.compile(r"(torch\.manual_seed|np\.random\.|numpy\.random\.|torch\.rand|random\.seed)")


def lint_probe(probe: Probe) -> tuple[str, ...]:
    """Return one line for everything a careful reader would object to: of the code, then of the settings."""
    if probe.row is not None:
        return tuple(_settings(probe))
    text = Path(probe.path).read_text(encoding="utf-8-sig")
    tree = ast.parse(text)
    checks: tuple[Callable[[Probe, str, ast.Module], Iterator[str]], ...] = (_syntax, _signatures, _imports, _calls)
    return (*(line for check in checks for line in check(probe, text, tree)), *_settings(probe))


def _syntax(probe: Probe, text: str, _tree: ast.Module) -> Iterator[str]:
    if not SpecifierSet(probe.requires_python).contains("3.8"):
        return
    try:
        ast.parse(text, feature_version=(3, 8))
    except SyntaxError as error:
        yield f"line {error.lineno}: is not valid in Python 3.8: {error.msg}; rewrite it or set requires-python"


def _signatures(probe: Probe, _text: str, tree: ast.Module) -> Iterator[str]:
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name, allowed in _SIGNATURES.items():
        node = functions.get(name)
        if node is None:
            continue
        required = len(node.args.args) - len(node.args.defaults)
        names = tuple(argument.arg for argument in node.args.args[:required])
        if names not in allowed:
            wanted = " or ".join(f"{name}({', '.join(each)})" for each in allowed)
            yield f"line {node.lineno}: {name}({', '.join(names)}) should be {wanted}"
    drawn = functions.get("inputs")
    if drawn is not None and len(drawn.args.args) > 1 and not _uses(drawn, drawn.args.args[1].arg):
        yield f"line {drawn.lineno}: inputs() draws nothing from `random`, so a value baked in at export would not show"
    taken = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    if probe.stages and "pipeline" not in functions.keys() | taken:
        yield "stages: a chain needs pipeline(stages, inputs, side)"
    if "pipeline" in functions and not probe.stages:
        line = functions["pipeline"].lineno
        yield f"line {line}: pipeline() is never called; add a [tool.matrixscan.stages.NAME] for each stage"


def _uses(function: ast.FunctionDef, name: str) -> bool:
    stubbed = all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in function.body)
    return stubbed or any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(function))


def _imports(probe: Probe, _text: str, tree: ast.Module) -> Iterator[str]:
    listed = {canonicalize_name(Requirement(text).name).replace("-", "_") for text in probe.dependencies}
    beside = {file.stem for file in Path(probe.path).parent.glob("*.py")}
    for node in tree.body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in (each.partition(".")[0] for each in names):
            if name in beside and f"{name}.py" not in probe.files:
                yield f"line {node.lineno}: imports {name}.py, which `files` does not list"
            elif name not in _GIVEN and name not in beside and name.lower() not in listed:
                yield f"line {node.lineno}: imports {name}, which `dependencies` does not list"


def _calls(_probe: Probe, _text: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        said = ast.unparse(node)
        if _PICKLES.match(said):
            yield f"line {node.lineno}: {said.partition('(')[0]} runs what a pickle says; use `checkpoint`"
        elif _OWN_SEEDS.match(said):
            yield f"line {node.lineno}: {said.partition('(')[0]} differs between releases; draw from `random`"


def _settings(probe: Probe) -> Iterator[str]:
    if not probe.run_sizes:
        yield "run-sizes: none; a shape baked in at export would not show"
    named = {axis for names in probe.dynamic.values() for axis in names.values()}
    named |= {axis for stage in probe.stages.values() for names in stage.dynamic.values() for axis in names.values()}
    varies = {name for size in probe.run_sizes for name in size if size[name] != probe.export_size[name]}
    if varies and not named and not probe.open_variants:
        yield f"dynamic: none, yet the sizes differ in {', '.join(sorted(varies))}; an export would bake them in"
    if not probe.license and probe.row is None:  # a row holds all its code itself
        yield "license: is empty; say under which terms the code it uses comes"
