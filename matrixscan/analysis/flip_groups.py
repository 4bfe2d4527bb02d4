"""Flips that say the same, told once: over all sizes and all combinations of the other axes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.flips import Flip, lines, side_of
from matrixscan.analysis.grid import Grid, case_sort_key, version_order

_Place = tuple[tuple[str, str], ...]
_MOST_NAMED = 4


class FlipGroup(msgspec.Struct, frozen=True):
    """One change of one lane of a (probe, variant) between two releases."""

    probe: str
    variant: str
    exporter: str
    opset: int
    precision: str
    runner: str
    axis: str
    from_: str
    to: str
    before: str
    after: str
    side: str  # "export", "run" or "both"
    count: int  # flips
    sizes: tuple[str, ...]
    every_size: bool  # of those at which the lane was measured in both releases
    where: str  # in words: in which of the combinations of the other axes in which it could have been seen
    example: Flip
    whose: tuple[tuple[str, str], ...] = ()  # before or after, and whose fault it is there, in any of the flips


def grouped(flips: Iterable[Flip], grid: Grid) -> list[FlipGroup]:
    """Return the groups of the flips of a grid: those that concern most cases first, then by name."""
    found: dict[tuple[object, ...], list[Flip]] = {}
    for flip in flips:
        lane = (*flip.case[:6], flip.axis, flip.from_, flip.to, flip.before, flip.after)
        found.setdefault(lane, []).append(flip)
    neighbours = Neighbours(grid)
    groups = [_group(members, neighbours) for members in found.values()]
    return sorted(groups, key=_by_weight)


def _by_weight(group: FlipGroup) -> tuple[object, ...]:
    names = (group.probe, group.variant, group.exporter, group.opset, group.precision, group.runner)
    versions = (group.axis, version_order(group.from_), version_order(group.to), group.before, group.after)
    return (-len(group.sizes), -group.count, *names, *versions)


def _group(flips: Sequence[Flip], neighbours: Neighbours) -> FlipGroup:
    first = flips[0]
    cases = neighbours.lane(first)
    hit = {tuple(sorted(flip.at.items())) for flip in flips}
    seen, sizes = neighbours.seen(first, cases)
    own = sorted({flip.case for flip in flips}, key=case_sort_key)
    return FlipGroup(
        probe=first.probe,
        variant=first.variant,
        exporter=first.exporter,
        opset=first.opset,
        precision=first.precision,
        runner=first.runner,
        axis=first.axis,
        from_=first.from_,
        to=first.to,
        before=first.before,
        after=first.after,
        side=side_of(first.axis),
        count=len(flips),
        sizes=tuple(case.size for case in own),
        every_size=len(own) >= sizes,
        where=where_words(hit, hit.union(seen), neighbours.grid.axes),
        example=first,
        whose=tuple(sorted({item for flip in flips for item in flip.whose.items()}, reverse=True)),
    )


class Neighbours:
    """Where two releases of an axis are neighbours for a case: both measured, and nothing between them."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._measured = grid.measured()[grid.codes]
        self._lines = {axis: lines(grid, axis) for axis in grid.axes}
        self._known: dict[tuple[str, str, str], tuple[list[_Place], NDArray[np.bool_]]] = {}
        self._lanes: dict[tuple[object, ...], list[int]] = {}
        for index, case in enumerate(grid.cases):
            self._lanes.setdefault(case[:6], []).append(index)

    def lane(self, flip: Flip) -> list[int]:
        """Return the cases of a flip's lane."""
        return self._lanes.get(flip.case[:6], [])

    def seen(self, flip: Flip, cases: Sequence[int]) -> tuple[set[_Place], int]:
        """Return where any of the cases has the flip's releases as neighbours, and how many of the cases do."""
        key = (flip.axis, flip.from_, flip.to)
        if key not in self._known:
            self._known[key] = self._pairs(*key)
        places, pairs = self._known[key]
        own = pairs[:, list(cases)]
        return {places[index] for index in np.flatnonzero(own.any(axis=1))}, int(own.any(axis=0).sum())

    def between(self, flip: Flip) -> list[str]:
        """Return the releases of the axis that lie between those of a flip, and were passed over."""
        versions = sorted({row[flip.axis] for row in self.grid.rows if flip.axis in row}, key=version_order)
        if flip.from_ not in versions or flip.to not in versions:
            return []
        return versions[versions.index(flip.from_) + 1 : versions.index(flip.to)]

    def _pairs(self, axis: str, before: str, after: str) -> tuple[list[_Place], NDArray[np.bool_]]:
        places: list[_Place] = []
        found: list[NDArray[np.bool_]] = []
        for line in self._lines.get(axis, []):
            versions = [self.grid.rows[row][axis] for row in line.rows]
            if before in versions and after in versions:
                span = self._measured[list(line.rows[versions.index(before) : versions.index(after) + 1])]
                places.append(tuple(sorted(line.at.items())))
                found.append(span[0] & span[-1] & ~span[1:-1].any(axis=0))
        return places, np.array(found, np.bool_).reshape(len(places), len(self.grid.cases))


def where_words(hit: Collection[_Place], seen: Collection[_Place], axes: Sequence[str]) -> str:
    """Say in words which of the places were hit.

    Args:
        hit: The other axes of every flip.
        seen: The other axes wherever it could have been seen, `hit` among them.
        axes: The order in which axes are named.
    """
    chosen, whole = [dict(place) for place in hit], [dict(place) for place in seen]
    every = {axis: _versions(whole, axis) for axis in axes}
    varying = [axis for axis in axes if len(every[axis]) > 1]
    if not varying:
        return "with " + _listed([f"{axis} {version}" for axis, version in chosen[0].items()]) if chosen[0] else ""
    own = {axis: _versions(chosen, axis) for axis in varying}
    box = sum(all((place.get(axis) or "none") in own[axis] for axis in varying) for place in whole)
    if box != len(hit):
        return f"in {len(hit)} of {len(seen)} combinations of {_listed(varying)}"
    return "for " + _listed([_axis_words(axis, own[axis], every[axis]) for axis in varying])


def _axis_words(axis: str, own: Sequence[str], every: Sequence[str]) -> str:
    if len(own) == len(every):
        return f"both {axis} {_listed(own)}" if len(own) == 2 else f"every {axis} from {own[0]} to {own[-1]}"  # noqa: PLR2004
    if len(own) == 1:
        return f"{axis} {own[0]} alone (of {len(every)})"
    start = every.index(own[0])
    if list(every[start : start + len(own)]) == list(own):
        return f"{axis} {own[0]} to {own[-1]} ({len(own)} of {len(every)})"
    named = f" ({', '.join(own)})" if len(own) <= _MOST_NAMED else ""
    return f"{len(own)} of {len(every)} {axis}{named}"


def _versions(places: Iterable[Mapping[str, str]], axis: str) -> list[str]:
    return sorted({place.get(axis) or "none" for place in places}, key=version_order)


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else list(parts))
