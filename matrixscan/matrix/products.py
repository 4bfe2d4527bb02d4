"""`[axes]`: one product of axes or several, whose values are exact versions and selectors."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from matrixscan.catalog.expand import Meaning, count, order_of, rows_of, selector_of, uses_selectors
from matrixscan.catalog.selectors import SelectorError
from matrixscan.matrix.axes import axis_names, version_key, version_problem
from matrixscan.matrix.problems import Problems, join, kind_of

#: A product beyond this is a slip, and would take the memory of the machine that reads it.
MAX_PRODUCT = 100_000
_Value = TypeVar("_Value")


class Product(NamedTuple):
    """One table of axes and where in the file it is."""

    path: str
    axes: dict[str, tuple[str, ...]]  # python first

    @property
    def selects(self) -> bool:
        """Tell whether it has a selector."""
        return uses_selectors([self.axes])


def read_products(raw: object, declared: Collection[str], problems: Problems) -> tuple[Product, ...]:
    """Read and check `[axes]` or `[[axes]]`; complete only where no problem was added."""
    if isinstance(raw, list) and raw:
        tables = [(f"axes[{at}]", table) for at, table in enumerate(raw)]
    else:
        tables = [("axes", raw)] if raw != {} else []
    found = (_product(table, path, declared, problems) for path, table in tables)
    return tuple(product for product in found if product is not None)


def _product(table: object, path: str, declared: Collection[str], problems: Problems) -> Product | None:
    if not isinstance(table, dict):
        problems.add(path, f"expected a table of axis = [versions], got {kind_of(table)}")
        return None
    before = len(problems)
    names = axis_names(table, path, declared, problems)
    for written, name in names.items():
        _check_axis(name, table[written], join(path, written), problems)
    check_complete(table, names, path, problems)
    if len(problems) > before:
        return None
    axes = python_first({name: tuple(table[written]) for written, name in names.items()})
    try:
        order_of(axes)
    except SelectorError as error:
        problems.add(path, str(error))
        return None
    return Product(path, axes)


def check_complete(table: Mapping[str, Any], names: Mapping[str, str], path: str, problems: Problems) -> None:
    """Note a missing axis. A refused name close to python is its slip: one problem, not two."""
    refused = [written.lower() for written in table if written not in names]
    slip = difflib.get_close_matches("python", refused, n=1, cutoff=0.7)
    if "python" not in names.values() and not slip:
        problems.add(path, 'no python axis; add python = "3.8" or another release')
    if len(table) <= len([*slip, *(name for name in names.values() if name == "python")]):
        problems.add(path, "no package axis; add at least one, for example torch")


def python_first(axes: dict[str, _Value]) -> dict[str, _Value]:
    """Return the axes with python in front, the others as written."""
    return {name: axes[name] for name in sorted(axes, key=lambda name: name != "python")}


def _check_axis(name: str, values: object, path: str, problems: Problems) -> None:
    if not isinstance(values, list):
        wrong = value_problem(name, values)
        hint = wrong or f'write ["{values}"]'
        problems.add(path, f"expected a list of versions, got {kind_of(values)}; {hint}")
        return
    if not values:
        problems.add(path, "is an empty list; name at least one version")
    seen: dict[Any, int] = {}
    for at, value in enumerate(values):
        wrong = value_problem(name, value)
        if wrong:
            problems.add(f"{path}[{at}]", wrong)
            continue
        key = value.split() if selector_of(name, value) else version_key(name, value)
        if (first := seen.setdefault(str(key), at)) != at:
            problems.add(f"{path}[{at}]", f"{value!r} is the same version as {path}[{first}]")


def value_problem(axis: str, value: object) -> str | None:
    """Say what is wrong with a value of an axis, an exact version or a selector; None where nothing is."""
    if isinstance(value, str):
        try:
            if selector_of(axis, value) is not None:
                return None
        except SelectorError as error:
            return str(error)
    return version_problem(axis, value)


def expand(product: Product, meaning: Meaning, problems: Problems) -> list[dict[str, str]]:
    """Return the rows of a product; none where there is a problem."""
    try:
        rows = count(product.axes, meaning)
        if rows > MAX_PRODUCT:
            text = f"the product has {rows} rows, more than {MAX_PRODUCT}; drop versions or axes"
            problems.add(product.path, text)
            return []
        return list(rows_of(product.axes, meaning))
    except SelectorError as error:
        problems.add(product.path, str(error))
        return []
