"""From `combinations`, `axes`, `include` and `exclude` to the rows of a matrix."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from matrixscan.catalog.expand import Meaning
from matrixscan.catalog.selectors import allows
from matrixscan.matrix.axes import axis_names, is_specifier, specifier_problem, version_key, version_problem
from matrixscan.matrix.ids import combination_id
from matrixscan.matrix.problems import Problems, join, kind_of
from matrixscan.matrix.products import Product, check_complete, expand, python_first

_IDLE = "matches no row of combinations or axes (rows of include are never excluded)"


class Row(NamedTuple):
    """One combination and where in the file it comes from."""

    table: str
    axes: dict[str, str]
    product: bool = False  # of a product: its path names the row
    merges: bool = False  # may say what another row says: nobody wrote it out

    @property
    def path(self) -> str:
        """Where in the file it comes from."""
        return f"{self.table}[{combination_id(self.axes)}]" if self.product else self.table


class Written(NamedTuple):
    """The rows of a matrix file that are written out."""

    combinations: list[Row]
    include: list[Row]
    exclude: list[Row]


def read_written(raw: Mapping[str, Any], declared: Collection[str], problems: Problems) -> Written:
    """Read and check `combinations`, `include` and `exclude`; complete only where no problem was added."""
    return Written(
        _row_list(raw, "combinations", declared, problems, complete=True),
        _row_list(raw, "include", declared, problems, complete=True),
        _row_list(raw, "exclude", declared, problems, complete=False),
    )


def expand_rows(written: Written, products: Sequence[Product], meaning: Meaning, problems: Problems) -> tuple[Row, ...]:
    """Expand checked rows and products; complete only where no problem was added."""
    before = len(problems)
    found = []
    for product in products:
        merges = len(products) > 1 or product.selects
        found += [Row(product.path, axes, product=True, merges=merges) for axes in expand(product, meaning, problems)]
    if len(problems) > before:
        return ()
    rows = [*_without([*written.combinations, *found], written.exclude, problems), *written.include]
    return tuple(_distinct(rows, problems))


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
        if not isinstance(table, dict):
            problems.add(path, f"expected a table of axis = version, got {kind_of(table)}")
            continue
        axes = read_row(table, path, declared, problems, specifiers=not complete)
        if complete:
            check_complete(table, axes.names, path, problems)
        elif not table:
            problems.add(path, "is empty and would drop every row; name at least one axis")
        rows.append(Row(path, axes.versions))
    return rows


class ReadRow(NamedTuple):
    """A table of axis = version, read."""

    names: dict[str, str]  # as written -> canonical
    versions: dict[str, str]


def read_row(
    table: Mapping[str, Any], path: str, declared: Collection[str], problems: Problems, *, specifiers: bool = False
) -> ReadRow:
    """Read a table of axis = version, whole or in part.

    Args:
        table: as in the file.
        path: where it is.
        declared: the `packages` key.
        problems: takes what is wrong.
        specifiers: versions may be PEP 440 specifiers.
    """
    names = axis_names(table, path, declared, problems)
    for written, name in names.items():
        value = table[written]
        is_range = specifiers and is_specifier(value)
        wrong = specifier_problem(value) if is_range else version_problem(name, value)
        if wrong:
            problems.add(join(path, written), wrong)
    return ReadRow(names, python_first({name: table[written] for written, name in names.items()}))


def _keys(axes: Mapping[str, str]) -> frozenset[tuple[str, Any]]:
    return frozenset((name, version_key(name, version)) for name, version in axes.items())


def matches(rule: Mapping[str, str], axes: Mapping[str, str]) -> bool:
    """Tell whether a row has every version of a rule, which may have PEP 440 specifiers too."""
    return all(axis in axes and _fits(axis, wanted, axes[axis]) for axis, wanted in rule.items())


@functools.lru_cache(maxsize=65536)
def _fits(axis: str, wanted: str, found: str) -> bool:
    if is_specifier(wanted):
        return allows(wanted, found)
    return version_key(axis, wanted) == version_key(axis, found)


def _without(rows: list[Row], exclude: Sequence[Row], problems: Problems) -> list[Row]:
    dropped: set[int] = set()
    known: dict[str, set[str]] = defaultdict(set)
    for axis, version in (pair for row in rows for pair in row.axes.items()):
        known[axis].add(version)
    for rule in exclude:
        # Which versions fit is asked once, not for every row.
        fits = {axis: {one for one in known[axis] if _fits(axis, text, one)} for axis, text in rule.axes.items()}
        hit = {at for at, row in enumerate(rows) if all(row.axes.get(axis) in some for axis, some in fits.items())}
        if not hit:
            problems.add(rule.path, _IDLE)
        dropped |= hit
    kept = [row for at, row in enumerate(rows) if at not in dropped]
    if rows and not kept:
        problems.add("exclude", "drops every row of combinations and axes")
    return kept


def _distinct(rows: Iterable[Row], problems: Problems) -> list[Row]:
    """Return every combination once; two that are written out are a slip, two that products have in common are not."""
    first: dict[frozenset[tuple[str, Any]], Row] = {}
    empty = True
    for row in rows:
        empty = False
        twin = first.setdefault(_keys(row.axes), row)
        if twin is not row and not row.merges and not twin.merges:
            problems.add(row.path, f"is the same combination as {twin.path} ({combination_id(twin.axes)})")
    if empty and not len(problems):
        problems.add("combinations", "the matrix has no row; add [[combinations]] or [axes]")
    return list(first.values())
