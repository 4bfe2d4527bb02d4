"""Read what a probe file says of itself, without importing it."""

from __future__ import annotations

import ast
import hashlib
import keyword
import os
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from matrixscan.errors import ProbeFileError, did_you_mean
from matrixscan.matrix.layout import ProbeTable, RowTable, ScriptBlock
from matrixscan.matrix.pep723 import script_block
from matrixscan.matrix.probe_table import check_parts, check_table, companions, settings
from matrixscan.matrix.problems import Problems, join, kind_of, read_table
from matrixscan.matrix.selection import ROW, builtin_probes, find_probe, probe_name, split_row, table_rows
from matrixscan.matrix.types import Probe

__all__ = ["builtin_probes", "find_probe", "read_probe"]

_TABLE = "tool.matrixscan"
#: What the harness makes a probe of; the rest of a row is settings.
_ROW_CODE = ("inputs", "expression", "code", "variants", "modules", "buffers", "post", "script")
#: What the code of a row means something else by.
_TAKEN = ("self", "torch", "F", "nn", "math", "np")
_FUNCTIONS = {"build": "build(variant)", "inputs": "inputs(size, random)"}


def read_probe(path: str | os.PathLike[str], *, calibrated: bool = True) -> Probe:
    """Read a probe's PEP 723 block, docstring and digest, or the row of a table (`operators.toml#avg_pool`).

    Args:
        path: The probe's file.
        calibrated: Whether the file its `weights` key names must be there; it is what calibration makes.

    Raises:
        ProbeFileError: The file has problems; every one is listed.
    """
    file, row = split_row(path)
    problems = Problems()
    if row is not None:
        return _read_row(file, row, problems)
    if file.suffix == ".toml":
        raise ProbeFileError(file, [f"is a table of probes; name a row of it, for example {file.name}{ROW}x"])
    data, text = _load(file)
    summary = _summary(text, problems)
    script = _script(text, problems)
    values = read_table(script.pop("table"), ProbeTable, _TABLE, problems) if script else {}
    check_table(values, file, problems, calibrated=calibrated)
    if problems.lines:
        raise ProbeFileError(path, problems.lines)
    digest = hashlib.sha256(data)
    for companion in companions(values):
        if calibrated or companion != values.get("weights"):
            _add_file(digest, file.parent / companion)
    return Probe(
        name=file.stem,
        path=os.fspath(file),
        summary=summary,
        digest=digest.hexdigest(),
        row=None,
        **script,
        **settings(ProbeTable(**values)),
    )


def _add_file(digest: Any, file: Path) -> None:
    with file.open("rb") as opened:
        while chunk := opened.read(1 << 20):  # a checkpoint may be larger than memory
            digest.update(chunk)


def _read_row(table: Path, row: str, problems: Problems) -> Probe:
    rows = table_rows(table)
    if row not in rows:
        raise ProbeFileError(table, [f"no row {row!r}; {did_you_mean(row, rows)}"])
    raw = rows[row]
    values = read_table(raw, RowTable, row, problems)
    check_parts([row], "row name", problems, labelled=False)
    check_parts(tuple(values.get("variants", ())), f"{row}.variants", problems)
    check_table({key: value for key, value in values.items() if key != "variants"}, table, problems)
    _check_code(raw, row, problems)
    for key, text in _row_texts(values):
        _check_python(text, f"{row}.{key}", problems)
    _check_requirements(values, problems)
    if problems.lines:
        raise ProbeFileError(f"{table}{ROW}{row}", problems.lines)
    digest = hashlib.sha256(msgspec.json.encode(raw, order="deterministic"))
    for companion in companions(values):
        _add_file(digest, table.parent / companion)
    variants = tuple(values.get("variants", {})) or ("default",)
    common = {field.name for field in msgspec.structs.fields(ProbeTable)} - {"variants"}
    parts = settings(ProbeTable(variants=variants, **{key: value for key, value in values.items() if key in common}))
    fields: dict[str, Any] = parts | {
        "name": probe_name(f"{table}{ROW}{row}"),
        "path": os.fspath(table),
        "summary": values["summary"],
        "dependencies": values.get("dependencies", ()),
        "requires_python": values.get("requires_python", ""),
        "digest": digest.hexdigest(),
        "row": {key: raw[key] for key in _ROW_CODE if key in raw},
        "family": True,
    }
    return Probe(**fields)


def _check_code(raw: Mapping[str, Any], row: str, problems: Problems) -> None:
    """Note what the harness would refuse to make a probe of, before that looks like a failure of every combination."""
    returned = [key for key in ("expression", "variants") if key in raw]
    if len(returned) > 1 or not (returned or "code" in raw):
        problems.add(row, "has one of: an expression, variants, code that returns")
    for table in ("inputs", "variants", "modules", "buffers", "post"):
        if raw.get(table) == {}:
            problems.add(f"{row}.{table}", "is an empty table; leave the key out or name at least one")
    tables = [raw[key] for key in ("inputs", "modules", "buffers") if isinstance(raw.get(key), dict)]
    names = [name for table in tables for name in table]
    for name in dict.fromkeys(names):
        if not name.isidentifier() or keyword.iskeyword(name) or name in _TAKEN:
            problems.add(join(row, name), "cannot be the name of an input, a module or a buffer")
        elif names.count(name) > 1:
            problems.add(join(row, name), "two things have this name")


def _row_texts(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in _ROW_CODE:
        value = values.get(key)
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            yield from ((f"{key}.{name}", text) for name, text in value.items())


def _check_python(text: str, path: str, problems: Problems) -> None:
    try:
        ast.parse(textwrap.dedent(text).strip(), feature_version=(3, 8))
    except SyntaxError as error:
        problems.add(path, f"is not valid Python 3.8: {error.msg}")


def _load(file: Path) -> tuple[bytes, str]:
    try:
        data = file.read_bytes()
        return data, data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProbeFileError(file, [f"is not UTF-8 text (byte {error.start}); save it as UTF-8"]) from None
    except OSError as error:
        raise ProbeFileError(file, [f"cannot be read: {error.strerror or error}"]) from None


def _summary(text: str, problems: Problems) -> str:
    """Return the docstring's first line; check on the way that the functions the harness calls exist."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        problems.add(f"line {error.lineno}" if error.lineno else "", f"is not valid Python: {error.msg}")
        return ""
    except (ValueError, RecursionError, MemoryError) as error:
        problems.add("", f"is not valid Python: {error}")
        return ""
    defined = {name for node in tree.body for name in _bound(node)}
    for name, signature in _FUNCTIONS.items():
        if name not in defined:
            problems.add(name, f"the function is missing; define {signature} at the top level")
    docstring = (ast.get_docstring(tree) or "").strip()
    if not docstring:
        problems.add("docstring", "is missing; its first line is what reports print")
    return docstring.split("\n", 1)[0].strip()


def _bound(node: ast.stmt) -> list[str]:
    """Return the names a top-level statement binds: a probe may take a function from another file."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return []


def _script(text: str, problems: Problems) -> dict[str, Any]:
    """Return the block's own keys, and under `table` our raw table; empty where there is no block."""
    block = script_block(text, problems)
    if block is None:
        return {}
    try:
        raw = tomllib.loads(block)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problems.add("", f"the PEP 723 block is not valid TOML: {error}")
        return {}
    tool = raw.get("tool", {})
    values = read_table({**raw, "tool": {}}, ScriptBlock, "", problems)
    _check_requirements(values, problems)
    if not isinstance(tool, dict):
        problems.add("tool", f"expected a table, got {kind_of(tool)}")
        tool = {}
    return {
        "requires_python": values.get("requires_python", ""),
        "dependencies": values.get("dependencies", ()),
        "table": tool.get("matrixscan", {}),
    }


def _check_requirements(values: Mapping[str, Any], problems: Problems) -> None:
    _check_specifier(values.get("requires_python", ""), problems)
    for at, text in enumerate(values.get("dependencies", ())):
        _check_dependency(text, f"dependencies[{at}]", problems)


def _check_specifier(text: str, problems: Problems) -> None:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        problems.add("requires-python", f"{text!r} is not a version specifier (for example >=3.8)")


def _check_dependency(text: str, path: str, problems: Problems) -> None:
    # An option or a URL would reach the installer as such and take the choice of index from the matrix.
    if text.strip().startswith("-"):
        problems.add(path, f"{text!r} is an installer option; name a package")
        return
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        problems.add(path, f"{text!r} is not a PEP 508 requirement (for example 'einops>=0.6')")
        return
    if requirement.url:
        problems.add(path, f"{text!r} names a URL; name a released package")
