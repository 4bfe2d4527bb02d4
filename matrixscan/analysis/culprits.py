"""Finds what flips an outcome: the packages, then the releases. Pure; whoever calls says what came out of a trial.

A trial answers True where the combination works, False where it dies, and None where nobody can tell.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from matrixscan.catalog.selectors import allows
from matrixscan.catalog.types import Release

Moved = frozenset[str]
Requires = Mapping[str, Mapping[str, tuple[str, ...] | None]]  # package -> version -> PEP 508; None: nobody says


def isolate(
    names: Sequence[str],
    works: Callable[[Moved], bool | None],
    close: Callable[[Moved], Moved] = lambda moved: moved,
    suspects: Collection[str] = (),
) -> Moved:
    """Return a smallest set of packages that breaks the combination when they move: without any of them it does not.

    Args:
        names: every package that moved; to move none works, to move all does not.
        works: what comes out when these move and the others do not.
        close: adds what has to move with a set, because nothing would fit together without.
        suspects: names to try first, each by itself.
    """
    known: dict[Moved, bool | None] = {}
    every = frozenset(names)

    def dies(moved: Iterable[str]) -> bool:
        whole = close(frozenset(moved)) & every
        if whole not in known:
            known[whole] = works(whole)
        return known[whole] is False

    found = next((close(frozenset([name])) & every for name in suspects if name in every and dies([name])), None)
    if found is None:
        ordered = sorted(names, key=lambda name: name not in suspects)
        found = close(frozenset(_reduced(ordered, dies))) & every
    return _without_company(found, dies, lambda moved: close(moved) & every)


def _without_company(found: Moved, dies: Callable[[Moved], bool], close: Callable[[Moved], Moved]) -> Moved:
    """Drop what only came along and still breaks nothing less."""
    while True:
        smaller = {close(found - {name}) for name in found} - {frozenset()}
        less = sorted((moved for moved in smaller if moved < found), key=lambda moved: (len(moved), sorted(moved)))
        fewer = next((moved for moved in less if dies(moved)), None)
        if fewer is None:
            return found
        found = fewer


def _reduced(names: list[str], dies: Callable[[Iterable[str]], bool]) -> list[str]:
    """Delta debugging (Zeller): try parts, then what is left without a part, then finer parts."""
    parts = 2
    while len(names) > 1:
        cut = _cut(names, parts)
        smaller = next((part for part in cut if dies(part)), None)
        if smaller is not None:
            names, parts = smaller, 2
            continue
        rest = ([name for name in names if name not in part] for part in cut)
        smaller = next((part for part in rest if dies(part)), None)
        if smaller is not None:
            names, parts = smaller, max(parts - 1, 2)
        elif parts >= len(names):
            break
        else:
            parts = min(2 * parts, len(names))
    return names


def _cut(names: Sequence[str], parts: int) -> list[list[str]]:
    edges = [len(names) * at // parts for at in range(parts + 1)]
    return [list(names[start:end]) for start, end in itertools.pairwise(edges)]


def closed(
    moved: Moved, era: Mapping[str, str], today: Mapping[str, str], requires: Requires, python: Mapping[str, str]
) -> Moved:
    """Return a set of packages with what has to move with it: the release of one side refuses one of the other.

    Args:
        moved: packages at today's release; the others are at the era's.
        era: package -> release.
        today: package -> release.
        requires: what those releases require.
        python: `python_version` and `python_full_version` for markers.
    """
    both = era.keys() & today.keys()
    while True:
        at = {name: today[name] if name in moved else era[name] for name in both}
        at |= {name: today[name] for name in _brought(moved, era, today, requires, python)}
        more = set()
        for name, version in at.items():
            fresh = name in moved or name not in both
            for requirement in _applying((requires.get(name) or {}).get(version) or (), python):
                other = canonicalize_name(requirement.name)
                if other in both and not allows(str(requirement.specifier), at[other]):
                    more |= {name, other} & both if fresh != (other in moved) else set()
        if more <= moved:
            return moved
        moved |= more


def _brought(
    moved: Moved, era: Mapping[str, str], today: Mapping[str, str], requires: Requires, python: Mapping[str, str]
) -> set[str]:
    """Return the packages that the era did not have and that these bring along."""
    found: set[str] = set()
    ahead = list(moved)
    while ahead:
        name = ahead.pop()
        for requirement in _applying((requires.get(name) or {}).get(today[name]) or (), python):
            other = canonicalize_name(requirement.name)
            if other in today and other not in era and other not in found:
                found.add(other)
                ahead.append(other)
    return found


def _applying(texts: Iterable[str], python: Mapping[str, str]) -> Iterator[Requirement]:
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate(dict(python)):
            yield requirement


def between(releases: Iterable[Release], first: str, last: str, python: str) -> tuple[str, ...]:
    """Return the releases from one to another, both included, in the direction in which the package moved.

    Yanked ones, pre-releases and those that refuse this Python are left out.
    """
    low, high = sorted((Version(first), Version(last)))
    inside = [
        release.version
        for release in releases
        if low < Version(release.version) < high
        and not release.yanked
        and not Version(release.version).is_prerelease
        and allows(release.requires_python, python)
    ]
    ascending = [str(low), *sorted(inside, key=Version), str(high)]
    return tuple(ascending if Version(first) == low else reversed(ascending))


class Bracket(NamedTuple):
    """How close a bisection is."""

    works: str
    breaks: str
    mute: tuple[str, ...]  # releases between the two that tell nothing
    exact: bool  # no other is between them


def narrow(versions: Sequence[str], works: Callable[[str], bool | None]) -> Iterator[Bracket]:
    """Yield ever closer neighbours, one that works and one that breaks.

    Args:
        versions: in order; the first is known to work, the last to break.
        works: what comes out of a release.
    """
    low, high = 0, len(versions) - 1
    mute: set[int] = set()
    while True:
        inside = range(low + 1, high)
        untried = [at for at in inside if at not in mute]
        between_them = tuple(versions[at] for at in inside if at in mute)
        yield Bracket(versions[low], versions[high], between_them, exact=not untried)
        if not untried:
            return
        middle = min(untried, key=lambda at: abs(2 * at - low - high))
        found = works(versions[middle])
        if found is None:
            mute.add(middle)
        elif found:
            low = middle
        else:
            high = middle
