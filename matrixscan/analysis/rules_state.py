"""From boxes to rules that can be read: where each bound lies, what was tested beside it, and what would do as well."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import numpy as np

from matrixscan.analysis.grid import version_order
from matrixscan.analysis.rules import ABSENT, BEFORE, PRESENT, SINCE, Bound, Half, Rule
from matrixscan.analysis.rules_boxes import Box
from matrixscan.analysis.rules_cost import MOST_AXES
from matrixscan.analysis.rules_space import Axis, Mask, axis_rank

Halves = tuple[Half, ...]

_ROUNDS = 5


def halves_of(space: Sequence[Axis], box: Box) -> Halves:
    """Return a box as bounds.

    Where releases say nothing, a bound may lie anywhere between two that do. It is put at the newer one: a flip is
    named by the release that has it.

    Args:
        space: Of the labelled rows.
        box: What to name.
    """
    sides = {index: (first, last) for index, first, last in box.sides}
    for _ in range(_ROUNDS):  # what one side loses may leave another one without a row to hold it
        before = dict(sides)
        for index in sorted(before):
            trimmed = _trimmed(space, sides, index)
            del sides[index]
            if trimmed is not None:
                sides[index] = trimmed
        if sides == before:
            break
    found: list[Half] = []
    for index, (first, last) in sorted(sides.items()):
        axis = space[index]
        if first == 0:
            found.append(Half(axis.name, ABSENT))
        elif (first, last) == (1, axis.newest):
            found.append(Half(axis.name, PRESENT))
        else:
            found += [Half(axis.name, SINCE, axis.versions[first - 1])] if first > 1 else []
            found += [Half(axis.name, BEFORE, axis.versions[last])] if last < axis.newest else []
    return tuple(found)


def _trimmed(space: Sequence[Axis], sides: dict[int, tuple[int, int]], index: int) -> tuple[int, int] | None:
    """Return first and last rank of one side, as far as rows within the others tell; None where they need no side."""
    first, last = sides[index]
    within = np.ones(len(space[index].ranks), np.bool_)
    for other, (low, high) in sides.items():
        if other != index:
            within &= (space[other].ranks >= low) & (space[other].ranks <= high)
    ranks = space[index].ranks[within]
    if first == 0:
        return (0, 0) if (ranks > 0).any() else None
    own = ranks[(ranks >= first) & (ranks <= last)]
    above = ranks[ranks > last]
    first = int(own.min()) if ((ranks > 0) & (ranks < first)).any() else 1
    last = int(above.min()) - 1 if len(above) else space[index].newest
    whole = (first, last) == (1, space[index].newest)
    return None if whole and not (ranks == 0).any() else (first, last)


def preference(halves: Halves) -> tuple[object, ...]:
    """Sort key of what selects the same rows with as many bounds: few axes first, then the usual suspects."""
    axes = sorted({half.axis for half in halves}, key=axis_rank)
    presence = sum(half.sign in {ABSENT, PRESENT} for half in halves)
    return (len(axes), tuple(map(axis_rank, axes)), presence, halves)


def state_rule(halves: Halves, space: Sequence[Axis], said: Mask, wanted: Mask) -> tuple[Rule, Mask] | None:
    """Return a rule with what was tested beside its bounds, and which rows it covers.

    None where some bound has no row to hold it.

    Args:
        halves: Its bounds.
        space: Of all rows.
        said: Which of them have a label.
        wanted: Which of them the rule should cover.
    """
    sides = [half_mask(half, space) for half in halves]
    bounds = []
    for place, half in enumerate(halves):
        within = np.logical_and.reduce([said, *(side for other, side in enumerate(sides) if other != place)])
        others = {other.axis for index, other in enumerate(halves) if index != place}
        bound = _bound(half, within, sides[place], space, others)
        if bound is None:
            return None
        bounds.append(bound)
    covered: Mask = np.logical_and.reduce([said, *sides])
    return Rule(tuple(bounds), int((covered & wanted).sum()), int((covered & ~wanted).sum())), covered


def half_mask(half: Half, space: Sequence[Axis]) -> Mask:
    """Return which rows are on a side; `Half.holds` for all of them at once."""
    axis = next(axis for axis in space if axis.name == half.axis)
    if half.sign in {ABSENT, PRESENT}:
        return axis.ranks == 0 if half.sign == ABSENT else axis.ranks > 0
    older = bisect.bisect_left(axis.versions, version_order(half.version), key=version_order)
    return axis.ranks > older if half.sign == SINCE else (axis.ranks > 0) & (axis.ranks <= older)


def _bound(half: Half, within: Mask, side: Mask, everything: Sequence[Axis], others: set[str]) -> Bound | None:
    inside, outside = within & side, within & ~side
    if not inside.any() or not outside.any():
        return None
    instead = tuple(
        found
        for axis in everything
        if axis.name != half.axis and len(others | {axis.name}) <= MOST_AXES
        for found in [_same(axis, inside, outside)]
        if found is not None
    )
    axis = next(axis for axis in everything if axis.name == half.axis)
    if half.sign in {ABSENT, PRESENT}:
        return Bound(half, "", "", (), instead)
    ranks, beyond = axis.ranks[inside], axis.ranks[outside & (axis.ranks > 0)]
    if not len(beyond):
        return None
    near, far = (ranks.min(), beyond.max()) if half.sign == SINCE else (ranks.max(), beyond.min())
    between = axis.versions[min(near, far) : max(near, far) - 1]
    return Bound(half, axis.versions[near - 1], axis.versions[far - 1], between, instead)


def _same(axis: Axis, inside: Mask, outside: Mask) -> Half | None:
    """Return the bound on an axis that has some rows on one side and others on the other one."""
    own, other = axis.ranks[inside], axis.ranks[outside]
    if (own == 0).all() and (other > 0).all():
        return Half(axis.name, ABSENT)
    if not (own > 0).all():
        return None
    if (other == 0).all():
        return Half(axis.name, PRESENT)
    present = other[other > 0]
    if present.max() < own.min():
        return Half(axis.name, SINCE, axis.versions[own.min() - 1])
    return Half(axis.name, BEFORE, axis.versions[present.min() - 1]) if present.min() > own.max() else None
