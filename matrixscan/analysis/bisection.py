"""Where between a good and a bad combination the change is: first which package, then which release of it. Pure.

The search asks for combinations one at a time, is told what each of them is, and never asks twice for the same one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Literal

import msgspec

Row = Mapping[str, str]
#: What a combination says about the change: as the good end, as the bad end, or nothing (it cannot be built, it was
#: not measured, it fails in another way).
Side = Literal["good", "bad", "silent"]
Search = Generator[dict[str, str], Side, "Located"]

_NONE = ""  # stands for the version of an axis that a combination does not have


class Step(msgspec.Struct, frozen=True):
    """One combination that was asked for, and its answer."""

    axes: dict[str, str]
    side: Side


class Located(msgspec.Struct, frozen=True):
    """The last good and the first bad combination of a path, and all that was asked to find them.

    They differ in one package, unless nothing could be told of what lies between.
    """

    good: dict[str, str]
    bad: dict[str, str]
    silent: tuple[dict[str, str], ...]  # combinations between the two that say nothing
    steps: tuple[Step, ...]

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes in which the two differ."""
        return moved(self.good, self.bad)


def moved(good: Row, bad: Row) -> tuple[str, ...]:
    """Return the axes in which two combinations differ, in the order of the good one."""
    return tuple(axis for axis in {**good, **bad} if good.get(axis, _NONE) != bad.get(axis, _NONE))


def bound(packages: int, releases: int) -> int:
    """Return how many combinations a search asks for at most, the two ends included, if every one of them answers.

    Args:
        packages: in which the ends differ.
        releases: of the package that is found, those of both ends included.
    """
    return 2 + _halvings(packages) + _halvings(releases - 1)


def _halvings(gaps: int) -> int:
    return math.ceil(math.log2(gaps)) if gaps > 1 else 0


def search(good: Row, bad: Row, releases: Callable[[str], Sequence[str]]) -> Search:
    """Yield combinations, take what they are, and return where the change lies.

    Whichever path leads from the good end to the bad one, some neighbours on it differ. First the packages are moved to
    the bad end one after another, in the order of the axes, and the one is found with which the change comes; then its
    releases are searched, with the others left where they were at that moment.

    Args:
        good: The good end. Nobody asks whether it is.
        bad: The bad end.
        releases: Of an axis, ascending; those between the two ends are used.
    """
    known: dict[frozenset[tuple[str, str]], Side] = {_name(good): "good", _name(bad): "bad"}
    steps: list[Step] = []
    pair = (_row(good), _row(bad))
    silent: list[dict[str, str]] = []
    while True:
        before = pair
        for path in _paths(*pair, releases):
            # A path is only worth halving while its ends are those that are known best.
            if (path[0], path[-1]) == pair:
                first, last = yield from _halve(path, known, steps)
                pair, silent = (path[first], path[last]), [*path[first + 1 : last]]
        if pair == before:
            return Located(*pair, tuple(silent), tuple(steps))


def _paths(
    good: dict[str, str], bad: dict[str, str], releases: Callable[[str], Sequence[str]]
) -> list[list[dict[str, str]]]:
    """Return paths from one combination to the other: package by package, or release by release of one package."""
    axes = moved(good, bad)
    if len(axes) > 1:
        packages = [_row({**good, **{axis: bad.get(axis, _NONE) for axis in axes[:at]}}) for at in range(len(axes) + 1)]
        return [packages, *(_line(good, bad, axis, releases(axis)) for axis in axes)]
    return [_line(good, bad, axis, releases(axis)) for axis in axes]


def _line(good: dict[str, str], bad: dict[str, str], axis: str, releases: Sequence[str]) -> list[dict[str, str]]:
    """Return the combinations with the releases of one package between two ends, the others as at the bad end."""
    ends = good.get(axis, _NONE), bad.get(axis, _NONE)
    if not set(ends) <= set(releases):
        return [good, bad]
    places = releases.index(ends[0]), releases.index(ends[1])
    between = releases[min(places) + 1 : max(places)]
    ordered = between if places[0] < places[1] else between[::-1]
    return [good, *(_row({**bad, axis: version}) for version in ordered), bad]


def _halve(
    path: Sequence[dict[str, str]], known: dict[frozenset[tuple[str, str]], Side], steps: list[Step]
) -> Generator[dict[str, str], Side, tuple[int, int]]:
    """Return two places on a path, the first good and the second bad, with nothing but silence between."""
    first, last = 0, len(path) - 1
    while True:
        left = [place for place in range(first + 1, last) if known.get(_name(path[place])) != "silent"]
        if not left:
            return first, last
        # In the middle, else the nearest to it that may still answer.
        place = min(left, key=lambda place: (abs(2 * place - first - last), place))
        side = known.get(_name(path[place]))
        if side is None:
            side = yield path[place]
            known[_name(path[place])] = side
            steps.append(Step(dict(path[place]), side))
        if side != "silent":
            first, last = (place, last) if side == "good" else (first, place)


def _name(row: Row) -> frozenset[tuple[str, str]]:
    return frozenset(_row(row).items())


def _row(axes: Row) -> dict[str, str]:
    return {axis: version for axis, version in axes.items() if version != _NONE}
