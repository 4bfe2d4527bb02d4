"""Rebuilds one combination from a lock, in a fresh environment of its own, and runs all of its cases again."""

from __future__ import annotations

from collections.abc import Mapping

from matrixscan.environment.create import remove
from matrixscan.execution.executors import execute
from matrixscan.execution.task import Listener, Task
from matrixscan.records.types import Record
from matrixscan.store.files import write_atomically
from matrixscan.store.reports import Reports
from matrixscan.store.work import CellWork


def rebuild(task: Task, locks: Mapping[str | None, str], listener: Listener) -> tuple[Record, str] | None:
    """Return the record and the lock it was installed from; None where no record could be made.

    Args:
        task: its places are for certifications alone.
        locks: to install from, by probe (None: the environment's); what is missing is resolved now.
        listener: told about every step.
    """
    reports = Reports(task.places.reports, task.matrix.name)
    remove(CellWork(task.places.work, task.matrix.name, task.cell.id).folder)  # of one that was interrupted
    for probe in (None, *(probe.name for probe in task.probes)):
        path = reports.lock_path(task.cell.id, probe)
        path.unlink(missing_ok=True)
        if probe in locks:
            write_atomically(path, locks[probe].encode())
    made = execute([task], listener, "serial", 1)
    lock = reports.lock_path(task.cell.id)
    return (made[0], lock.read_text(encoding="utf-8")) if made and lock.is_file() else None
