"""Planted rule sets, and a search that shares nothing with the one under test: plain, slow and complete."""

import itertools
import random
from typing import NamedTuple

import numpy as np

AXES = ("torch", "onnxruntime", "onnx")
COSTS = {"rule": 4, "bound": 1, "exception": 2}
MOST_RULES = 3
#: Places that each planted rule covers alone.
FEW = 4
#: Versions of each axis, for one, two and three axes.
SIZES = {1: (12, 20), 2: (6, 9), 3: (4, 5)}


class Planted(NamedTuple):
    """Rows, what the planted rules say of them, and what is seen: the same but for the flipped ones."""

    rows: list
    truth: list
    seen: list
    rules: list  # each: axis -> (first, last) rank, or None for absent
    flipped: set

    @property
    def labels(self):
        return np.array([1 if seen else -1 for seen in self.seen], np.int8)

    @property
    def key(self):
        bounds = sum(bounds_of(side, *self.space[axis]) for rule in self.rules for axis, side in rule.items())
        return key(len(self.rules), bounds, len(self.flipped))

    @property
    def space(self):
        """Axis -> number of versions, and whether it can be absent, as far as the rows show them."""
        return {axis: (len({row[axis] for row in self.rows if axis in row}), any(axis not in row for row in self.rows))
                for axis in AXES if any(axis in row for row in self.rows)}  # fmt: skip


def key(rules, bounds, exceptions):
    cost = COSTS["rule"] * rules + COSTS["bound"] * bounds + COSTS["exception"] * exceptions
    return cost, exceptions, rules, bounds


def bounds_of(side, top, absent):
    if side is None:
        return 1
    first, last = side
    return (first > 0) + (last < top - 1) or int(absent)


def version(axis, rank):
    return f"{1 + AXES.index(axis)}.{rank}.0"


def plant(seed):
    """Return planted rules of one to three axes, one to three of them, with gaps and noise.

    Nothing in them is idle: every bound matters, and every rule is the only one to cover a few places. Whether that can
    still be seen through gaps and noise is not asked here.
    """
    dice = random.Random(seed)  # noqa: S311
    count, number = dice.choice((1, 2, 2, 3, 3)), dice.choice((1, 1, 2, 2, 3))
    while True:
        names = AXES[:count]
        sizes = {axis: dice.randint(*SIZES[count]) for axis in names}
        optional = names[-1] if count > 1 and dice.random() < 0.3 else None
        rules = [_rule(dice, names, sizes, optional) for _ in range(number)]
        ranks = [[*range(sizes[axis]), *([None] if axis == optional else [])] for axis in names]
        places = [dict(zip(names, place, strict=True)) for place in itertools.product(*ranks)]
        if not _idle(rules, places, sizes):
            planted = _seen(dice, places, rules)
            if 0 < sum(planted.seen) < len(planted.seen):
                return planted


def _seen(dice, places, rules):
    gaps = dice.choice((0, 0, 0.1, 0.2, 0.3))
    places = [place for place in places if dice.random() >= gaps]
    truth = [any(_holds(rule, place) for rule in rules) for place in places]
    noise = min(dice.choice((0, 0, 1, 2, 3)), min(sum(truth), len(truth) - sum(truth)) // 12)
    flipped = set(dice.sample(range(len(places)), noise))
    rows = [{axis: version(axis, rank) for axis, rank in place.items() if rank is not None} for place in places]
    return Planted(rows, truth, [said != (index in flipped) for index, said in enumerate(truth)], rules, flipped)


def _idle(rules, places, sizes):
    said = [[_holds(rule, place) for place in places] for rule in rules]
    alone = [sum(own[at] and sum(each[at] for each in said) == 1 for at in range(len(places))) for own in said]
    return min(alone) < FEW or any(
        [any(_holds(other, place) for other in (*rules[:index], wider, *rules[index + 1 :])) for place in places]
        == [any(column) for column in zip(*said, strict=True)]
        for index, rule in enumerate(rules)
        for wider in _wider(rule, sizes)
    )


def _wider(rule, sizes):
    """Yield a rule without each of its bounds."""
    for axis, side in rule.items():
        rest = {other: own for other, own in rule.items() if other != axis}
        yield rest
        if side is not None and side[0] > 0 and side[1] < sizes[axis] - 1:
            yield rest | {axis: (0, side[1])}
            yield rest | {axis: (side[0], sizes[axis] - 1)}


def _rule(dice, names, sizes, optional):
    chosen = dice.sample(names, dice.randint(1, len(names)))
    rule = {}
    for axis in chosen:
        top = sizes[axis]
        if axis == optional and dice.random() < 0.4:
            rule[axis] = None
            continue
        first = dice.randint(1, top - 1)
        kind = dice.choice(("since", "before", "both"))
        last = dice.randint(first, top - 1)
        rule[axis] = {"since": (first, top - 1), "before": (0, first - 1), "both": (first, last)}[kind]
    return rule


def _holds(rule, place):
    return all(
        place[axis] is None if side is None else place[axis] is not None and side[0] <= place[axis] <= side[1]
        for axis, side in rule.items()
    )


def limits(seen):
    rarer = min(sum(seen), len(seen) - sum(seen))
    return max(2, rarer), min(rarer // 10, 8)


def exhaustive(rows, seen, allowed=None):
    """Return the least key of all rule sets, and what each set with that key covers, as bit masks of rows.

    The cheapest of all if it has no more exceptions than allowed, else the cheapest without any.
    """
    most_bounds, most_exceptions = limits(seen)
    most_exceptions = most_exceptions if allowed is None else allowed
    positive = sum(1 << index for index, said in enumerate(seen) if said)
    boxes = _boxes(rows)
    found = _least(boxes, positive, most_bounds, most_exceptions, None)
    if found[0] is None or not found[0][1]:
        return found
    cheaper = _least(boxes, positive, most_bounds, len(rows), found[0][0] - 1)
    return found if cheaper[0] is None else _least(boxes, positive, most_bounds, 0, None)


def _least(boxes, positive, most_bounds, most_exceptions, most_cost):
    """Return the least key and the covers that have it.

    Every rule set either covers the first row that should be covered and is not yet, or gives it up: both are tried,
    with every box there is.
    """
    boxes = [(cover, bounds) for cover, bounds in boxes.items()
             if cover & positive and (cover & ~positive).bit_count() <= most_exceptions]  # fmt: skip
    best = [None, set()]

    def go(covered, given_up, rules, bounds):
        missing = positive & ~covered
        wrong = (covered & ~positive).bit_count()
        if wrong + given_up.bit_count() > most_exceptions or bounds > most_bounds:
            return
        total = wrong + missing.bit_count()
        found = key(rules, bounds, total)
        if rules and total <= most_exceptions and (most_cost is None or found[0] <= most_cost):
            if best[0] is None or found < best[0]:
                best[:] = found, {covered}
            elif found == best[0]:
                best[1].add(covered)
        open_rows = missing & ~given_up
        if not open_rows or rules == MOST_RULES:
            return
        ceiling = most_cost if best[0] is None else best[0][0]
        if ceiling is not None and key(rules + 1, bounds + 1, wrong + given_up.bit_count())[0] > ceiling:
            return
        row = open_rows & -open_rows
        for cover, cost in boxes:
            if cover & row and not cover & given_up:
                go(covered | cover, given_up, rules + 1, bounds + cost)
        go(covered, given_up | row, rules, bounds)

    go(0, 0, 0, 0)
    return best


def _boxes(rows):
    """Return what every conjunction on up to three axes covers -> the fewest bounds that it takes."""
    names = sorted({axis for row in rows for axis in row})
    sides = {axis: _sides(rows, axis) for axis in names}
    found = {}
    for count in range(1, min(3, len(names)) + 1):
        for chosen in itertools.combinations(names, count):
            for picks in itertools.product(*(sides[axis] for axis in chosen)):
                cover, cost = picks[0]
                for mask, bounds in picks[1:]:
                    cover, cost = cover & mask, cost + bounds
                if cover and cost < found.get(cover, 99):
                    found[cover] = cost
    return found


def _sides(rows, axis):
    versions = sorted({row[axis] for row in rows if axis in row}, key=lambda text: [int(x) for x in text.split(".")])
    absent = sum(1 << index for index, row in enumerate(rows) if axis not in row)
    each = [sum(1 << index for index, row in enumerate(rows) if row.get(axis) == version) for version in versions]
    found = [(absent, 1)] if absent else []
    for first in range(len(versions)):
        for last in range(first, len(versions)):
            whole = (first, last) == (0, len(versions) - 1)
            if not whole or absent:
                bounds = (first > 0) + (last < len(versions) - 1) or 1
                found.append((sum(each[first : last + 1]), bounds))
    return found
