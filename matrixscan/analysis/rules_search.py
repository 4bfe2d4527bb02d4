"""From labelled rows to the cheapest rule sets, as boxes."""

from __future__ import annotations

import msgspec
import numpy as np

from matrixscan.analysis.rules_boxes import Asked, Box, Boxes, Table, boxes
from matrixscan.analysis.rules_cost import EXCEPTION_COST, MOST_AXES, Key, Limits, cost_of, limits_of
from matrixscan.analysis.rules_cover import Covers, Search
from matrixscan.analysis.rules_space import Axis, Ints, Mask

_SMALL = 2  # axes that are searched first; with more, a rule has as many bounds at least
_LEAST = cost_of(1, 1, 0)


class Found(msgspec.Struct, frozen=True):
    """The cheapest sets: for each of its rules every box that covers the same rows with as few bounds."""

    key: Key | None
    sets: tuple[tuple[tuple[Box, ...], ...], ...]
    complete: bool


def search(space: tuple[Axis, ...], positive: Mask) -> Found:
    """Return the cheapest rule sets for the positive rows; `space` is that of the labelled rows.

    The cheapest ones of all if they have no more counter-examples than are allowed; else the cheapest ones without any.
    A set that is cheapest only among those allowed holds a rule that is there to stay below a number.
    """
    table, limits = Table(space, positive), limits_of(int(positive.sum()), int((~positive).sum()))
    found = _search(table, limits, Found(None, (), complete=True))
    if found.key is None or not found.key.exceptions:
        return found
    more = (found.key.cost - 1 - _LEAST) // EXCEPTION_COST
    if more > limits.exceptions:
        beyond = _search(table, msgspec.structs.replace(limits, exceptions=more), found)
        if beyond.key != found.key:
            return _search(table, msgspec.structs.replace(limits, exceptions=0), Found(None, (), beyond.complete))
    return found


def _search(table: Table, limits: Limits, found: Found) -> Found:
    """Return the cheapest sets within limits; what is known already is `found`.

    Few axes come before many, and no counter-example before some: what is found with little bounds what can be found
    with more, and mostly nothing can.
    """
    for axes in (_SMALL, MOST_AXES):
        if axes > _SMALL and found.key is not None and found.key.cost < cost_of(1, axes, 0):
            break
        found = _pass(table, found, msgspec.structs.replace(limits, exceptions=0), axes)
        some = limits.exceptions
        if found.key is not None:  # an equally cheap set with counter-examples is worse
            some = min(some, (found.key.cost - 1 - _LEAST) // EXCEPTION_COST)
        if some > 0:
            found = _pass(table, found, msgspec.structs.replace(limits, exceptions=some), axes)
    return found


def _pass(table: Table, before: Found, limits: Limits, axes: int) -> Found:
    """Return what is found with so many axes and counter-examples, or before where that is better."""
    cost = None if before.key is None else before.key.cost
    known = boxes(table, Asked(limits.exceptions, min(limits.bounds, 2 * axes), axes, cost))
    covers = _cover(known, table.positive, limits, before.key)
    complete = before.complete and known.complete and covers.complete
    if covers.key is None or (before.key is not None and before.key < covers.key):
        return msgspec.structs.replace(before, complete=complete)
    shapes = tuple(tuple(known.shapes[box] for box in chosen) for chosen in covers.sets)
    return Found(covers.key, shapes, complete)


def _cover(known: Boxes, positive: Mask, limits: Limits, best: Key | None) -> Covers:
    if not len(known.bounds):
        return Covers(None, (), complete=True)
    keep = _undominated(known, positive)
    rows, bounds = known.rows[keep], known.bounds[keep]
    covers = Search(rows[:, positive], rows[:, ~positive], bounds.tolist(), limits, best).run()
    return Covers(covers.key, tuple(tuple(int(keep[box]) for box in chosen) for chosen in covers.sets), covers.complete)


#: Comparing every box with every other takes longer than it saves beyond this.
_FEW = 3000


def _undominated(known: Boxes, positive: Mask) -> Ints:
    """Return the boxes of which no other covers as much good, as little bad, with as few bounds."""
    number = len(known.bounds)
    if number > _FEW:
        return np.arange(number)
    right, wrong = (known.rows[:, rows].astype(np.float32) for rows in (positive, ~positive))
    keep = np.ones(number, np.bool_)
    for start in range(0, number, 500):
        part = slice(start, start + 500)
        within = right[part] @ right.T == right[part].sum(axis=1)[:, None]
        within &= wrong[part] @ wrong.T == wrong.sum(axis=1)[None, :]
        within &= known.bounds[None, :] <= known.bounds[part, None]
        # Boxes with equal rows are one entry, so that no two dominate each other.
        within[np.arange(within.shape[0]), np.arange(start, start + within.shape[0])] = False
        keep[part] = ~within.any(axis=1)
    return np.flatnonzero(keep)
