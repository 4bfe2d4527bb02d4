"""Every box worth a look: conjunctions of conditions on up to three axes, counted all at once by summed-area tables.

A box is worth a look if every step that widens it adds a counter-example: one that can be widened for nothing covers no
more and needs no fewer bounds than what it is widened to. Likewise one that can be tightened to lose counter-examples
and nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.rules_cost import BOUND_COST, EXCEPTION_COST, RULE_COST, cost_of
from matrixscan.analysis.rules_space import Axis, Ints, Mask, Options, options_of

_Counts = NDArray[np.int32]

#: More boxes with different rows than this are not searched; the least promising ones are left out.
MOST = 20_000
_AT_ONCE = 4096


class Box(msgspec.Struct, frozen=True):
    """A conjunction: axis (by place in the space) -> first and last rank."""

    sides: tuple[tuple[int, int, int], ...]


class Boxes(msgspec.Struct, frozen=True, eq=False):
    """Boxes by the labelled rows they cover: one entry for all that cover the same, with as few bounds as possible."""

    rows: Mask  # [box, row]
    bounds: Ints  # of each
    shapes: tuple[tuple[Box, ...], ...]  # of each: all with as few bounds
    complete: bool  # nothing was left out


class Asked(msgspec.Struct, frozen=True):
    """What boxes are looked for."""

    wrong: int  # most counter-examples that a box may cover
    bounds: int  # most bounds
    axes: int  # most axes
    cost: int | None = None  # most that a set may cost which the box is part of


class Table:
    """Labelled rows, and how many positive and negative ones every box covers."""

    def __init__(self, space: tuple[Axis, ...], positive: Mask) -> None:
        self.space = space
        self.positive = positive
        self.options = {index: options_of(space[index]) for index in _distinct(space)}
        self._counts: dict[tuple[int, ...], tuple[_Counts, _Counts]] = {}

    def counts(self, chosen: tuple[int, ...]) -> tuple[_Counts, _Counts]:
        """Return positive and negative rows [option, ...] of every box on these axes."""
        if chosen not in self._counts:
            self._counts[chosen] = self._count(chosen, self.positive), self._count(chosen, ~self.positive)
        return self._counts[chosen]

    def _count(self, chosen: Sequence[int], rows: Mask) -> _Counts:
        sizes = [self.space[index].newest + 1 for index in chosen]
        # Room for the sum of nothing before the first rank.
        table = np.zeros([size + 1 for size in sizes], np.int32)
        np.add.at(table, tuple(self.space[index].ranks[rows] + 1 for index in chosen), 1)
        for side, index in enumerate(chosen):
            own = self.options[index]
            summed = np.cumsum(table, axis=side, dtype=np.int32)
            table = np.take(summed, own.last + 1, axis=side) - np.take(summed, own.first, axis=side)
        return table


def _distinct(space: Sequence[Axis]) -> list[int]:
    """Return the axes in which rows differ, those that order them alike once: they can say nothing else."""
    first: dict[bytes, int] = {}
    for index, axis in enumerate(space):
        if axis.varies:
            first.setdefault(axis.ranks.tobytes(), index)
    return list(first.values())


def boxes(table: Table, asked: Asked) -> Boxes:
    """Return the boxes worth a look that cover a positive row."""
    found: dict[bytes, tuple[int, list[Box]]] = {}
    for count in range(1, asked.axes + 1):
        for chosen in itertools.combinations(table.options, count):
            _collect(table, asked, chosen, found)
    return _packed(table.positive, found)


def _collect(table: Table, asked: Asked, chosen: tuple[int, ...], found: dict[bytes, tuple[int, list[Box]]]) -> None:
    options = [table.options[index] for index in chosen]
    places, bounds = _worth(table, asked, chosen)
    for start in range(0, len(places), _AT_ONCE):
        part = places[start : start + _AT_ONCE]
        covered = np.ones((len(part), len(table.positive)), np.bool_)
        for column, (index, own) in enumerate(zip(chosen, options, strict=True)):
            ranks, number = table.space[index].ranks, part[:, column]
            covered &= (ranks >= own.first[number, None]) & (ranks <= own.last[number, None])
        keys = np.packbits(covered, axis=1)
        for key, cost, numbers in zip(keys, bounds[start : start + _AT_ONCE].tolist(), part, strict=True):
            sides = zip(chosen, options, numbers, strict=True)
            box = Box(tuple((index, int(own.first[at]), int(own.last[at])) for index, own, at in sides))
            least, shapes = found.get(key.tobytes(), (cost + 1, []))
            if cost < least:
                found[key.tobytes()] = (cost, [box])
            elif cost == least:
                shapes.append(box)


def _worth(table: Table, asked: Asked, chosen: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Return the boxes with a condition on each of the chosen axes that are worth a look: options [box, axis], bounds.

    Counting all of them is cheap; whatever can be is then asked of few.
    """
    positive, negative = table.counts(chosen)
    options = [table.options[index] for index in chosen]
    conditions = tuple(slice(1, None) for _ in chosen)
    places = np.argwhere((positive[conditions] > 0) & (negative[conditions] <= asked.wrong)) + 1
    bounds = np.zeros(len(places), np.intp)
    for column, own in enumerate(options):
        bounds += own.bounds[places[:, column]]
    keep = bounds <= asked.bounds
    if asked.cost is not None:
        at = tuple(places.T)
        alone = RULE_COST + BOUND_COST * bounds + EXCEPTION_COST * negative[at]
        # What it leaves is either given up or takes another rule.
        rest = EXCEPTION_COST * (int(table.positive.sum()) - positive[at])
        keep &= alone + np.minimum(rest, cost_of(1, 1, 0)) <= asked.cost
    places, bounds = places[keep], bounds[keep]
    left = _settled(places, options, positive, negative)
    return places[left], bounds[left]


def _settled(places: Ints, options: Sequence[Options], positive: _Counts, negative: _Counts) -> Ints:
    """Return which boxes can neither be widened nor be tightened for nothing; each step is asked of those left only."""
    left = np.arange(len(places))
    for narrows in (False, True):
        for column, own in enumerate(options):
            for steps in own.tighter if narrows else own.wider:
                here = places[left]
                numbers = steps[here[:, column]]
                there = here.copy()
                there[:, column] = numbers
                at, to = tuple(here.T), tuple(there.T)
                if narrows:
                    worse = (positive[to] == positive[at]) & (negative[to] < negative[at])
                else:
                    worse = negative[to] == negative[at]
                left = left[(numbers < 0) | ~worse]
    return left


def _packed(positive: Mask, found: dict[bytes, tuple[int, list[Box]]]) -> Boxes:
    number = len(positive)
    width = (number + 7) // 8
    flat = np.frombuffer(b"".join(found), np.uint8).reshape(len(found), width)
    rows = np.unpackbits(flat, axis=1, count=number).astype(np.bool_)
    bounds = np.array([cost for cost, _ in found.values()], np.intp)
    shapes = [tuple(same) for _, same in found.values()]
    # The most promising first: what is found early cuts the rest of the search short.
    worth = 2 * (rows & positive).sum(axis=1) - 2 * (rows & ~positive).sum(axis=1) - bounds
    order = np.lexsort((np.arange(len(bounds)), -worth))[:MOST]
    return Boxes(rows[order], bounds[order], tuple(shapes[index] for index in order), len(order) == len(bounds))
