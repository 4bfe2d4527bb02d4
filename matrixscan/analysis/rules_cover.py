"""The cheapest union of boxes, by branch and bound: exact, and says so when it had to stop before it was sure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.rules_cost import BOUND_COST, EXCEPTION_COST, RULE_COST, Key, Limits, cost_of
from matrixscan.analysis.rules_space import Mask

#: Boxes weighed in one search before it gives up being sure.
EFFORT = 20_000_000
#: Equally good sets that are kept.
TIES = 50

_Weights = NDArray[np.float32]


class Covers(msgspec.Struct, frozen=True):
    """The cheapest sets of boxes, all with the same key; none where the limits allow none."""

    key: Key | None
    sets: tuple[tuple[int, ...], ...]  # of boxes
    complete: bool  # it is proven that there is nothing cheaper


class _State(msgspec.Struct, frozen=True, eq=False):
    """A part of a set: what is chosen, which boxes may follow, and what is open."""

    chosen: tuple[int, ...]
    allowed: Mask
    positive: _Weights  # how many positive rows of each kind are not covered yet
    negative: _Weights  # likewise
    bounds: int = 0
    wrong: int = 0  # negative rows that are covered
    missed: int = 0  # positive rows that were given up

    @property
    def exceptions(self) -> int:
        """Counter-examples so far, whatever follows."""
        return self.wrong + self.missed


class Search:
    """One search over boxes given as masks."""

    def __init__(
        self, positive: Mask, negative: Mask, bounds: Sequence[int], limits: Limits, best: Key | None = None
    ) -> None:
        """Take the positive and the negative rows [box, row] that every box covers, its bounds, and what is known."""
        self._positive, self._rows = _kinds(positive)
        self._negative, self._others = _kinds(negative)
        self._bounds = np.asarray(bounds, np.float32)
        self._often = (self._positive > 0).sum(axis=0)
        self._alone = RULE_COST + BOUND_COST * self._bounds + EXCEPTION_COST * (self._negative @ self._others)
        self._limits = limits
        self._best = best
        self._sets: dict[tuple[int, ...], None] = {}
        self._effort = 0
        self._rules = 0

    def run(self) -> Covers:
        """Look for sets of one box, then of more for as long as they can be cheaper."""
        for rules in range(1, self._limits.rules + 1):
            least = cost_of(rules - 1, rules - 1, 0)  # of the other rules
            if self._best is not None and self._best.cost <= least + RULE_COST + BOUND_COST and self._sets:
                break
            allowed = np.ones(len(self._bounds), np.bool_)
            if self._best is not None:
                allowed = self._alone + least <= self._best.cost
            self._rules = rules
            self._dive(_State((), allowed, self._rows, self._others))
        return Covers(self._best if self._sets else None, tuple(self._sets), self._effort <= EFFORT)

    def _dive(self, state: _State) -> None:
        if self._effort > EFFORT or not state.positive.any():
            return
        self._effort += len(self._bounds)
        gain = self._positive @ state.positive
        loss = self._negative @ state.negative
        left = self._rules - len(state.chosen)
        if left == 1:
            self._finish(state, gain, loss)
        elif not self._hopeless(state, left, gain, loss):
            self._branch(state, gain, loss)

    def _branch(self, state: _State, gain: _Weights, loss: _Weights) -> None:
        """Take every box that covers the positive rows that fewest of them cover; then none of these."""
        open_rows = np.flatnonzero(state.positive)
        row = open_rows[self._often[open_rows].argmin()]
        candidates = np.flatnonzero(state.allowed & (self._positive[:, row] > 0))
        allowed = state.allowed.copy()
        for box in candidates[np.argsort((2 * loss - 2 * gain + self._bounds)[candidates], kind="stable")]:
            allowed[box] = False
            self._dive(
                _State(
                    (*state.chosen, int(box)),
                    allowed.copy(),
                    state.positive * (1 - self._positive[box]),
                    state.negative * (1 - self._negative[box]),
                    state.bounds + int(self._bounds[box]),
                    state.wrong + int(loss[box]),
                    state.missed,
                )
            )
        missed = state.missed + int(state.positive[row])
        if missed + state.wrong <= self._limits.exceptions:
            positive = state.positive.copy()
            positive[row] = 0
            self._dive(msgspec.structs.replace(state, allowed=allowed, positive=positive, missed=missed))

    def _finish(self, state: _State, gain: _Weights, loss: _Weights) -> None:
        """Weigh every box as the last one."""
        exceptions = state.exceptions + state.positive.sum() - gain + loss
        bounds = state.bounds + self._bounds
        cost = self._rules * RULE_COST + bounds * BOUND_COST + exceptions * EXCEPTION_COST
        keep = state.allowed & (exceptions <= self._limits.exceptions) & (bounds <= self._limits.bounds) & (gain > 0)
        if self._best is not None:
            keep &= cost <= self._best.cost
        for box in np.flatnonzero(keep):
            key = Key(int(cost[box]), int(exceptions[box]), self._rules, int(bounds[box]))
            self._offer(key, (*state.chosen, int(box)))

    def _offer(self, key: Key, chosen: tuple[int, ...]) -> None:
        if self._best is None or key < self._best:
            self._best, self._sets = key, {}
        if key == self._best and len(self._sets) < TIES:
            self._sets.setdefault(tuple(sorted(chosen)))

    def _hopeless(self, state: _State, left: int, gain: _Weights, loss: _Weights) -> bool:
        """Return whether nothing that starts so can be as cheap as what is known, or is allowed."""
        usable = state.allowed & (gain > 0) & (loss <= self._limits.exceptions - state.exceptions)
        if not usable.any():
            return True
        still = float(state.positive.sum())
        most = np.sort(gain[usable])[::-1][:left].sum()
        if state.exceptions + max(0.0, still - most) > self._limits.exceptions:
            return True
        if self._best is None:
            return False
        own = RULE_COST + BOUND_COST * self._bounds[usable]
        rest = EXCEPTION_COST * still
        # What two boxes cover is counted twice, which makes this a bound and not a cost.
        least = rest + (own + EXCEPTION_COST * (loss - gain)[usable]).min()
        more = np.cumsum(np.sort(own - EXCEPTION_COST * gain[usable])[:left])[1:]
        floors = (RULE_COST + BOUND_COST) * np.arange(2, 2 + len(more))
        least = min(least, *np.maximum(rest + more, floors)) if len(more) else least
        spent = cost_of(len(state.chosen), state.bounds, state.exceptions)
        return bool(spent + least > self._best.cost)


def _kinds(rows: Mask) -> tuple[_Weights, _Weights]:
    """Return the columns that differ, as weights, and how many rows each stands for: what no box tells apart is one."""
    if not rows.shape[1]:
        return rows.astype(np.float32), np.zeros(0, np.float32)
    packed = np.packbits(rows, axis=0).T
    _, first, count = np.unique(packed, axis=0, return_index=True, return_counts=True)
    order = np.argsort(first)
    return rows[:, first[order]].astype(np.float32), count[order].astype(np.float32)
