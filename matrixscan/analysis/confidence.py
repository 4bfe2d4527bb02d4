"""How far a recommendation can be relied on: a table of rules, of which the one that concedes least decides."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable

import msgspec

from matrixscan.analysis.recommend import JOINT

HIGH, MEDIUM, LOW = "high", "medium", "low"
_LEVELS = (LOW, MEDIUM, HIGH)

#: Margins (tolerance / error) from which on another processor or input is unlikely to matter, and below which it may.
WIDE_MARGIN, NARROW_MARGIN = 10.0, 2.0


class Neighbours(msgspec.Struct, frozen=True):
    """Combinations one step away on one axis: how many are good too, how many bad, of how many nothing is proven."""

    good: int = 0
    bad: int = 0
    unknown: int = 0

    @property
    def tested(self) -> int:
        """Those that say something."""
        return self.good + self.bad


class Figures(msgspec.Struct, frozen=True):
    """What is to be said for and against one combination, for one scope."""

    evidence: str  # of the scan: joint or factored
    controlled: bool
    margin: float | None  # inf: nothing differs at all; None: not kept
    neighbours: Neighbours
    measured: dt.date | None
    certified: dt.date | None
    expires: dt.date | None
    today: dt.date
    released: dict[str, dt.date]  # axis -> day of the release
    undated: tuple[str, ...]  # axes whose releases have no known day

    @property
    def stale(self) -> bool:
        """Whether its day is over."""
        return self.expires is not None and self.today > self.expires

    @property
    def age(self) -> int | None:
        """Days for which its youngest release has been out."""
        return min(((self.today - day).days for day in self.released.values()), default=None)


class Reason(msgspec.Struct, frozen=True):
    """One thing that is to be said, and the confidence that it leaves at most."""

    rule: str
    level: str
    words: str


class _Step(msgspec.Struct, frozen=True):
    """Where the test holds, and no step before it did, the rule concedes the level."""

    holds: Callable[[Figures], bool]
    level: str
    words: Callable[[Figures], str]


class Rule(msgspec.Struct, frozen=True):
    """One question with its answers; the last one always holds."""

    name: str
    steps: tuple[_Step, ...]


def _always(_figures: Figures) -> bool:
    return True


def _certified(figures: Figures) -> str:
    apart = "" if figures.evidence == JOINT else "; the scan had measured export and run apart"
    return f"certified on {figures.certified}: rebuilt from its lock in a fresh environment, all cases again{apart}"


def _neighbours(figures: Figures) -> str:
    found = figures.neighbours
    if not found.tested:
        return "no neighbour was tested (one step on one axis)"
    unknown = f", {found.unknown} unknown" if found.unknown else ""
    return f"{found.good} of {found.tested} tested neighbours (one step on one axis) are good too{unknown}"


def _releases(figures: Figures) -> str:
    axis, day = max(figures.released.items(), key=lambda item: item[1])
    rest = f"; unknown: {', '.join(figures.undated)}" if figures.undated else ""
    return f"the youngest release, of {axis}, came on {day} ({figures.age} days before){rest}"


#: The questions, in the order in which they are answered. docs/recommend.md lists them.
RULES = (
    Rule(
        "evidence",
        (
            _Step(lambda it: it.certified is not None, HIGH, _certified),
            _Step(
                lambda it: it.evidence == JOINT,
                MEDIUM,
                lambda _: "measured once, everything in one environment; not certified",
            ),
            _Step(_always, LOW, lambda _: "export and run were never in one environment; not certified"),
        ),
    ),
    Rule(
        "margin",
        (
            _Step(lambda it: it.margin is None, MEDIUM, lambda _: "margins were not kept"),
            _Step(lambda it: it.margin == math.inf, HIGH, lambda _: "no floating value differs from eager's"),
            _Step(
                lambda it: (it.margin or 0) >= WIDE_MARGIN, HIGH, lambda it: f"smallest margin {it.margin:.3g}, wide"
            ),
            _Step(lambda it: (it.margin or 0) >= NARROW_MARGIN, MEDIUM, lambda it: f"smallest margin {it.margin:.3g}"),
            _Step(_always, LOW, lambda it: f"smallest margin {it.margin:.3g}, narrow"),
        ),
    ),
    Rule(
        "neighbours",
        (
            _Step(lambda it: not it.neighbours.tested, MEDIUM, _neighbours),
            _Step(lambda it: not it.neighbours.bad, HIGH, _neighbours),
            _Step(lambda it: it.neighbours.good >= it.neighbours.bad, MEDIUM, _neighbours),
            _Step(_always, LOW, _neighbours),
        ),
    ),
    Rule(
        "controls",
        (
            _Step(lambda it: it.controlled, HIGH, lambda _: "its controls came out as they had to"),
            _Step(_always, MEDIUM, lambda _: "no control showed that what is wrong would be found there"),
        ),
    ),
    Rule(
        "releases",
        (
            _Step(lambda it: bool(it.released), HIGH, _releases),
            _Step(_always, HIGH, lambda _: "the days of its releases are not known (nox -s lock asks the index)"),
        ),
    ),
    Rule(
        "age",
        (
            _Step(
                lambda it: it.stale, LOW, lambda it: f"stale since {it.expires}: what was measured may be out of date"
            ),
            _Step(_always, HIGH, lambda it: f"measured on {it.measured or 'an unknown day'}"),
        ),
    ),
)


def reasons(figures: Figures) -> tuple[Reason, ...]:
    """Return the answer to every rule."""
    found = []
    for rule in RULES:
        step = next(step for step in rule.steps if step.holds(figures))
        found.append(Reason(rule.name, step.level, step.words(figures)))
    return tuple(found)


def confidence(found: tuple[Reason, ...]) -> str:
    """Return the least that any of the reasons leaves."""
    return min((reason.level for reason in found), key=_LEVELS.index)


def rank_of(level: str) -> int:
    """Return a number that is larger for more confidence."""
    return _LEVELS.index(level)
