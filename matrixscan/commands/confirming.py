"""Measures something once more, from nothing, beside what is there: records and work folders stay as they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from matrixscan.analysis.changes import Place
from matrixscan.analysis.factored import RunSide, join, lent
from matrixscan.analysis.states import ENVIRONMENT_LANE, LaneKey
from matrixscan.commands.factored import export_tasks, is_factored, run_tasks, sides_of, stored
from matrixscan.commands.joint import tasks
from matrixscan.commands.night_states import state_of_records
from matrixscan.commands.outstanding import Deadline
from matrixscan.commands.request import Plans, Request
from matrixscan.execution.executors import execute
from matrixscan.execution.task import Listener, Notice, Options, Places, Task
from matrixscan.matrix.controls import CONTROL
from matrixscan.plan.factor import stored_cases
from matrixscan.plan.types import Case
from matrixscan.records.types import Record
from matrixscan.store.history import History
from matrixscan.store.reports import Reports


class Again:
    """Further runs in a folder of their own; interrupted, they go on where they were.

    Args:
        request: What was asked for.
        plans: Whose combinations.
        folder: Where the runs lie.
        listener: Told about every step.
    """

    def __init__(self, request: Request, plans: Plans, folder: Path, listener: Listener) -> None:
        options = Options(scan=request.options.scan)
        self._request = msgspec.structs.replace(request, options=options)
        self._plans, self._folder, self._listener = plans, folder, listener

    def run(self, name: str, lanes: Collection[LaneKey], number: int) -> Record | None:
        """Measure lanes of a combination, with their controls; None where there was no way to.

        Args:
            name: Id of the combination.
            lanes: Which cases; all where the environment itself is meant.
            number: Tells the runs apart.
        """
        self._listener(Notice(name, "confirm", f"run {number} of what looks like a regression", 0.0))
        places = Places(self._folder / str(number) / "reports", self._folder / str(number))
        if is_factored(self._plans):
            return self._sides(name, lanes, places)
        (task,) = (task for task in tasks(self._request, self._plans) if task.cell.id == name)
        return self._one(_moved(task, places, _only(task.selected, lanes), mode="run", store=None))

    def _sides(self, name: str, lanes: Collection[LaneKey], places: Places) -> Record | None:
        """Measure both sides of a combination of a factored plan."""
        plan = self._plans.full
        sides = sides_of(plan, self._plans.selected)
        made, ran = sides.pairs[name]
        cell = next(cell for cell in plan.cells if cell.id == name)
        store = places.work / "store"
        exports = export_tasks(self._request, self._plans, sides)
        export = next(task for task in exports if task.cell.id == made)
        wanted = _only(plan.measured, lanes)
        exported = self._one(_moved(export, places, wanted, mode=export.mode, store=store))
        run = next(task for task in run_tasks(self._request, self._plans, sides) if task.cell.id == ran)
        units = stored_cases(stored(plan, exported))
        run = msgspec.structs.replace(run, cases=units)
        record = self._one(_moved(run, places, units, mode=run.mode, store=store))
        return (join if plan.matrix.artifact is None else lent)(name, cell.axes, exported, RunSide(record))

    def _one(self, task: Task) -> Record | None:
        return next(iter(execute([task], self._listener, "serial", 1)), None)


def _moved(task: Task, places: Places, selected: Sequence[Case], *, mode: str, store: Path | None) -> Task:
    """Return a task that works elsewhere, from the same lock."""
    name = task.matrix.name
    target = Reports(places.reports, name)
    if not target.lock_path(task.cell.id).is_file():
        Reports(task.places.reports, name).hand_over([task.cell.id], target)
    options = msgspec.structs.replace(task.options, fresh=False)  # the folder is new; see `Again`
    return msgspec.structs.replace(
        task, places=places, selected=tuple(selected), mode=mode, store=store, options=options
    )


def _only(cases: Sequence[Case], lanes: Collection[LaneKey]) -> tuple[Case, ...]:
    """Return the cases of some lanes, and the controls that vouch for them."""
    if ENVIRONMENT_LANE in lanes:
        return tuple(cases)
    ways = {lane[2:] for lane in lanes}
    return tuple(case for case in cases if (key := _lane(case)) in lanes or (case.probe == CONTROL and key[2:] in ways))


def _lane(case: Case) -> LaneKey:
    return LaneKey(case.probe, case.variant, case.exporter, case.opset, case.precision, case.runner)


def confirm(
    again: Again, history: History, suspects: Sequence[Place], runs: int, deadline: Deadline
) -> dict[Place, list[str]]:
    """Return what further runs say of lanes, and keep their records; empty texts where they say nothing.

    Args:
        again: Makes the runs.
        history: Where their records go.
        suspects: The lanes.
        runs: How many of each combination.
        deadline: When no further one is begun.
    """
    verdicts: dict[Place, list[str]] = {place: [] for place in suspects}
    for name in dict.fromkeys(name for name, _ in suspects):
        lanes = [lane for other, lane in suspects if other == name]
        for number in range(1, runs + 1):
            if deadline.passed():
                return verdicts
            record = again.run(name, lanes, number)
            if record is None:
                continue
            history.add([record])
            row = state_of_records([record], {}).rows[name]
            for lane in lanes:
                verdicts[name, lane].append(row.lanes[lane].verdict if lane in row.lanes else "")
    return verdicts
