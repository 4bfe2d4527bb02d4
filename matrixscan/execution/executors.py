"""Who runs the tasks. A new executor is one function here: tasks in, records out in the order of the tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from matrixscan.execution.run_task import run_task
from matrixscan.execution.task import Listener, Task
from matrixscan.records.types import Record


def serial(tasks: Sequence[Task], listener: Listener, jobs: int) -> list[Record]:
    """One after the other; `jobs` is not used."""
    del jobs
    return [run_task(task, listener) for task in tasks]


def threads(tasks: Sequence[Task], listener: Listener, jobs: int) -> list[Record]:
    """Up to `jobs` at once; the work itself happens in child processes."""
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        return list(pool.map(lambda task: run_task(task, listener), tasks))


EXECUTORS: dict[str, Callable[[Sequence[Task], Listener, int], list[Record]]] = {"serial": serial, "threads": threads}
