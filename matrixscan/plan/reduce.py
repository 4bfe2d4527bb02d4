"""Which rows of a large matrix to scan. Only feasible rows come in, so every constraint is respected."""

from __future__ import annotations

import functools
import heapq
import itertools
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from packaging.version import Version

from matrixscan.errors import NothingSelectedError
from matrixscan.matrix.axes import version_key
from matrixscan.matrix.types import Reduction

Row = dict[str, str]
#: How many versions of each axis boundary may begin with where all of them take too much of the budget.
_FEWER = (9, 5, 3, 2)
_PAIRS = 2
# Every attempt breaks ties in another order and the smallest result is kept; the work is bounded, not the time, or
# two machines would choose different rows.
_ATTEMPTS = 24
_WORK = 2_000_000  # looks at a group, over all attempts


class _Groups(NamedTuple):
    """Rows as the numbers of the groups of versions that they hold."""

    of: list[tuple[int, ...]]  # row -> numbers
    total: int


def reduce_rows(rows: Sequence[Row], strategy: str, reduction: Reduction) -> tuple[Row, ...]:
    """Return the rows to scan, in the order they came in.

    The same rows are chosen whatever their order. Of `boundary` these are the ones to start with; more come from
    `boundary.next_rows`.

    Args:
        rows: the feasible combinations.
        strategy: full, pairwise, t-wise:N, one-at-a-time or boundary.
        reduction: seeds, baseline and budget; a seed that matches no row is in `missing_seeds`.

    Raises:
        NothingSelectedError: the baseline of one-at-a-time matches no row.
    """
    if strategy == "full":
        return tuple(rows)
    ordered = sorted(_unique(rows), key=row_order, reverse=True)
    if strategy == "one-at-a-time":
        chosen = _one_at_a_time(ordered, reduction)
    elif strategy == "boundary" and reduction.budget is not None:
        chosen = _start(ordered, reduction.seeds, reduction.budget)
    else:
        chosen = _covering(ordered, strength(strategy), reduction.seeds)
    kept = {_key(ordered[at]) for at in chosen}
    return tuple(row for row in _unique(rows) if _key(row) in kept)


def strength(strategy: str) -> int:
    """Return how many axes a strategy covers together; 1 where it promises no more than the versions themselves."""
    if strategy.startswith("t-wise:"):
        return int(strategy.removeprefix("t-wise:"))
    return _PAIRS if strategy in {"pairwise", "boundary"} else 1


def missing_seeds(rows: Iterable[Mapping[str, str]], reduction: Reduction) -> tuple[Row, ...]:
    """Return the seeds that no feasible row matches."""
    rows = list(rows)
    return tuple(seed for seed in reduction.seeds if not any(matches(row, seed) for row in rows))


def matches(row: Mapping[str, str], pattern: Mapping[str, str]) -> bool:
    """Tell whether a row has every version that a pattern names."""
    return all(
        axis in row and (row[axis] == version or version_key(axis, row[axis]) == version_key(axis, version))
        for axis, version in pattern.items()
    )


@functools.lru_cache(maxsize=65536)
def version_order(axis: str, version: str | None) -> tuple[int, tuple[int, ...] | Version]:
    """Return what sorts the versions of an axis from old to new; rows without the axis come first."""
    if version is None:
        return (0, ())
    return (1, tuple(map(int, version.split(".")))) if axis == "python" else (1, Version(version))


def row_order(row: Mapping[str, str]) -> tuple[object, ...]:
    """Return what sorts rows from old to new: by package in the order of the names, by Python last."""
    packages = sorted(axis for axis in row if axis != "python")
    return (*((axis, version_order(axis, row[axis])) for axis in [*packages, "python"] if axis in row),)


def _key(row: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(row.items()))


def _unique(rows: Iterable[Row]) -> list[Row]:
    return list({_key(row): row for row in rows}.values())


def _one_at_a_time(rows: Sequence[Row], reduction: Reduction) -> list[int]:
    """Return the baseline, the rows that differ from it in one axis, and a row for every seed. `rows`: newest first."""
    base = next((row for row in rows if matches(row, reduction.baseline)), None)
    if base is None:
        hint = "name versions in [reduction] baseline that go together, or fewer of them"
        raise NothingSelectedError("the baseline matches no combination that can be", hint)
    chosen = {at for at, row in enumerate(rows) if len(base.items() ^ row.items()) <= 2}  # noqa: PLR2004 old and new
    for seed in reduction.seeds:
        fitting = [at for at, row in enumerate(rows) if matches(row, seed)]
        if fitting and not chosen.intersection(fitting):
            chosen.add(fitting[0])
    return sorted(chosen)


def _start(rows: Sequence[Row], seeds: Sequence[Row], budget: int) -> list[int]:
    """Return what boundary starts with, half the budget at most: every pair, every version, or some of each axis.

    Of fewer versions the oldest and the newest are always there: a flip between them can be found by halving.
    """
    chosen = _covering(rows, _PAIRS, seeds)
    if 2 * len(chosen) > budget:
        chosen = _covering(rows, 1, seeds)
    for count in _FEWER:
        if 2 * len(chosen) <= budget:
            break
        places = _thinned(rows, count, seeds)
        some = [rows[at] for at in places]
        chosen = [places[at] for at in _covering(some, 1, seeds)] if some else chosen
    return chosen[:budget]


def _thinned(rows: Sequence[Row], count: int, seeds: Sequence[Row]) -> list[int]:
    """Return the rows of which every version is among `count` evenly spread ones of its axis, and those of seeds."""
    kept = {}
    for axis in {axis for row in rows for axis in row}:
        versions = sorted({row.get(axis) for row in rows}, key=lambda version: version_order(axis, version))
        last = len(versions) - 1
        kept[axis] = {versions[round(last * step / (count - 1))] for step in range(count)}
    return [
        at
        for at, row in enumerate(rows)
        if all(row.get(axis) in some for axis, some in kept.items()) or any(matches(row, seed) for seed in seeds)
    ]


def _covering(rows: Sequence[Row], size: int, seeds: Sequence[Row]) -> list[int]:
    groups = _groups(rows, size)
    return _cover(groups, _seeded(rows, groups, seeds))


def _groups(rows: Sequence[Row], size: int) -> _Groups:
    numbers: dict[tuple[tuple[str, str], ...], int] = {}
    of = []
    for row in rows:
        some = itertools.combinations(_key(row), min(size, len(row)))
        of.append(tuple(numbers.setdefault(group, len(numbers)) for group in some))
    return _Groups(of, len(numbers))


def _seeded(rows: Sequence[Row], groups: _Groups, seeds: Iterable[Mapping[str, str]]) -> list[int]:
    """Return a row for each seed: one that is there already, else the one that covers most, else the newest."""
    chosen: list[int] = []
    covered: set[int] = set()
    for seed in seeds:
        fitting = [at for at, row in enumerate(rows) if matches(row, seed)]
        if fitting and not set(chosen).intersection(fitting):
            best = max(fitting, key=lambda at: (len(set(groups.of[at]) - covered), -at))
            chosen.append(best)
            covered.update(groups.of[best])
    return chosen


def _cover(groups: _Groups, seeds: Sequence[int]) -> list[int]:
    """Return the smallest cover that was found, seeds first, then by what each row adds."""
    work = sum(map(len, groups.of)) * max(map(len, groups.of), default=1)
    attempts = max(1, min(_ATTEMPTS, _WORK // max(work, 1)))
    return min((_attempt(groups, seeds, number) for number in range(attempts)), key=len)


def _attempt(groups: _Groups, seeds: Sequence[int], number: int) -> list[int]:
    covered = bytearray(groups.total)
    left = groups.total
    chosen: list[int] = []
    # Gains only fall, so a row whose gain is still what the heap says is the best there is.
    heap = [(-len(cell), _tie(at, number), at) for at, cell in enumerate(groups.of)]
    heap += [(-groups.total - 1, place, at) for place, at in enumerate(seeds)]
    heapq.heapify(heap)
    while heap and (left or len(chosen) < len(seeds)):
        said, tie, at = heapq.heappop(heap)
        gain = len(groups.of[at]) - sum(covered[group] for group in groups.of[at])
        if len(chosen) < len(seeds) or (gain == -said and gain):
            chosen.append(at)
            left -= gain
            for group in groups.of[at]:
                covered[group] = 1
        elif gain:
            heapq.heappush(heap, (-gain, tie, at))
    return _needed(groups, chosen, len(seeds))


def _tie(at: int, number: int) -> int:
    """Return the place of a row among equals: its own in the first attempt, any other later on."""
    return zlib.crc32(b"%d/%d" % (number, at)) if number else at


def _needed(groups: _Groups, chosen: Sequence[int], seeds: int) -> list[int]:
    """Leave out rows that later ones made superfluous, the latest first; seeds stay."""
    times = [0] * groups.total
    for at in chosen:
        for group in groups.of[at]:
            times[group] += 1
    kept = list(chosen[:seeds])
    tail = []
    for at in reversed(chosen[seeds:]):
        if all(times[group] > 1 for group in groups.of[at]):
            for group in groups.of[at]:
                times[group] -= 1
        else:
            tail.append(at)
    return kept + tail[::-1]
