"""The rule set of labelled rows: searched for, put into words that can be checked, and its counter-examples named."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np

from matrixscan.analysis.rules import ALWAYS, NEVER, RULES, UNEXPLAINED, Half, Labels, Row, Rule, RuleSet
from matrixscan.analysis.rules_search import Found, search
from matrixscan.analysis.rules_space import Axis, Mask, space_of, subspace
from matrixscan.analysis.rules_state import Halves, halves_of, preference, state_rule
from matrixscan.matrix.ids import combination_id

_Sets = tuple[Halves, ...]

#: Alternatives that are named, and boxes that are put into words to find them.
_NAMED = 10
_LISTED = 10
_SHAPES = 200


def rules_of(rows: Sequence[Row], labels: Labels, space: tuple[Axis, ...] | None = None) -> RuleSet:
    """Return the cheapest rules that tell positive from negative rows.

    Args:
        rows: Axis -> version; an axis a combination does not have is absent.
        labels: Of each row: 1 shows the finding, -1 is good, 0 says nothing.
        space: Of the rows, if it is known.
    """
    space = space_of(rows) if space is None else space
    positives, negatives = int((labels > 0).sum()), int((labels < 0).sum())
    plain = RuleSet(UNEXPLAINED, positives, negatives, len(rows) - positives - negatives)
    if not positives or not negatives:
        return msgspec.structs.replace(plain, state=ALWAYS if positives else NEVER)
    said = labels != 0
    own = subspace(space, said)
    complete = True
    for inverse in (False, True):
        found = search(own, (labels[said] > 0) != inverse)
        complete &= found.complete
        told = None if found.key is None else _told(rows, labels, (space, own), found, inverse=inverse)
        if told is not None:
            return told
    rarer = labels > 0 if positives <= negatives else labels < 0
    listed = _names(rows, rarer) if rarer.sum() <= _LISTED else ()
    return msgspec.structs.replace(plain, complete=complete, listed=listed)


def _told(
    rows: Sequence[Row], labels: Labels, spaces: tuple[Sequence[Axis], Sequence[Axis]], found: Found, *, inverse: bool
) -> RuleSet | None:
    """Return the preferred one of equally good sets, with the others beside it; None where it rests on nothing."""
    words = {}
    for shapes in {shapes for chosen in found.sets for shapes in chosen}:
        named = {halves_of(spaces[1], box) for box in shapes[:_SHAPES]}
        words[shapes] = sorted(named, key=preference)
    sets = [_in_order(tuple(words[shapes][0] for shapes in chosen)) for chosen in found.sets]
    first = min(sets, key=_set_preference)
    made = state_rules(first, rows, labels, spaces[0], inverse=inverse)
    if made is None:
        return None
    chosen = found.sets[sets.index(first)]
    others = dict.fromkeys([*_rewordings([words[shapes] for shapes in chosen], made), *sets])
    alternatives = [other for other in others if other != first]
    return msgspec.structs.replace(
        made,
        alternatives=tuple(alternatives[:_NAMED]),
        more=max(0, len(alternatives) - _NAMED),
        complete=found.complete,
    )


def _in_order(halves: _Sets) -> _Sets:
    return tuple(sorted(halves, key=lambda each: (preference(each)[:2], [str(half) for half in each])))


def _set_preference(halves: _Sets) -> tuple[object, ...]:
    return (len({half.axis for each in halves for half in each}), tuple(map(preference, halves)))


def _rewordings(words: Sequence[Sequence[Halves]], made: RuleSet) -> list[_Sets]:
    """Return the set with one rule in other words, unless those only put one bound in the place of another."""
    first = tuple(each[0] for each in words)
    replaceable = {bound.half: {bound.half, *bound.instead} for rule in made.rules for bound in rule.bounds}
    found: list[_Sets] = []
    for place, each in enumerate(words):
        allowed = [replaceable.get(half, {half}) for half in first[place]]
        others = [other for other in each[1:] if not _replaces(other, allowed)]
        found += [_in_order((*first[:place], other, *first[place + 1 :])) for other in others]
    return found


def _replaces(halves: Halves, allowed: Sequence[set[Half]]) -> bool:
    return any(
        all(half in own for half, own in zip(order, allowed, strict=True)) for order in itertools.permutations(halves)
    )


def state_rules(
    sets: Sequence[Halves], rows: Sequence[Row], labels: Labels, space: Sequence[Axis], *, inverse: bool = False
) -> RuleSet | None:
    """Return rules with their counts on labelled rows; None where a bound of them is held by no row.

    Args:
        sets: The bounds of each rule.
        rows: All rows.
        labels: As in `rules_of`.
        space: Of the rows.
        inverse: The rules say where the finding is not.
    """
    said, wanted = labels != 0, (labels > 0) != inverse
    rules: list[Rule] = []
    covered = np.zeros(len(rows), np.bool_)
    for halves in sets:
        stated = state_rule(halves, space, said, wanted)
        if stated is None:
            return None
        rules.append(stated[0])
        covered |= stated[1]
    positives, negatives = int((labels > 0).sum()), int((labels < 0).sum())
    return RuleSet(
        state=RULES,
        positives=positives,
        negatives=negatives,
        silent=len(rows) - positives - negatives,
        inverse=inverse,
        rules=tuple(rules),
        missed=_names(rows, said & wanted & ~covered),
        wrong=_names(rows, said & ~wanted & covered),
    )


def _names(rows: Sequence[Row], which: Mask) -> tuple[str, ...]:
    return tuple(combination_id(rows[index]) for index in np.flatnonzero(which).tolist())
