"""What is known of the combinations of a matrix and of their certifications, read from what is published."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.analysis.certification import Certification, Measured, certification, measured, measured_in_grid
from matrixscan.analysis.grid_files import Published, read_published
from matrixscan.analysis.judge import deciding_variants
from matrixscan.analysis.landscape import Landscape, Standing, landscape_of_grid, landscape_of_view, standing_of
from matrixscan.analysis.ranking import release_days
from matrixscan.analysis.recommended import Proof
from matrixscan.catalog.lock import lock_path, read_lock
from matrixscan.commands.request import places
from matrixscan.commands.views import current, plain_view
from matrixscan.commands.wide import is_wide
from matrixscan.errors import NothingSelectedError
from matrixscan.plan.ids import combination_id
from matrixscan.plan.types import Plan
from matrixscan.records.types import Record
from matrixscan.store.certified import Certified


class Scanned(msgspec.Struct, frozen=True):
    """What a scan says. `measured`: the measurement of a combination, to compare others with."""

    landscape: Landscape
    measured: Callable[[str], Measured]
    records: dict[str, Record]  # those that there are
    warnings: tuple[str, ...] = ()


def scanned(plan: Plan, records: Sequence[Record]) -> Scanned:
    """Return what the scan of a plan says.

    Args:
        plan: whole.
        records: of its combinations; where it is too wide for records, its tables are read.

    Raises:
        NothingSelectedError: nothing was scanned.
    """
    if is_wide(plan):
        return _in_tables(plan, read_published(places().reports / plan.matrix.name))
    if not records:
        raise NothingSelectedError(f"{plan.matrix.name} has no results", "scan the matrix first")
    kept = [current(record, plan) for record in records]
    view = plain_view(plan, kept)
    cells = {cell.id: cell for cell in view.cells}
    by_id = {record.id: record for record in kept if record.id in cells}
    landscape = landscape_of_view(view, {name: record.finished for name, record in by_id.items()})
    return Scanned(
        landscape=landscape,
        measured=lambda name: measured(by_id[name], cells[name], landscape.keys),
        records=by_id,
        warnings=view.warnings,
    )


def _in_tables(plan: Plan, published: Published) -> Scanned:
    families = {probe.name for probe in plan.probes if probe.family}
    cases: list[Any] = list(plan.cases)  # what matters of a case, planned and measured ones have alike
    variants = deciding_variants(cases, families)
    deciding = [f"{probe}/{variant}" for probe in plan.judged for variant in variants.get(probe, ())]
    landscape = landscape_of_grid(published, plan.matrix.name, deciding, plan.judged)
    verdicts = {standing.id: standing.verdicts for standing in landscape.standings}
    rows = {combination_id(axes): at for at, axes in enumerate(published.grid.rows)}
    return Scanned(
        landscape=landscape,
        measured=lambda name: measured_in_grid(published.grid, rows[name], verdicts[name], published.about),
        records={},
    )


def proofs(plan: Plan, scan: Scanned) -> tuple[Proof, ...]:
    """Return what is stored about certifications of the combinations that were scanned."""
    store = Certified(places().reports, plan.matrix.name)
    known = {standing.id for standing in scan.landscape.standings}
    return tuple(_proof(plan, scan, store, name) for name in store.ids() if name in known)


def _proof(plan: Plan, scan: Scanned, store: Certified, name: str) -> Proof:
    kept = [current(record, plan) for record in store.read(name)]
    judged = [judged_alone(plan, record, scan.landscape.keys) for record in kept]
    found = certification(name, scan.measured(name), [one for one, _ in judged])
    text = store.lock(name)
    expected = kept[-1].lock.sha256 if kept[-1].lock else ""
    if text is None or hashlib.sha256(text.encode()).hexdigest() != expected:
        found = refused(found, f"certified/{name}.txt is not the lock it was installed from (another SHA-256)")
    return Proof(found, kept[-1], judged[-1][1])


def refused(found: Certification, why: str) -> Certification:
    """Return a certification that does not count."""
    return msgspec.structs.replace(found, certified=(), reasons=(why, *found.reasons))


def judged_alone(plan: Plan, record: Record, keys: Sequence[str]) -> tuple[Measured, Standing]:
    """Return a certification, judged with nothing beside it."""
    view = plain_view(plan, [record], {record.id})
    (cell,) = view.cells
    standing = standing_of(cell, keys, record.finished, controlled=record.id in view.controlled)
    return measured(record, cell, keys), standing


def released(plan: Plan) -> dict[str, dict[str, dt.date]]:
    """Return package -> version -> day, as far as the lock beside the matrix knows; without one, nothing."""
    lock = plan.matrix.catalog or read_lock(lock_path(Path(plan.matrix.path)))
    return {} if lock is None else release_days(lock.packages)
