"""Versions as small numbers, and every condition on one axis that a rule can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.grid import version_order

Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]

#: Which axis is named where several tell the same cells apart. Others come before python, which rarely is the cause.
PREFERRED = ("torch", "onnxruntime", "onnx", "onnxscript")
LAST = ("python",)


class Axis(msgspec.Struct, frozen=True, eq=False):
    """One axis: rank 0 is "absent", rank r is versions[r - 1]."""

    name: str
    versions: tuple[str, ...]  # oldest first
    ranks: Ints  # of each row

    @property
    def newest(self) -> int:
        """The highest rank."""
        return len(self.versions)

    @property
    def lowest(self) -> int:
        """The lowest rank: 0 where some row lacks the axis."""
        return 0 if (self.ranks == 0).any() else 1

    @property
    def varies(self) -> bool:
        """Whether rows differ in it."""
        return bool((self.ranks != self.ranks[0]).any()) if len(self.ranks) else False


class Options(msgspec.Struct, frozen=True, eq=False):
    """Every condition on one axis as first and last rank; number 0 is no condition.

    `wider` holds for each of them the next wider ones, `tighter` the next narrower ones without one bound more; -1
    where there is none.
    """

    first: Ints
    last: Ints
    bounds: Ints
    wider: Ints  # [2, option]
    tighter: Ints  # [2, option]


def axis_rank(name: str) -> tuple[int, str]:
    """Sort key of axes: the one to name first comes first."""
    if name in PREFERRED:
        return PREFERRED.index(name), name
    return len(PREFERRED) + (name in LAST), name


def space_of(rows: Sequence[Mapping[str, str]]) -> tuple[Axis, ...]:
    """Return the axes of rows, in order of preference."""
    names = sorted({name for row in rows for name in row}, key=axis_rank)
    found = []
    for name in names:
        versions = tuple(sorted({row[name] for row in rows if name in row}, key=version_order))
        known = {version: rank for rank, version in enumerate(versions, 1)}
        found.append(Axis(name, versions, np.array([known.get(row.get(name, ""), 0) for row in rows], np.intp)))
    return tuple(found)


def subspace(space: Sequence[Axis], rows: Mask) -> tuple[Axis, ...]:
    """Return the space of some of the rows; what none of them has is gone."""
    found = []
    for axis in space:
        ranks = axis.ranks[rows]
        kept = np.unique(ranks[ranks > 0])
        numbers = np.zeros(axis.newest + 1, np.intp)
        numbers[kept] = np.arange(1, len(kept) + 1)
        if len(kept):
            found.append(Axis(axis.name, tuple(axis.versions[rank - 1] for rank in kept), numbers[ranks]))
    return tuple(found)


def options_of(axis: Axis) -> Options:
    """Return every condition on an axis: absent, present, and every interval of its versions."""
    top = axis.newest
    found: dict[tuple[int, int], int] = {(axis.lowest, top): 0}
    if axis.lowest == 0:
        found[0, 0] = 1
    for first in range(1, top + 1):
        for last in range(first, top + 1):
            found.setdefault((first, last), max(1, (first > 1) + (last < top)))
    places = {pair: index for index, pair in enumerate(found)}
    pairs = np.array(list(found), np.intp).reshape(-1, 2)
    return Options(
        pairs[:, 0],
        pairs[:, 1],
        np.array(list(found.values()), np.intp),
        _places(places, [_wider(pair, axis) for pair in found]),
        _places(places, [_tighter(pair, axis) for pair in found]),
    )


def _places(
    places: Mapping[tuple[int, int], int], pairs: Sequence[tuple[tuple[int, int] | None, tuple[int, int] | None]]
) -> Ints:
    return np.array([[-1 if pair is None else places[pair] for pair in both] for both in pairs], np.intp).T


def _wider(pair: tuple[int, int], axis: Axis) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    first, last = pair
    everything = (axis.lowest, axis.newest)
    if pair == everything:
        return None, None
    if pair in {(0, 0), (1, axis.newest)}:  # there is nothing between "absent" or "present" and no condition
        return everything, None
    return (first - 1, last) if first > 1 else None, (first, last + 1) if last < axis.newest else None


def _tighter(pair: tuple[int, int], axis: Axis) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    first, last = pair
    below = (first + 1, last) if 1 < first < last else None
    above = (first, last - 1) if first < last < axis.newest and first else None
    return below, above
