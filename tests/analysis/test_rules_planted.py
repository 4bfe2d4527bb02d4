"""Planted rules are found again. `-s` prints the figures of docs/explain.md."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from rule_planting import exhaustive, key, plant

from matrixscan.analysis.rules import RULES
from matrixscan.analysis.rules_find import rules_of

SETS = 200
PAGE = Path(__file__).parents[2] / "docs/explain.md"


class Told(NamedTuple):
    planted: object
    found: object
    least: tuple  # key of the cheapest sets there are, by the slow search
    covers: set  # what each of them covers

    @property
    def identifiable(self):
        """The planted set is the cheapest one, and every set as cheap says the same of every tested row."""
        truth = sum(1 << index for index, said in enumerate(self.planted.truth) if said)
        return self.least == self.planted.key and self.covers == {truth}


@pytest.fixture(scope="module")
def told():
    every = []
    for seed in range(SETS):
        planted = plant(seed)
        every.append(Told(planted, rules_of(planted.rows, planted.labels), *exhaustive(planted.rows, planted.seen)))
    return every


def key_of(found):
    bounds = sum(len(rule.bounds) for rule in found.rules)
    return key(len(found.rules), bounds, found.exceptions)


def test_every_identifiable_set_is_recovered_exactly(told):
    for each in told:
        if each.identifiable:
            planted, found = each.planted, each.found
            assert (found.state, found.inverse, found.complete) == (RULES, False, True)
            assert [found.predicts(row) for row in planted.rows] == planted.truth
            assert found.exceptions == len(planted.flipped)
            assert key_of(found) == planted.key


def test_the_planted_rules_are_those_told_or_among_the_alternatives(told):
    """One by one, on the tested rows; a rule may be told wider, over rows that another one covers as well."""
    own = [each for each in told if each.identifiable]
    first = 0
    for each in own:
        rows, found = each.planted.rows, each.found
        planted = [{index for index, row in enumerate(rows) if _holds(rule, row)} for rule in each.planted.rules]
        sets = [tuple(rule.halves for rule in found.rules), *found.alternatives]
        same = [_are_within(planted, [_covered(rule, rows) for rule in rules]) for rules in sets]
        assert any(same)
        first += same[0]
    assert first > 0.95 * len(own)


def _are_within(planted, told):
    return all(any(own <= other for other in told) for own in planted)


def _covered(halves, rows):
    return {index for index, row in enumerate(rows) if all(half.holds(row) for half in halves)}


def _holds(rule, row):
    rank = {axis: int(text.split(".")[1]) for axis, text in row.items()}
    return all(
        axis not in rank if side is None else axis in rank and side[0] <= rank[axis] <= side[1]
        for axis, side in rule.items()
    )


def test_what_is_not_identifiable_gets_the_cheapest_set_there_is_and_no_other(told):
    for each in told:
        if each.least is None:
            assert each.found.state != RULES or each.found.inverse
        else:
            assert key_of(each.found) == each.least
            cover = sum(1 << index for index in range(len(each.planted.rows))
                        if each.found.predicts(each.planted.rows[index]))  # fmt: skip
            assert cover in each.covers


def test_most_sets_are_identifiable_and_the_page_says_how_many(told):
    own = [each for each in told if each.identifiable]
    noisy = sum(bool(each.planted.flipped) for each in own)
    three = sum(any(len(rule) == 3 for rule in each.planted.rules) for each in own)
    several = sum(len(each.planted.rules) > 1 for each in own)
    words = (
        f"{len(own)} of {SETS} are identifiable; {noisy} of these with noise, {three} with a rule of three axes, "
        f"{several} of several rules"
    )
    print(words)  # noqa: T201  the figure, for -s
    assert len(own) > 0.8 * SETS
    assert min(noisy, three, several) > 0.1 * SETS
    assert words in re.sub(r"\s+", " ", PAGE.read_text(encoding="utf-8"))
