"""Rules over versions that tell the combinations which show a finding from those that are good.

A rule is a conjunction of bounds on at most three axes, a rule set a union of rules. `docs/explain.md` says how one is
chosen. Rows that are neither positive nor negative say nothing, and nothing is claimed about them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from matrixscan.analysis.grid import version_order

_order = functools.cache(version_order)

Row = Mapping[str, str]
Labels = NDArray[np.int8]  # of each row: 1 shows the finding, -1 is good, 0 says nothing

#: A rule set's state: told by rules; every labelled row shows it; none does; rows are there to tell apart, and no rule
#: set within the limits does.
RULES, ALWAYS, NEVER, UNEXPLAINED = "rules", "always", "never", "unexplained"

SINCE, BEFORE, ABSENT, PRESENT = ">=", "<", "absent", "present"

#: Fewer labelled rows than this are few, whatever the rule.
FEW = 10


class Half(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """A bound: `torch >= 2.4.0`, `onnx < 1.20.0`, `onnxscript absent`. A row without the axis is below nothing."""

    axis: str
    sign: str
    version: str = ""

    def holds(self, row: Row) -> bool:
        """Return whether a row is on this side."""
        if self.axis not in row:
            return self.sign == ABSENT
        if self.sign in {ABSENT, PRESENT}:
            return self.sign == PRESENT
        own, limit = _order(row[self.axis]), _order(self.version)
        return own >= limit if self.sign == SINCE else own < limit

    def __str__(self) -> str:
        words = {ABSENT: f"no {self.axis}", PRESENT: f"any {self.axis}"}
        return words.get(self.sign, f"{self.axis} {self.sign} {self.version}")


class Bound(msgspec.Struct, frozen=True, omit_defaults=True):
    """A bound of a rule, and what was tested on both of its sides where the rule's other bounds hold."""

    half: Half
    inside: str  # the release nearest to the bound that says something; "" for absent and present
    outside: str
    silent: tuple[str, ...] = ()  # releases between the two, tested only where they say nothing about this bound
    instead: tuple[Half, ...] = ()  # bounds that would select the same rows in its place: the axes moved together


class Rule(msgspec.Struct, frozen=True):
    """A conjunction, and how many labelled rows it is right and wrong about."""

    bounds: tuple[Bound, ...]
    right: int
    wrong: int

    @property
    def halves(self) -> tuple[Half, ...]:
        """The bounds alone."""
        return tuple(bound.half for bound in self.bounds)

    def covers(self, row: Row) -> bool:
        """Return whether every bound holds."""
        return all(half.holds(row) for half in self.halves)


class RuleSet(msgspec.Struct, frozen=True, omit_defaults=True):
    """What tells positive from negative rows. `inverse`: the rules say where the finding is not."""

    state: str
    positives: int
    negatives: int
    silent: int = 0  # rows that are neither
    inverse: bool = False
    rules: tuple[Rule, ...] = ()
    missed: tuple[str, ...] = ()  # counter-examples: no rule covers them, and one should
    wrong: tuple[str, ...] = ()  # counter-examples: a rule covers them, and should not
    listed: tuple[str, ...] = ()  # where no rules were found: the rarer ones, if they are few
    alternatives: tuple[tuple[tuple[Half, ...], ...], ...] = ()  # other sets that are as good
    more: int = 0  # alternatives beyond those
    complete: bool = True  # it is proven that there is nothing better
    united: bool = False  # of a verdict: no few rules fit, and these are those of its findings together

    @property
    def exceptions(self) -> int:
        """How many counter-examples there are."""
        return len(self.missed) + len(self.wrong)

    @property
    def right(self) -> int:
        """How many of the rows that the rules are about they cover."""
        return (self.negatives if self.inverse else self.positives) - len(self.missed)

    @property
    def few(self) -> bool:
        """Whether there are so few rows that any rule is weak."""
        return self.positives + self.negatives < FEW

    def predicts(self, row: Row) -> bool:
        """Return whether a row should show the finding. Only of a set whose state is "rules"."""
        return any(rule.covers(row) for rule in self.rules) != self.inverse


def conjunction(halves: Iterable[Half]) -> str:
    """Return `torch >= 2.4.0 and < 2.6.0 and onnxruntime < 1.20.0`."""
    parts: list[str] = []
    axis = ""
    for half in halves:
        text = str(half)
        parts.append(text.removeprefix(f"{axis} ") if half.axis == axis and half.sign in {SINCE, BEFORE} else text)
        axis = half.axis
    return " and ".join(parts)


def labels_of(positive: ArrayLike, negative: ArrayLike) -> Labels:
    """Return labels; what is both is neither."""
    return np.asarray(positive, np.int8) - np.asarray(negative, np.int8)
