"""Scans: every selected cell to its record, then the reports."""

from __future__ import annotations

from matrixscan.commands.boundary import search
from matrixscan.commands.concluding import conclude
from matrixscan.commands.factored import is_factored, scan_sides, side_tasks
from matrixscan.commands.joint import tasks
from matrixscan.commands.planning import check_disk
from matrixscan.commands.request import Outcome, Plans, Request, load_plans, places
from matrixscan.commands.wide import adopt_locks, environments_of, has_many_cases
from matrixscan.execution.executors import execute
from matrixscan.execution.task import Listener, Notice
from matrixscan.store.reports import Reports
from matrixscan.store.work import CellWork


def scan(request: Request, listener: Listener, *, executor: str = "serial", jobs: int = 1) -> Outcome:
    """Scan every selected cell and report."""
    plans = load_plans(request)
    prepare(request, plans)

    def measure(now: Plans) -> None:
        if is_factored(now):
            scan_sides(request, now, listener, executor, jobs)
        else:
            execute(tasks(request, now), listener, executor, jobs)

    search(request, plans, measure, lambda text: listener(Notice(plans.full.matrix.name, "search", text, 0.0)))
    return conclude(request, listener)


def prepare(request: Request, plans: Plans) -> None:
    """Refuse what the disk will not hold, and begin with what is published."""
    if not _begun(request, plans):
        check_disk(request, plans)
    if is_factored(plans) or has_many_cases(plans.full):
        adopt_locks(plans, Reports(places().reports, plans.full.matrix.name))


def scan_cell(request: Request, cell: str, listener: Listener) -> None:
    """Scan one cell, or one side of a factored plan; the report is another step."""
    plans = load_plans(request)
    prepare(request, plans)
    found = side_tasks(request, plans, cell) if is_factored(plans) else tasks(request, plans)
    execute([task for task in found if task.cell.id == cell], listener, "serial", 1)


def _begun(request: Request, plans: Plans) -> bool:
    """Return whether this scan has measured something: what it downloaded then lies on the disk already."""
    name = plans.full.matrix.name
    found = (CellWork(places().work, name, cell.id).done() for cell in environments_of(plans.selected, plans.full))
    return any(done is not None and done.scan == request.options.scan for done in found)
