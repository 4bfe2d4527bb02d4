"""What the axes of a product mean, given the releases there are: selectors to versions, and versions to rows. Pure."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from matrixscan.catalog.selectors import (
    Policy,
    Selector,
    SelectorError,
    looks_like_selector,
    parse_selector,
    select,
    version,
)
from matrixscan.catalog.types import Release

Axes = Mapping[str, Sequence[str]]
Packages = Mapping[str, Sequence[Release]]


def selector_of(axis: str, text: str) -> Selector | None:
    """Return the selector a value of an axis is; None for an exact version.

    Raises:
        SelectorError: it cannot be read.
    """
    return parse_selector(text) if axis != "python" and looks_like_selector(text) else None


def uses_selectors(products: Iterable[Axes]) -> bool:
    """Tell whether any axis has a selector."""
    return any(
        axis != "python" and looks_like_selector(text)
        for product in products
        for axis, values in product.items()
        for text in values
    )


def order_of(product: Axes) -> tuple[str, ...]:
    """Return the axes of a product, each after those that its era selectors name.

    Raises:
        SelectorError: an era selector names no axis of the product, or they go round in a circle.
    """
    needs = {axis: _anchors(product, axis) for axis in product}
    order: list[str] = []
    while len(order) < len(needs):
        ready = [axis for axis in needs if axis not in order and needs[axis] <= set(order)]
        if not ready:
            left = ", ".join(sorted(set(needs) - set(order)))
            raise SelectorError(f"era selectors go round in a circle ({left}); give one of them another selector")
        order += ready
    return tuple(order)


def _anchors(product: Axes, axis: str) -> set[str]:
    found = {selector.axis for text in product[axis] if (selector := selector_of(axis, text))} - {""}
    for name in sorted(found - set(product)):
        raise SelectorError(f"era:{name}: {name} is no axis of this product; add it, or name one of its axes")
    return found


class Meaning:
    """What the selectors of a product mean on the releases of a catalog, remembered as it is asked for."""

    def __init__(self, packages: Packages, policy: Policy) -> None:
        self.packages = packages
        self.policy = policy
        self._dates: dict[str, dict[str, dt.datetime | None]] = {}
        self._eras: dict[tuple[str, str, str], str] = {}

    def of(self, axis: str, text: str, row: Mapping[str, str]) -> tuple[str, ...]:
        """Return the versions a value of an axis means in a row whose other axes are known as far as it needs them.

        Raises:
            SelectorError: it means no release, and is not optional.
        """
        selector = selector_of(axis, text)
        if selector is None:
            return (text,)
        if selector.picker == "era":
            return self._era(axis, text, selector, row)
        found = select(selector, self.packages.get(axis, ()), self.policy)
        if not found:
            raise SelectorError(f"{text!r} means no release of {axis}; {self._why(axis)}")
        return found

    def _era(self, axis: str, text: str, selector: Selector, row: Mapping[str, str]) -> tuple[str, ...]:
        other = row.get(selector.axis)
        if not other:  # left out itself, as optional
            return ()
        key = (axis, text, other)
        if key not in self._eras:
            found = select(selector, self.packages.get(axis, ()), self.policy, self._date(selector.axis, other))
            if not found and not selector.optional:
                raise SelectorError(
                    f"{text!r} means no release of {axis} for {selector.axis} {other}; "
                    f"write '{text} optional' to leave {axis} out of such rows, or raise {selector.axis}"
                )
            self._eras[key] = found[0] if found else ""
        return (self._eras[key],) if self._eras[key] else ()

    def _date(self, axis: str, text: str) -> dt.datetime:
        if axis not in self._dates:
            # Keyed by the parsed version: 2.4 is 2.4.0.
            self._dates[axis] = {
                str(version(release.version)): release.uploaded for release in self.packages.get(axis, ())
            }
        for name, uploaded in self._dates[axis].items():
            if version(name) == version(text):
                if uploaded is None:
                    raise SelectorError(f"the index does not say when {axis} {text} was uploaded, so it has no era")
                return uploaded
        raise SelectorError(f"the index has no wheel of {axis} {text}, so it has no era")

    def _why(self, axis: str) -> str:
        releases = self.packages.get(axis, ())
        if not releases:
            return "the index has no wheel of it"
        if all(release.uploaded is None for release in releases):
            return "the index does not say when its releases were uploaded, so no date can hold"
        newest = max(releases, key=lambda release: version(release.version)).version
        return f"there are {len(releases)}, the newest is {newest}; yanked, pre- and too young releases are left out"


def count(product: Axes, meaning: Meaning) -> int:
    """Return how many rows a product has at most."""
    return math.prod(
        sum(1 if _is_era(axis, text) else len(meaning.of(axis, text, {})) for text in values)
        for axis, values in product.items()
    )


def _is_era(axis: str, text: str) -> bool:
    selector = selector_of(axis, text)
    return selector is not None and selector.picker == "era"


def rows_of(product: Axes, meaning: Meaning) -> Iterator[dict[str, str]]:
    """Return every row of a product, its axes in the product's order; rows that mean the same come once."""
    eras = {axis: {text for text in values if _is_era(axis, text)} for axis, values in product.items()}
    choices = {axis: _choices(axis, values, eras[axis], meaning) for axis, values in product.items()}
    later = [axis for axis in order_of(product) if eras[axis]]
    seen = set()
    for picked in itertools.product(*choices.values()):
        row = dict(zip(choices, picked, strict=True))
        for axis in later:
            if row[axis] in eras[axis]:
                row[axis] = next(iter(meaning.of(axis, row[axis], row)), "")
        key = tuple(row.values())
        if key not in seen:
            seen.add(key)
            yield {axis: text for axis, text in row.items() if text}


def _choices(axis: str, values: Sequence[str], eras: Collection[str], meaning: Meaning) -> list[str]:
    """Return the versions of an axis, and its era selectors as they are: those depend on the row."""
    means = ([text] if text in eras else meaning.of(axis, text, {}) for text in values)
    return list(dict.fromkeys(itertools.chain.from_iterable(means)))


def versions_of(product: Axes, meaning: Meaning) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return axis -> value -> the versions it means over all rows, ascending."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for axis in order_of(product):
        found[axis] = {text: _over_rows(axis, text, meaning, found) for text in product[axis]}
    return {axis: found[axis] for axis in product}


def _over_rows(
    axis: str, text: str, meaning: Meaning, known: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> tuple[str, ...]:
    selector = selector_of(axis, text)
    if selector is None or selector.picker != "era":
        return meaning.of(axis, text, {})
    others = {one for means in known[selector.axis].values() for one in means}
    return tuple(sorted({v for one in others for v in meaning.of(axis, text, {selector.axis: one})}, key=version))
