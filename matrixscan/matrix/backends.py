"""What the backends of the harness say of themselves, read from their files without importing one."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.errors import BackendFileError

_FOLDER = Path(__file__).resolve().parent.parent / "harness" / "backends"


class ExporterInfo(msgspec.Struct, frozen=True, rename="upper", forbid_unknown_fields=True):
    """An exporter's constants."""

    name: str
    format: str
    suffix: str
    opsets: tuple[int, ...]
    precisions: tuple[str, ...]


class RunnerInfo(msgspec.Struct, frozen=True, rename="upper", forbid_unknown_fields=True):
    """A runner's constants."""

    name: str
    reads: str
    precisions: tuple[str, ...]
    witness: bool
    packages: tuple[str, ...] = ()


_KINDS: dict[str, type[msgspec.Struct]] = {"Exporter": ExporterInfo, "Runner": RunnerInfo}


@functools.cache
def exporters() -> dict[str, ExporterInfo]:
    """Return every exporter by name, TorchScript's first: it exists in every torch."""
    return _of("Exporter")


@functools.cache
def runners() -> dict[str, RunnerInfo]:
    """Return every runner by name, ONNX Runtime's first: it is what most models end up in."""
    return _of("Runner")


_FIRST = ("torchscript", "dynamo", "onnxruntime-cpu")


def _of(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in sorted(_FOLDER.glob("*.py")):
        if file.stem.startswith("_"):
            continue
        info = read_backend(file).get(kind)
        if info is not None and info.name in found:
            raise BackendFileError(file, f"a second {kind.lower()} named {info.name!r}")
        if info is not None:
            found[info.name] = info
    order = [name for name in _FIRST if name in found] + [name for name in found if name not in _FIRST]
    return {name: found[name] for name in order}


def read_backend(file: Path) -> dict[str, Any]:
    """Return class name -> constants of a backend file.

    Raises:
        BackendFileError: the file has neither class, or constants are missing, unknown or not literals.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise BackendFileError(file, f"is not valid Python: {error.msg} (line {error.lineno})") from None
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in _KINDS}
    if not classes:
        raise BackendFileError(file, "defines neither `class Exporter` nor `class Runner`")
    return {name: _constants(node, _KINDS[name], file) for name, node in classes.items()}


def _constants(node: ast.ClassDef, kind: type[msgspec.Struct], file: Path) -> Any:
    values = {}
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name.isupper() and not name.startswith("_"):
                try:
                    values[name] = ast.literal_eval(statement.value)
                except ValueError:
                    raise BackendFileError(file, f"{node.name}.{name} is not a literal") from None
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise BackendFileError(file, f"{node.name}: {error}") from None
