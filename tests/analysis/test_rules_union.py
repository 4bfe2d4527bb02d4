import numpy as np
import pytest

from matrixscan.analysis.rules import RULES, UNEXPLAINED, conjunction, labels_of
from matrixscan.analysis.rules_find import rules_of
from matrixscan.analysis.rules_space import space_of
from matrixscan.analysis.rules_union import united

MINORS = range(20)
ROWS = [{"torch": f"2.{torch}.0", "onnxruntime": f"1.{ort}.0"} for torch in MINORS for ort in MINORS]
#: Five regions that no three boxes make up: (torch since, torch before, onnxruntime since, onnxruntime before).
EXPORT = [(2, 4, 0, 20), (7, 9, 0, 20)]
COMPARE = [(11, 13, 3, 8), (14, 16, 9, 13), (17, 19, 14, 18)]


def within(row, boxes):
    torch, ort = (int(row[axis].split(".")[1]) for axis in ("torch", "onnxruntime"))
    return any(since <= torch < before and first <= ort < last for since, before, first, last in boxes)


def table(*findings, rows=ROWS):
    """Return the rules of each finding against what is good, the labels of the verdict and the space."""
    bad = np.array([any(within(row, boxes) for boxes in findings) for row in rows])
    parts = [rules_of(rows, labels_of([within(row, boxes) for row in rows], ~bad)) for boxes in findings]
    return parts, labels_of(bad, ~bad), space_of(rows)


def words(found):
    return sorted(conjunction(rule.halves) for rule in found.rules)


def test_the_rules_of_the_findings_are_those_of_the_verdict():
    parts, labels, space = table(EXPORT, COMPARE)
    assert rules_of(ROWS, labels, space).state == UNEXPLAINED
    found = united(parts, ROWS, labels, space)
    assert (found.state, found.united, found.exceptions, found.inverse) == (RULES, True, 0, False)
    assert len(found.rules) == 5
    assert [found.predicts(row) for row in ROWS] == [label > 0 for label in labels]
    assert words(found) == sorted(words(parts[0]) + words(parts[1]))


def test_a_rule_that_covers_nothing_more_is_left_out():
    parts, labels, space = table(EXPORT, COMPARE, [(7, 9, 5, 9)])
    assert len(parts[2].rules) == 1
    assert words(united(parts, ROWS, labels, space)) == sorted(words(parts[0]) + words(parts[1]))


def test_counter_examples_stay_few_enough_to_be_named():
    parts, labels, space = table(EXPORT, COMPARE)
    some, many = labels.copy(), labels.copy()
    lost = np.flatnonzero(labels < 0)
    some[lost[:8]], many[lost[:9]] = 1, 1
    assert len(united(parts, ROWS, some, space).missed) == 8
    assert united(parts, ROWS, many, space) is None


@pytest.mark.parametrize("which", ["none", "unexplained", "inverse"])
def test_a_finding_without_rules_of_where_it_is_leaves_the_verdict_unexplained(which):
    parts, labels, space = table(EXPORT, COMPARE)
    chequered = np.array([1 if (int(row["torch"][2:-2]) + at) % 2 else -1 for at, row in enumerate(ROWS)], np.int8)
    inside = np.array([within(row, [(5, 9, 5, 9)]) for row in ROWS])
    inverse = rules_of(ROWS, labels_of(~inside, inside))
    assert inverse.inverse
    told = {"none": [], "unexplained": [*parts, rules_of(ROWS, chequered)], "inverse": [*parts, inverse]}[which]
    assert united(told, ROWS, labels, space) is None
