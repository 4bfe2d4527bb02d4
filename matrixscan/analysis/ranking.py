"""Which of the good combinations come first, for whom, and why. Pure: the day and the user's pins are arguments."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable, Iterable, Mapping

import msgspec
from packaging.utils import canonicalize_name

from matrixscan.analysis.confidence import Figures, Neighbours, Reason, confidence, rank_of, reasons
from matrixscan.analysis.grid import version_order
from matrixscan.analysis.judge import BAD, GOOD
from matrixscan.analysis.landscape import Landscape, Scope, Standing
from matrixscan.analysis.recommend import age_key, public, ranked_axes
from matrixscan.catalog.types import Release

NEWEST, SAFEST, CLOSEST = "newest", "safest", "closest"


class Distance(msgspec.Struct, frozen=True, order=True):
    """How far from the user's pins: packages that move, and releases of the matrix between, summed over them."""

    moved: int
    steps: int


class Terms(msgspec.Struct, frozen=True):
    """By what combinations are ranked. Days are floats as in `[recommend]`."""

    today: dt.date
    order: str = NEWEST
    min_age: float = 0.0
    expires: float = 90.0
    pins: dict[str, str] = {}  # the user's, by normalised name; `python` among them where it is known
    python: str | None = None  # only this minor
    released: dict[str, dict[str, dt.date]] = {}  # package -> version -> day
    certified: dict[str, dt.date] = {}  # combinations that are, and since when


class Ranked(msgspec.Struct, frozen=True):
    """One candidate with its figures."""

    standing: Standing
    scope: str
    confidence: str
    reasons: tuple[Reason, ...]
    figures: Figures
    distance: Distance | None  # None without pins


class Ranking(msgspec.Struct, frozen=True):
    """The candidates of one scope, the first the best; and those that are too young, with the reason."""

    scope: Scope
    candidates: tuple[Ranked, ...]
    too_young: dict[str, str]


def release_days(packages: Mapping[str, Iterable[Release]]) -> dict[str, dict[str, dt.date]]:
    """Return package -> version -> day, as far as a lock of the matrix knows."""
    return {
        name: {release.version: release.uploaded.date() for release in releases if release.uploaded is not None}
        for name, releases in packages.items()
    }


def rank(landscape: Landscape, scope: Scope, terms: Terms) -> Ranking:
    """Rank every combination that is good for a scope."""
    around = Surroundings(landscape, scope)
    axes = ranked_axes(standing.axes for standing in landscape.standings)
    steps = _places(landscape)
    found, too_young = [], {}
    for standing in sorted(landscape.standings, key=lambda standing: standing.id):
        if scope.verdict(standing) != GOOD or not _is_for(standing, terms.python):
            continue
        ranked = _ranked(standing, scope, around.of(standing), terms, steps)
        if ranked.figures.age is not None and ranked.figures.age < terms.min_age:
            too_young[standing.id] = f"{ranked.figures.age} days old, min-age is {terms.min_age:g} days"
            continue
        found.append(ranked)
    # Both are largest first; ids break ties in ascending order because sorting is stable.
    found.sort(key=lambda each: age_key(each.standing.axes | each.standing.pins, axes), reverse=True)
    found.sort(key=ORDERS[terms.order], reverse=True)
    return Ranking(scope, tuple(found), too_young)


def minors(landscape: Landscape) -> tuple[str, ...]:
    """Return the Python minors of a matrix, newest first."""
    found = {minor(standing.axes.get("python", "")) for standing in landscape.standings} - {""}
    return tuple(sorted(found, key=version_order, reverse=True))


def minor(python: str) -> str:
    """Return `3.8` of `3.8.20`."""
    return ".".join(python.split(".")[:2])


def _is_for(standing: Standing, python: str | None) -> bool:
    return python is None or minor(standing.axes.get("python", "")) == minor(python)


def _safety(each: Ranked) -> tuple[float, ...]:
    """Confidence first, then the share of neighbours that are good, then the order of magnitude of the margin."""
    around, margin = each.figures.neighbours, each.figures.margin
    share = around.good / around.tested if around.tested else 0.0
    # A hundredth and a thousandth of the tolerance are equally far from it.
    wide = -1.0 if margin is None else math.floor(math.log10(min(max(margin, 1e-9), 1e2)))
    return (rank_of(each.confidence), share, wide)


def _closeness(each: Ranked) -> tuple[float, ...]:
    distance = each.distance or Distance(0, 0)
    return (-distance.moved, -distance.steps, rank_of(each.confidence))


#: What comes before newest first, which is the last word of each.
ORDERS: dict[str, Callable[[Ranked], tuple[float, ...]]] = {
    NEWEST: lambda _: (),
    SAFEST: _safety,
    CLOSEST: _closeness,
}


def _ranked(
    standing: Standing, scope: Scope, around: Neighbours, terms: Terms, places: Mapping[str, Mapping[str, int]]
) -> Ranked:
    figures = figures_of(standing, scope, around, terms)
    found = reasons(figures)
    return Ranked(
        standing=standing,
        scope=scope.name,
        confidence=confidence(found),
        reasons=found,
        figures=figures,
        distance=distance_of(standing, terms.pins, places) if terms.pins else None,
    )


def figures_of(standing: Standing, scope: Scope, around: Neighbours, terms: Terms) -> Figures:
    """Return what is to be said for and against a combination."""
    measured = dt.date.fromisoformat(standing.finished[:10]) if standing.finished else None
    certified = terms.certified.get(standing.id)
    begins = certified or measured
    days = {axis: terms.released.get(canonicalize_name(axis), {}).get(version) for axis, version in _packages(standing)}
    return Figures(
        evidence=standing.evidence,
        controlled=standing.controlled,
        margin=scope.margin(standing),
        neighbours=around,
        measured=measured,
        certified=certified,
        expires=None if begins is None else begins + dt.timedelta(days=terms.expires),
        today=terms.today,
        released={axis: day for axis, day in days.items() if day is not None},
        undated=tuple(axis for axis, day in days.items() if day is None),
    )


def _packages(standing: Standing) -> list[tuple[str, str]]:
    return [(axis, public(version)) for axis, version in standing.axes.items() if axis != "python"]


class Surroundings:
    """The neighbours of each combination: those that differ in one axis, by one step among what was scanned."""

    def __init__(self, landscape: Landscape, scope: Scope) -> None:
        self._verdicts = {standing.id: scope.verdict(standing) for standing in landscape.standings}
        self._beside: dict[str, list[str]] = {}
        for axis in {axis for standing in landscape.standings for axis in standing.axes}:
            lines: dict[frozenset[tuple[str, str]], list[Standing]] = {}
            for standing in landscape.standings:
                if axis in standing.axes:
                    rest = frozenset(item for item in standing.axes.items() if item[0] != axis)
                    lines.setdefault(rest, []).append(standing)
            for line in lines.values():
                line.sort(key=lambda standing: version_order(standing.axes[axis]))
                for one, other in itertools.pairwise(line):
                    self._beside.setdefault(one.id, []).append(other.id)
                    self._beside.setdefault(other.id, []).append(one.id)

    def of(self, standing: Standing) -> Neighbours:
        """Return what the neighbours of a combination are."""
        found = [self._verdicts[name] for name in self._beside.get(standing.id, ())]
        good, bad = found.count(GOOD), found.count(BAD)
        return Neighbours(good, bad, len(found) - good - bad)


def _places(landscape: Landscape) -> dict[str, dict[str, int]]:
    """Return axis -> version -> its place among those that were scanned."""
    versions: dict[str, set[str]] = {}
    for standing in landscape.standings:
        for axis, version in standing.axes.items():
            versions.setdefault(axis, set()).add(version)
    return {
        axis: {version: at for at, version in enumerate(sorted(found, key=version_order))}
        for axis, found in versions.items()
    }


def distance_of(standing: Standing, pins: Mapping[str, str], places: Mapping[str, Mapping[str, int]]) -> Distance:
    """Return how far a combination is from pins; what they do not pin costs nothing.

    Args:
        standing: the combination.
        pins: versions by normalised name; `python` counts by its minor.
        places: axis -> version -> its place among the releases of the matrix.
    """
    moved = steps = 0
    for axis, version in standing.axes.items():
        pinned = pins.get("python" if axis == "python" else canonicalize_name(axis))
        if pinned is None:
            continue
        is_same = minor(pinned) == minor(version) if axis == "python" else _same(pinned, version)
        moved += not is_same
        steps += 0 if is_same else _between(pinned, version, places[axis])
    return Distance(moved, steps)


def _same(one: str, other: str) -> bool:
    return version_order(public(one)) == version_order(public(other))


def _between(pinned: str, version: str, places: Mapping[str, int]) -> int:
    """Return how many releases of the matrix lie on the way, the one arrived at among them."""
    start, end = version_order(public(pinned)), version_order(version)
    low, high = min(start, end), max(start, end)
    return max(1, sum(low < version_order(each) <= high for each in places))
