"""What makes one rule set better than another, and what a rule set may have at all."""

from __future__ import annotations

import msgspec

#: What a rule set costs: each rule, each bound of a rule, each counter-example. The cheapest one is chosen.
#: One rule always beats two that do the same, and a further rule has to save three counter-examples or more.
RULE_COST = 4
BOUND_COST = 1
EXCEPTION_COST = 2

#: Most rules of a set, and most axes of a rule.
MOST_RULES = 3
MOST_AXES = 3
#: One counter-example is allowed for so many rows of the rarer label, and never more than a few.
ROWS_PER_EXCEPTION = 10
MOST_EXCEPTIONS = 8


class Key(msgspec.Struct, frozen=True, order=True):
    """What makes one set better than another, in this order."""

    cost: int
    exceptions: int
    rules: int
    bounds: int


class Limits(msgspec.Struct, frozen=True):
    """What a set may have."""

    rules: int
    bounds: int
    exceptions: int


def limits_of(positives: int, negatives: int) -> Limits:
    """Return what a rule set for so many labelled rows may have.

    A bound has to be held by a row of the rarer label, or any rows at all could be told apart; two are always allowed.
    """
    rarer = min(positives, negatives)
    return Limits(MOST_RULES, max(2, rarer), min(rarer // ROWS_PER_EXCEPTION, MOST_EXCEPTIONS))


def cost_of(rules: int, bounds: int, exceptions: int) -> int:
    """Return what a rule set costs."""
    return RULE_COST * rules + BOUND_COST * bounds + EXCEPTION_COST * exceptions
