"""Scans: every selected cell to its record, then the reports."""

from __future__ import annotations

import msgspec

from matrixscan.commands.factored import scan_sides
from matrixscan.commands.reporting import report
from matrixscan.commands.request import Outcome, Plans, Request, load_plans, places
from matrixscan.execution.executors import EXECUTORS
from matrixscan.execution.run_task import run_task
from matrixscan.execution.task import Listener, Task
from matrixscan.records.types import Record


def scan(request: Request, listener: Listener, *, executor: str = "serial", jobs: int = 1) -> Outcome:
    """Scan every selected cell and report."""
    plans = load_plans(request)
    if plans.full.matrix.plan == "factored":
        scan_sides(request, plans, listener, executor, jobs)
    else:
        EXECUTORS[executor](tasks(request, plans), listener, jobs)
    return report(request)


def scan_cell(request: Request, cell: str, listener: Listener) -> Record:
    """Scan one cell; the report is another step."""
    chosen = msgspec.structs.replace(request, cells=(cell,))
    (task,) = tasks(chosen, load_plans(chosen))
    return run_task(task, listener)


def tasks(request: Request, plans: Plans) -> list[Task]:
    """Return one task for each selected cell."""
    probes = {probe.name: probe for probe in (*plans.full.probes, *plans.selected.probes)}
    return [
        Task(
            matrix=plans.full.matrix,
            cell=cell,
            probes=tuple(probes.values()),
            cases=plans.full.cases,
            selected=plans.selected.cases,
            judged=plans.full.judged,
            options=request.options,
            places=places(),
        )
        for cell in plans.selected.cells
    ]
