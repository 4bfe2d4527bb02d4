"""From `combinations`, `axes`, `include` and `exclude` to the rows of a matrix."""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from matrixscan.matrix.axes import axis_names, version_key, version_problem
from matrixscan.matrix.ids import combination_id
from matrixscan.matrix.problems import Problems, join, kind_of

#: A product beyond this is a slip, and would take the memory of the machine that reads it.
MAX_PRODUCT = 10_000


class Row(NamedTuple):
    """One combination and where in the file it comes from."""

    path: str
    axes: dict[str, str]


def read_rows(raw: Mapping[str, Any], declared: Collection[str], problems: Problems) -> tuple[Row, ...]:
    """Expand a matrix file's rows; they are complete only where no problem was added."""
    before = len(problems)
    combinations = _row_list(raw, "combinations", declared, problems, complete=True)
    product = _product(raw.get("axes", {}), declared, problems)
    include = _row_list(raw, "include", declared, problems, complete=True)
    exclude = _row_list(raw, "exclude", declared, problems, complete=False)
    if len(problems) > before:
        return ()
    rows = [*_without([*combinations, *product], exclude, problems), *include]
    _check_rows(rows, problems)
    return tuple(rows)


def _row_list(
    raw: Mapping[str, Any], key: str, declared: Collection[str], problems: Problems, *, complete: bool
) -> list[Row]:
    tables = raw.get(key, [])
    if not isinstance(tables, list):
        problems.add(key, f"expected a list of tables, each under [[{key}]], got {kind_of(tables)}")
        return []
    rows = []
    for at, table in enumerate(tables):
        path = f"{key}[{at}]"
        if isinstance(table, dict):
            rows.append(Row(path, _row(table, path, declared, problems, complete=complete)))
        else:
            problems.add(path, f"expected a table of axis = version, got {kind_of(table)}")
    return rows


def _row(
    table: Mapping[str, Any], path: str, declared: Collection[str], problems: Problems, *, complete: bool
) -> dict[str, str]:
    names = axis_names(table, path, declared, problems)
    for written, name in names.items():
        wrong = version_problem(name, table[written])
        if wrong:
            problems.add(join(path, written), wrong)
    if complete:
        _check_complete(table, names, path, problems)
    elif not table:
        problems.add(path, "is empty and would drop every row; name at least one axis")
    return _python_first({name: table[written] for written, name in names.items()})


def _check_complete(table: Mapping[str, Any], names: Mapping[str, str], path: str, problems: Problems) -> None:
    """Note a missing axis. A refused name close to python is its slip: one problem, not two."""
    refused = [written.lower() for written in table if written not in names]
    slip = difflib.get_close_matches("python", refused, n=1, cutoff=0.7)
    if "python" not in names.values() and not slip:
        problems.add(path, 'no python axis; add python = "3.8" or another release')
    if len(table) <= len([*slip, *(name for name in names.values() if name == "python")]):
        problems.add(path, "no package axis; add at least one, for example torch")


def _python_first(axes: dict[str, str]) -> dict[str, str]:
    return {name: axes[name] for name in sorted(axes, key=lambda name: name != "python")}


def _product(table: object, declared: Collection[str], problems: Problems) -> list[Row]:
    if not isinstance(table, dict):
        problems.add("axes", f"expected a table of axis = [versions], got {kind_of(table)}")
        return []
    if not table:
        return []
    before = len(problems)
    names = axis_names(table, "axes", declared, problems)
    for written, name in names.items():
        _check_axis(name, table[written], join("axes", written), problems)
    _check_complete(table, names, "axes", problems)
    if len(problems) > before:
        return []
    axes = _python_first({name: table[written] for written, name in names.items()})
    count = math.prod(len(versions) for versions in axes.values())
    if count > MAX_PRODUCT:
        problems.add("axes", f"the product has {count} rows, more than {MAX_PRODUCT}; drop versions or axes")
        return []
    found = (dict(zip(axes, versions, strict=True)) for versions in itertools.product(*axes.values()))
    return [Row(f"axes[{combination_id(row)}]", row) for row in found]


def _check_axis(name: str, values: object, path: str, problems: Problems) -> None:
    if not isinstance(values, list):
        wrong = version_problem(name, values)
        hint = wrong or f'write ["{values}"]'
        problems.add(path, f"expected a list of versions, got {kind_of(values)}; {hint}")
        return
    if not values:
        problems.add(path, "is an empty list; name at least one version")
    seen: dict[Any, int] = {}
    for at, value in enumerate(values):
        wrong = version_problem(name, value)
        if wrong:
            problems.add(f"{path}[{at}]", wrong)
        elif (first := seen.setdefault(version_key(name, value), at)) != at:
            problems.add(f"{path}[{at}]", f"{value!r} is the same version as {path}[{first}]")


def _keys(axes: Mapping[str, str]) -> frozenset[tuple[str, Any]]:
    return frozenset((name, version_key(name, version)) for name, version in axes.items())


def _without(rows: list[Row], exclude: list[Row], problems: Problems) -> list[Row]:
    rules = [(rule.path, _keys(rule.axes)) for rule in exclude]
    keyed = [(row, _keys(row.axes)) for row in rows]
    for path, rule in rules:
        if not any(rule <= key for _, key in keyed):
            problems.add(path, "matches no row of combinations or axes (rows of include are never excluded)")
    kept = [row for row, key in keyed if not any(rule <= key for _, rule in rules)]
    if rows and not kept:
        problems.add("exclude", "drops every row of combinations and axes")
    return kept


def _check_rows(rows: list[Row], problems: Problems) -> None:
    if not rows and not len(problems):
        problems.add("combinations", "the matrix has no row; add [[combinations]] or [axes]")
    first: dict[frozenset[tuple[str, Any]], Row] = {}
    for row in rows:
        twin = first.setdefault(_keys(row.axes), row)
        if twin is not row:
            problems.add(row.path, f"is the same combination as {twin.path} ({combination_id(twin.axes)})")
