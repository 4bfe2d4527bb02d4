"""Which rows to measure next, so that every flip ends up between neighbouring releases."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from matrixscan.plan.ids import combination_id
from matrixscan.plan.paths import mixtures
from matrixscan.plan.reduce import Row, row_order, version_order

#: An axis, and the versions of all others.
LineKey = tuple[str, tuple[tuple[str, str], ...]]
_Results = Mapping[str, Hashable]


class _Line(NamedTuple):
    """The feasible rows that differ in one axis alone, from its oldest version to its newest."""

    axis: str
    ids: tuple[str, ...]
    versions: tuple[str | None, ...]


class Flip(NamedTuple):
    """Two rows of a line that were measured, with nothing measured between them, and came out differently."""

    axis: str
    older: str  # combination id
    newer: str
    between: tuple[str, ...]  # ids of feasible rows between them that nobody measured

    @property
    def located(self) -> bool:
        """Tell whether no row is left that could narrow it down."""
        return not self.between


def next_rows(rows: Sequence[Row], results: _Results, budget: int | None) -> tuple[Row, ...]:
    """Return the rows to measure next, from old to new; none where every flip is located or the budget spent.

    A round halves the gap of every flip, and goes towards one that explains rows which disagree and lie on no common
    line. Once all is located it looks at the same place on the lines next to every flip, and goes on from there.

    Args:
        rows: the feasible combinations.
        results: combination id -> what came out, as any value that compares; None for a row that was tried and says
            nothing, which is not asked for again.
        budget: the most rows measured in all, those of `results` included; None for no bound.
    """
    by_id = _named(rows)
    lines = _lines(by_id)
    found = [flip for line in lines.values() for flip in _flips(line, results)]
    wanted = _narrowing(found, by_id, results)
    if not wanted:
        wanted = [name for flip in found if flip.located for name in _beside(flip, by_id, lines, results)]
    wanted = list(dict.fromkeys(wanted))
    if budget is not None:
        wanted = wanted[: max(0, budget - sum(name in results for name in by_id))]
    chosen = set(wanted)
    return tuple(row for name, row in by_id.items() if name in chosen)


def flips(rows: Sequence[Row], results: _Results) -> tuple[Flip, ...]:
    """Return every flip on the lines of `rows`, located or not; the arguments are those of `next_rows`."""
    by_id = _named(rows)
    return tuple(flip for line in _lines(by_id).values() for flip in _flips(line, results))


def _named(rows: Sequence[Row]) -> dict[str, Row]:
    return {combination_id(row): row for row in sorted(rows, key=row_order)}


def _narrowing(found: Sequence[Flip], by_id: Mapping[str, Row], results: _Results) -> list[str]:
    """Return the middle of every gap with a flip, and rows between others that disagree."""
    halves = [flip.between[(len(flip.between) - 1) // 2] for flip in found if flip.between]
    return [*halves, *mixtures(by_id, results, [(flip.axis, flip.older, flip.newer) for flip in found])]


def _lines(by_id: Mapping[str, Row]) -> dict[LineKey, _Line]:
    axes = sorted({axis for row in by_id.values() for axis in row})
    on: dict[LineKey, list[str]] = defaultdict(list)
    for name, row in by_id.items():
        items = sorted(row.items())
        for axis in axes:
            on[axis, tuple(item for item in items if item[0] != axis)].append(name)
    return {key: _line(key[0], names, by_id) for key, names in on.items() if len(names) > 1}


def _line_key(axis: str, row: Mapping[str, str]) -> LineKey:
    return (axis, tuple(sorted((other, version) for other, version in row.items() if other != axis)))


def _line(axis: str, names: Sequence[str], by_id: Mapping[str, Row]) -> _Line:
    ids = tuple(sorted(names, key=lambda name: version_order(axis, by_id[name].get(axis))))
    return _Line(axis, ids, tuple(by_id[name].get(axis) for name in ids))


def _flips(line: _Line, results: _Results) -> Iterator[Flip]:
    measured = [at for at, name in enumerate(line.ids) if results.get(name) is not None]
    for older, newer in itertools.pairwise(measured):
        names = line.ids[older], line.ids[newer]
        if results[names[0]] != results[names[1]]:
            between = tuple(name for name in line.ids[older + 1 : newer] if name not in results)
            yield Flip(line.axis, *names, between)


def _beside(flip: Flip, by_id: Mapping[str, Row], lines: Mapping[LineKey, _Line], results: _Results) -> Iterator[str]:
    """Yield what to measure on the lines next to a flip's own, one step away in another axis."""
    row = by_id[flip.older]
    for other in sorted(set(row) - {flip.axis}):
        across = lines.get(_line_key(other, row))
        for version in _neighbours(across, row[other]) if across else ():
            moved = {axis: kept for axis, kept in row.items() if axis != other}
            key = _line_key(flip.axis, moved if version is None else moved | {other: version})
            if key in lines:
                yield from _checks(lines[key], flip, by_id, results)


def _neighbours(line: _Line, version: str | None) -> Iterator[str | None]:
    at = line.versions.index(version)
    yield from line.versions[max(0, at - 1) : at]
    yield from line.versions[at + 1 : at + 2]


def _checks(line: _Line, flip: Flip, by_id: Mapping[str, Row], results: _Results) -> Iterator[str]:
    """Yield the rows that show whether a line flips where its neighbour does, as far as they are not measured.

    What lies on both sides of the place tells: unlike, the gap will be halved; alike, the line may still dip between
    them (a release with a defect of its own), which one look at the side that would differ shows.
    """
    place = version_order(flip.axis, by_id[flip.older].get(flip.axis))
    split = sum(version_order(flip.axis, version) <= place for version in line.versions)
    old, new = line.ids[:split], line.ids[split:]
    if not old or not new:
        return
    left = next((results[name] for name in reversed(old) if results.get(name) is not None), None)
    right = next((results[name] for name in new if results.get(name) is not None), None)
    ends = [old[-1], new[0]]
    if left is not None and right is not None:
        if left != right:
            return
        ends = [new[0] if left == results[flip.older] else old[-1]]
    yield from (name for name in ends if name not in results)
