"""Scans a factored plan: every export side, then every run side on what those left."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from matrixscan.commands.request import Plans, Request, measured_places, places
from matrixscan.execution.executors import execute
from matrixscan.execution.task import Listener, Task
from matrixscan.harness.protocol import STORE_FOLDERS
from matrixscan.plan.expand import make_cell
from matrixscan.plan.factor import Sides, Stored, factor, lend, stored_cases
from matrixscan.plan.types import Case, Cell, Plan
from matrixscan.records.types import Record
from matrixscan.store.reports import Reports


def scan_sides(request: Request, plans: Plans, listener: Listener, executor: str, jobs: int) -> None:
    """Make or find the record of every side of the selected combinations."""
    sides = sides_of(plans.selected, plans.full)
    execute(export_tasks(request, plans, sides), listener, executor, jobs)
    execute(run_tasks(request, plans, sides), listener, executor, jobs)


def is_factored(plans: Plans) -> bool:
    """Return whether exports and runs have environments of their own."""
    return plans.full.matrix.plan == "factored"


def side_tasks(request: Request, plans: Plans, side: str) -> list[Task]:
    """Return the tasks of the sides among which that one is."""
    sides = sides_of(plans.selected, plans.full)
    exporting = any(cell.id == side for cell in sides.exports)
    return (export_tasks if exporting else run_tasks)(request, plans, sides)


def sides_of(plan: Plan, *others: Plan) -> Sides:
    """Return the sides of a plan's combinations.

    Args:
        plan: whose combinations.
        others: plans whose records these are too; the runners of all of them say what belongs to which side.
    """
    make = functools.partial(make_cell, matrix=plan.matrix)
    if plan.matrix.artifact is not None:
        # The first of all that can be, also where a filter or a strategy leaves it out.
        return lend(make(plan.rows[0]), plan.cells)
    return factor(plan.cells, {case.runner for one in (plan, *others) for case in one.cases}, make)


def store_folder(matrix: str) -> Path:
    """Return the store of artifacts and references of a matrix."""
    return places().work / matrix / "store"


def export_tasks(request: Request, plans: Plans, sides: Sides) -> list[Task]:
    """Return a task for each export side; what left something that is gone from the store is measured again."""
    cases = plans.full.measured
    there = _in_store(store_folder(plans.full.matrix.name))
    mode = "export" if plans.full.matrix.artifact is None else "adopt"
    tasks = [_task(request, plans, cell, mode, cases, plans.selected.measured) for cell in sides.exports]
    return [task if _whole(plans, task.cell, there) else _afresh(task) for task in tasks]


def _in_store(store: Path) -> set[str]:
    return {path.name.removesuffix(".npz") for folder in STORE_FOLDERS for path in (store / folder).glob("*")}


def _whole(plans: Plans, cell: Cell, there: set[str]) -> bool:
    left = stored(plans.selected, side_record(plans.full, cell.id))
    return all(item.artifact in there and item.reference in there for item in left)


def _afresh(task: Task) -> Task:
    return msgspec.structs.replace(task, options=msgspec.structs.replace(task.options, fresh=True))


def run_tasks(request: Request, plans: Plans, sides: Sides) -> list[Task]:
    """Return a task for each run side, over the artifacts of the export sides it is combined with.

    One that has nothing to run has a task all the same: whether its environment can be is part of its combinations.
    """
    whole = sides_of(plans.full, plans.selected)
    records = {cell.id: side_record(plans.full, cell.id) for cell in (*whole.exports, *sides.exports)}
    tasks = []
    for run in sides.runs:
        # The record keeps what earlier scans of other combinations and probes measured.
        cases, selected = (
            stored_cases(item for export in some.exports_for(run.id) for item in stored(plan, records[export]))
            for plan, some in ((plans.full, whole), (plans.selected, sides))
        )
        tasks.append(_task(request, plans, run, "execute", cases, selected))
    return tasks


def side_record(plan: Plan, side: str) -> Record | None:
    """Return the record of a side, or None."""
    return Reports(measured_places().reports, plan.matrix.name).read(side)


def stored(plan: Plan, record: Record | None) -> Iterator[Stored]:
    """Yield what an export side left of the plan's cases, as far as their probes are still the same."""
    if record is None:
        return
    wanted = {case.id: case for case in plan.measured}
    digests = {probe.name: probe.digest for probe in plan.measured_probes}
    for case in record.cases:
        if case.outcome == "passed" and case.id in wanted and record.probes[case.probe].digest == digests[case.probe]:
            yield Stored(wanted[case.id], case.facts["artifact"], case.facts["reference"])


def _task(
    request: Request, plans: Plans, cell: Cell, mode: str, cases: Sequence[Case], selected: Sequence[Case]
) -> Task:
    probes = {probe.name: probe for probe in (*plans.full.measured_probes, *plans.selected.measured_probes)}
    used = {case.probe for case in (*cases, *selected)}
    return Task(
        matrix=plans.full.matrix,
        cell=cell,
        probes=tuple(probe for name, probe in probes.items() if name in used),
        cases=tuple(cases),
        selected=tuple(selected),
        judged=plans.full.judged,
        options=request.options,
        places=measured_places(),
        mode=mode,
        store=store_folder(plans.full.matrix.name),
    )
