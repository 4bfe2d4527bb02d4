"""What is known of the combinations of a plan: from published records, and from the history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from matrixscan.analysis.changes import Place
from matrixscan.analysis.grid import grid_of_records
from matrixscan.analysis.grid_controls import trusted_grid
from matrixscan.analysis.grid_files import read_published
from matrixscan.analysis.judge import deciding_variants
from matrixscan.analysis.states import LaneKey, State, state_of_grid
from matrixscan.commands.factored import is_factored, sides_of
from matrixscan.commands.outstanding import Work
from matrixscan.commands.request import Plans, places
from matrixscan.commands.views import current
from matrixscan.commands.wide import is_wide, joined
from matrixscan.errors import NothingSelectedError
from matrixscan.plan.types import Plan
from matrixscan.records.types import Record
from matrixscan.store.history import History
from matrixscan.store.history_rows import setup_of
from matrixscan.store.published import published_records


def known_state(plan: Plan) -> State:
    """Return what the published folder of a plan says of its combinations."""
    folder = places().reports / plan.matrix.name
    planned = {cell.id for cell in plan.cells}
    if is_wide(plan):
        try:
            state = state_of_grid(read_published(folder).grid, digests(plan), {})
        except NothingSelectedError:
            return State({}, digests(plan))
        return State({name: row for name, row in state.rows.items() if name in planned}, state.probes)
    found = {record.id: current(record, plan) for record in published_records(folder) if record.id in planned}
    return state_of_records(found.values(), digests(plan))


def state_of_records(records: Iterable[Record], probes: Mapping[str, str]) -> State:
    """Return the state of combinations as their records tell it, as far as they can be trusted."""
    found = list(records)
    if not found:
        return State({}, dict(probes))
    today = dt.date.fromisoformat(max(record.finished for record in found)[:10])
    grid = trusted_grid(grid_of_records(found), today).grid
    return state_of_grid(grid, probes, {record.id: setup_of(record) for record in found})


def digests(plan: Plan) -> dict[str, str]:
    """Return the digests of a plan's probes."""
    return {probe.name: probe.digest for probe in plan.probes}


def deciding(plan: Plan) -> set[tuple[str, str]]:
    """Return the (probe, variant) that decide verdicts."""
    cases: tuple[Any, ...] = plan.cases
    variants = deciding_variants(cases, {probe.name for probe in plan.probes if probe.family})
    return {(probe, variant) for probe in plan.judged for variant in variants.get(probe, ())}


def flaky_places(history: History, setups: Mapping[str, str]) -> set[Place]:
    """Return what came out both ways with nothing changed.

    Args:
        history: Where to look.
        setups: Setup -> id of the combination.
    """
    return {(setups[seen.setup], LaneKey(*seen.lane)) for seen in history.conflicts(setups) if seen.flaky}


def setups_of(state: State) -> dict[str, str]:
    """Return setup -> id of the combinations of a state."""
    return {row.setup: name for name, row in state.rows.items() if row.setup}


def measured_records(plans: Plans, work: Work) -> Iterator[Record]:
    """Yield the records of the combinations that were measured just now."""
    if not work.touched:
        return iter(())
    if is_factored(plans):
        return joined(plans.full, sides_of(plans.full, plans.selected), work.touched)
    return (record for name, record in work.records.items() if name in work.touched)
