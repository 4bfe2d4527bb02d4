"""What a night has to measure, and measuring it as far as the time goes.

A published record counts here, whoever measured it: what is new is what nobody measured from the same inputs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from matrixscan.commands.factored import export_tasks, is_factored, run_tasks, side_record, sides_of
from matrixscan.commands.joint import tasks
from matrixscan.commands.request import Plans, Request, places
from matrixscan.execution.executors import execute
from matrixscan.execution.run_task import answers, holds
from matrixscan.execution.task import Listener, Task
from matrixscan.records.types import Record
from matrixscan.store.published import published_records


class Deadline:
    """The end of the time for something. At least one thing is done unless there is no time at all."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._began, self._asked = seconds, time.monotonic(), False

    def passed(self) -> bool:
        """Return whether nothing more is to be begun."""
        first, self._asked = not self._asked, True
        return self._seconds <= 0 or (not first and self.spent)

    @property
    def spent(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() - self._began >= self._seconds


@dataclass
class Work:
    """Measures what is outstanding in the environments of plans."""

    request: Request
    deadline: Deadline
    listener: Listener
    jobs: int = 1
    before: Callable[[], object] = lambda: None  # called once, when something is about to be measured
    records: dict[str, Record] = field(default_factory=dict)  # by environment
    touched: set[str] = field(default_factory=set)  # combinations with an environment that was measured
    left: set[str] = field(default_factory=set)  # combinations

    def measure(self, plans: Plans) -> None:
        """Measure what is outstanding until the time is over."""
        if is_factored(plans):
            self._sides(plans)
        else:
            self._combinations(plans)

    def _combinations(self, plans: Plans) -> None:
        found = outstanding(self.request, plans)
        self._do(found)
        names = {task.cell.id for task in found}
        self.touched |= names & self.records.keys()
        self.left = names - self.records.keys()

    def _sides(self, plans: Plans) -> None:
        sides = sides_of(plans.full, plans.selected)
        exports = _not_held(export_tasks(self.request, plans, sides))
        self._do(exports)
        runs = _not_held(run_tasks(self.request, plans, sides))
        keys = {task.cell.id: _key(plans, task) for task in runs}
        self._do(runs)
        open_ = {task.cell.id for task in (*exports, *runs)} - self.records.keys()
        # A run side that ran more artifacts in the same environment measured nothing anew of the others.
        new = {name for name, record in self.records.items() if keys.get(name) != record.key}
        self.left = {name for name, pair in sides.pairs.items() if open_ & set(pair)}
        self.touched |= {name for name, pair in sides.pairs.items() if new & set(pair)} - self.left

    def _do(self, found: Sequence[Task]) -> None:
        for at in range(0, len(found), self.jobs):
            if self.deadline.passed():
                return
            some = found[at : at + self.jobs]
            self.before()
            self.before = lambda: None
            made = execute(some, self.listener, "threads" if self.jobs > 1 else "serial", self.jobs)
            self.records |= {record.id: record for record in made}


def outstanding(request: Request, plans: Plans) -> list[Task]:
    """Return the tasks of a joint plan that nobody has done; those of combinations without any record first."""
    published = {record.id: record for record in published_records(places().reports / plans.full.matrix.name)}
    found = _not_held(tasks(request, plans))
    wanted = [task for task in found if not _answered(task, published.get(task.cell.id))]
    return sorted(wanted, key=lambda task: task.cell.id in published)


def _answered(task: Task, record: Record | None) -> bool:
    return record is not None and answers(task, record)


def _key(plans: Plans, task: Task) -> str | None:
    record = side_record(plans.full, task.cell.id)
    return None if record is None else record.key


def _not_held(found: Iterable[Task]) -> list[Task]:
    return [task for task in found if not holds(task)]
