"""Disagreements between rows that lie on no common line, and the rows that lead to the flip between them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from matrixscan.plan.reduce import Row, version_order

# So that one explained disagreement can spare many others their rows.
_PER_ROUND = 8


class _Measured(NamedTuple):
    """A row that was measured."""

    name: str
    row: Row
    at: dict[str, int]  # axis -> rank of its version
    result: Hashable


class _Place(NamedTuple):
    """Where something flips: between two ranks of an axis."""

    axis: str
    older: int
    newer: int
    before: Hashable
    after: Hashable


def mixtures(
    by_id: Mapping[str, Row], results: Mapping[str, Hashable], known: Iterable[tuple[str, str, str]]
) -> tuple[str, ...]:
    """Return the ids of unmeasured rows between rows that disagree, taking axes from the one and from the other.

    Two rows that differ in several axes show that something flips, and not where. A row between them disagrees with
    one of both, in fewer axes; in the end two rows differ in one axis and lie on a line. A disagreement is explained,
    and costs nothing, where known flips that lie between the rows on their axes lead from the one result to the other.

    Args:
        by_id: combination id -> row.
        results: combination id -> what came out; None says nothing.
        known: axis, id of the older and of the newer row of every flip.
    """
    ranks = _ranks(by_id.values())
    rows = [
        _Measured(name, row, {axis: ranks[axis][version] for axis, version in row.items()}, results[name])
        for name, row in by_id.items()
        if results.get(name) is not None
    ]
    at = {row.name: row for row in rows}
    places = {
        _Place(axis, at[old].at.get(axis, -1), at[new].at.get(axis, -1), at[old].result, at[new].result)
        for axis, old, new in known
    }
    names = {tuple(sorted(row.items())): name for name, row in by_id.items()}
    wanted: list[str] = []
    settled: set[frozenset[Hashable]] = set()
    for one, other in _unexplained(rows, list(places)):
        met = frozenset((one.result, other.result))
        between = None if met in settled else _between(one.row, other.row, names, results)
        if between is not None:
            wanted.append(between)
            settled.add(met)
        if len(wanted) == _PER_ROUND:
            break
    return tuple(wanted)


def _ranks(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    versions: dict[str, set[str]] = {}
    for row in rows:
        for axis, version in row.items():
            versions.setdefault(axis, set()).add(version)
    return {
        axis: {version: rank for rank, version in enumerate(sorted(some, key=lambda text: version_order(axis, text)))}
        for axis, some in versions.items()
    }


def _unexplained(rows: Sequence[_Measured], places: Sequence[_Place]) -> Iterator[tuple[_Measured, _Measured]]:
    """Yield pairs of rows that disagree for no known reason and lie on no common line, the nearest first."""
    # Rows with the same result on the same side of every place are explained alike.
    alike: dict[tuple[Hashable, tuple[int, ...]], list[_Measured]] = defaultdict(list)
    for row in rows:
        alike[row.result, tuple(_side(row, place) for place in places)].append(row)
    pairs = [
        (*_distance(one, other), one.name, other.name, one, other)
        for (before, sides), (after, others) in itertools.combinations(alike, 2)
        if before != after and after not in _reached(before, sides, others, places)
        for one, other in itertools.product(alike[before, sides], alike[after, others])
    ]
    pairs.sort(key=lambda pair: pair[:4])
    yield from (pair[4:] for pair in pairs if pair[0] > 1)


def _side(row: _Measured, place: _Place) -> int:
    """Return on which side of a flip a row lies on its axis: -1 older, 1 newer, 0 in its gap."""
    at = row.at.get(place.axis, -1)
    return -1 if at <= place.older else int(at >= place.newer)


def _reached(
    start: Hashable, sides: Sequence[int], others: Sequence[int], places: Sequence[_Place]
) -> AbstractSet[Hashable]:
    """Return the results that the flips between two rows can turn a result into."""
    steps: dict[Hashable, set[Hashable]] = defaultdict(set)
    for place, here, there in zip(places, sides, others, strict=True):
        if here < 0 < there:
            steps[place.before].add(place.after)
        elif there < 0 < here:
            steps[place.after].add(place.before)
    reached, left = {start}, [start]
    while left:
        new = steps.get(left.pop(), set()) - reached
        reached |= new
        left.extend(new)
    return reached


def _distance(one: _Measured, other: _Measured) -> tuple[int, int]:
    """Return in how many axes two rows differ, and by how many releases."""
    steps = [abs(one.at.get(axis, -1) - other.at.get(axis, -1)) for axis in {*one.at, *other.at}]
    return sum(step > 0 for step in steps), sum(steps)


def _between(
    one: Row, other: Row, names: Mapping[tuple[tuple[str, str], ...], str], results: Mapping[str, Hashable]
) -> str | None:
    """Return the feasible, unmeasured row nearest to half of the one and half of the other."""
    unlike = sorted(axis for axis in {*one, *other} if one.get(axis) != other.get(axis))
    counts = sorted(range(1, len(unlike)), key=lambda count: abs(2 * count - len(unlike)))
    for taken in itertools.chain.from_iterable(itertools.combinations(unlike, count) for count in counts):
        mixed = {axis: version for axis, version in one.items() if axis not in taken}
        mixed |= {axis: other[axis] for axis in taken if axis in other}
        name = names.get(tuple(sorted(mixed.items())))
        if name is not None and name not in results:
            return name
    return None
