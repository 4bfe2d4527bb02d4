"""Who runs the tasks. A new executor is one function here: tasks in, records out in the order of the tasks.

A cell whose record could not be made for a reason of our own has none; the listener is told why, the others go on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from matrixscan.environment import process
from matrixscan.environment.cache import passing_cache
from matrixscan.execution.run_task import run_task
from matrixscan.execution.task import Listener, Notice, Task
from matrixscan.records.types import Record


def execute(tasks: Sequence[Task], listener: Listener, executor: str, jobs: int) -> list[Record]:
    """Run tasks with the executor of that name; to reclaim the disk, those of one torch after those of another."""
    if not any(task.options.reclaim for task in tasks):
        return EXECUTORS[executor](tasks, listener, jobs)
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.cell.axes.get("torch", ""), []).append(task)
    records = []
    for group in groups.values():
        first = group[0]
        with passing_cache(first.places.work / first.matrix.name / "cache" / first.cell.id):
            records += EXECUTORS[executor](group, listener, jobs)
    return records


def serial(tasks: Sequence[Task], listener: Listener, jobs: int) -> list[Record]:
    """One after the other; `jobs` is not used."""
    del jobs
    return _made(map(functools.partial(_attempt, listener), tasks))


def threads(tasks: Sequence[Task], listener: Listener, jobs: int) -> list[Record]:
    """Up to `jobs` at once; the work itself happens in child processes."""
    process.allow()
    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        return _made(pool.map(functools.partial(_attempt, listener), tasks))
    except BaseException:
        process.stop_all()  # an interrupt reaches this thread only; the others wait for their children
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        process.allow()


def _attempt(listener: Listener, task: Task) -> Record | None:
    try:
        return run_task(task, listener)
    except Exception as error:  # noqa: BLE001  one cell's trouble must not end the scan
        listener(Notice(task.cell.id, "infra", f"{type(error).__name__}: {error}", 0.0))
        return None


def _made(records: Iterable[Record | None]) -> list[Record]:
    return [record for record in records if record is not None]


EXECUTORS: dict[str, Callable[[Sequence[Task], Listener, int], list[Record]]] = {"serial": serial, "threads": threads}
