"""The harness's own rules, read off its source, and what every probe file says of itself."""

import ast
import sys
from pathlib import Path

import pytest

import matrixscan.harness
from matrixscan.environment.harness import harness_files
from matrixscan.matrix import controls
from matrixscan.matrix.probe import read_probe
from matrixscan.matrix.selection import builtin_probes

HARNESS = Path(matrixscan.harness.__file__).parent
PACKAGE = HARNESS.parent
FILES = {path.relative_to(HARNESS).as_posix(): path for path in harness_files()}
PROBES = {**builtin_probes(), controls.CONTROL: controls.FILE}
PYTHON_PROBES = {name: file for name, file in PROBES.items() if file.suffix == ".py"}
HOST = {
    path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py")) if HARNESS not in path.parents
}
UNDER_TEST = {"torch", "onnx", "onnxruntime", "onnxscript", "ncnn", "openvino"}
BESIDE = {file.name for file in (HARNESS / "probes").glob("*.py")}
PLACE_ONLY = {"environment/harness.py"}  # it copies the folder, so it has to know where the folder is


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


def imported(tree):
    """Yield (module, level, names) of every import statement below a node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level, tuple(alias.name for alias in node.names)


def at_import(nodes):
    """Return the top modules that come in when a file is imported: imports outside every function."""
    found = set()
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {module.partition(".")[0] for module, level, _ in imported(node) if level == 0}
        found |= at_import(ast.iter_child_nodes(node))
    return found


def test_the_harness_is_where_we_look():
    assert {"main.py", "compare.py", "backends/dynamo.py"} <= FILES.keys()
    assert {"cli/common.py", "environment/harness.py", "records/events.py"} <= HOST.keys()
    assert not any(name.startswith("probes/") for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_harness_file_is_python_38_and_imports_what_it_may(name):
    tree = parsed(FILES[name])
    depth = name.count("/")
    for module, level, _ in imported(tree):
        top = module.partition(".")[0]
        assert level or top in sys.stdlib_module_names | UNDER_TEST | {"numpy"}, module
        assert level <= depth + 1, "reaches out of the harness"
    assert not at_import(tree.body) & UNDER_TEST


@pytest.mark.parametrize("file", sorted((HARNESS / "probes").glob("*.py")), ids=lambda file: file.name)
def test_probe_file_is_python_38(file):
    parsed(file)


def test_protocol_imports_nothing():
    assert list(imported(parsed(FILES["protocol.py"]))) == []


@pytest.mark.parametrize("name", HOST)
def test_the_host_knows_the_harness_by_its_protocol_alone(name):
    allowed = {"matrixscan.harness.protocol"} | ({"matrixscan.harness"} if name in PLACE_ONLY else set())
    for module, level, names in imported(ast.parse(HOST[name].read_text(encoding="utf-8"))):
        assert level == 0, "the host imports by full names"
        for reached in {module, *(f"{module}.{entry}" for entry in names)}:
            if reached in ("matrixscan.harness", "matrixscan.harness.protocol") or (
                reached.startswith("matrixscan.harness.") and module == reached
            ):
                assert reached in allowed
            if module == "matrixscan.harness":
                assert set(names) <= {"protocol"}
        assert module.partition(".")[0] not in UNDER_TEST


@pytest.mark.parametrize("name", PROBES)
def test_probe_file(name):
    probe = read_probe(PROBES[name])
    assert probe.name == name
    assert 0 < len(probe.summary) <= 110
    assert probe.license or name not in PYTHON_PROBES, "a row is a line of this project's own"
    assert probe.variants
    assert len(set(probe.variants)) == len(probe.variants)
    assert len(set(probe.outputs)) == len(probe.outputs)
    assert probe.requires_python.partition(",")[0] == (">=3.8" if name in PYTHON_PROBES else "")
    assert probe.dependencies == () or not name.startswith("op_"), "operators are shown with torch alone"
    assert probe.dependencies or not probe.no_deps, "no-deps says something about dependencies only"
    assert all(size.keys() == probe.export_size.keys() for size in probe.run_sizes)
    sizes = [probe.export_size, *probe.run_sizes]
    assert len({tuple(size.items()) for size in sizes}) == len(sizes)
    assert len(sizes) > 1, "one size cannot show a shape that was baked in"
    assert "dynamic" not in name or probe.dynamic
    assert probe.family is (probe.row is not None) or probe.row is None, "the variants of a row are other operators"


def texts(file):
    """Return every text in a probe's file and in the files beside it that it names or imports, and their names."""
    nodes = list(ast.walk(parsed(file)))
    words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    words |= {node.arg for node in nodes if isinstance(node, ast.keyword)}
    words |= {f"{module}.py" for module, _, _ in imported(parsed(file))}
    return words.union(*(texts(file.parent / word) for word in words & BESIDE))


@pytest.mark.parametrize("name", PYTHON_PROBES)
def test_the_dynamic_outputs_of_a_probe_are_among_its_outputs_or_inputs(name):
    probe = read_probe(PROBES[name])
    words = texts(PROBES[name])
    # Without names of its own an output is called after the structure: keys, positions, `output`.
    for tensor in [*probe.dynamic, *(tensor for stage in probe.stages.values() for tensor in stage.dynamic)]:
        assert tensor in probe.outputs or tensor in words or tensor == "output" or tensor.isdigit()


@pytest.mark.parametrize("name", PYTHON_PROBES)
def test_a_file_that_a_probe_borrows_from_belongs_to_its_digest(name):
    text = PROBES[name].read_text(encoding="utf-8")
    block = "".join(line for line in text.splitlines() if line.startswith("#"))
    for file in texts(PROBES[name]) & BESIDE:
        assert f'"{file}"' in block


@pytest.mark.parametrize("name", PYTHON_PROBES)
def test_a_chain_says_what_its_stages_are(name):
    probe = read_probe(PROBES[name])
    functions = {node.name for node in parsed(PROBES[name]).body if isinstance(node, ast.FunctionDef)}
    imports = (node for node in parsed(PROBES[name]).body if isinstance(node, ast.ImportFrom))
    borrowed = {alias.name for node in imports for alias in node.names}
    assert ("pipeline" in functions | borrowed) == bool(probe.stages)
    for part in probe.compare:
        stage, dot, _ = part.partition(".")
        assert not dot or not probe.stages or stage in probe.stages or part not in probe.outputs
