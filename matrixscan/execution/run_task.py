"""The one path from a cell to its record, whoever calls it: a Nox session, a thread, another process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock
import msgspec

from matrixscan.environment.create import remove
from matrixscan.environment.process import check_stopping
from matrixscan.execution.assemble import assemble, redactor
from matrixscan.execution.stages import measure
from matrixscan.execution.state import CellRun
from matrixscan.execution.task import Listener, Task
from matrixscan.matrix.controls import CONTROL
from matrixscan.plan.types import Case
from matrixscan.records.types import CaseRecord, Record
from matrixscan.store.files import write_atomically
from matrixscan.store.work import CellWork

_PATIENCE = 0.5


def run_task(task: Task, listener: Listener) -> Record:
    """Make, or find, the record of a cell, write it and return it.

    Bad combinations are results: whatever a tool or the code under test does ends up in the record. Interrupting
    this at any moment and calling it again continues where it was.
    """
    work = CellWork(task.places.work, task.matrix.name, task.cell.id)
    work.lock.parent.mkdir(parents=True, exist_ok=True)
    with held(work.lock):
        run = CellRun(task, work, listener)
        if task.options.fresh or task.options.relock:
            work.forget_done()
            work.forget_runs()
        if not task.options.relock:
            run.lock = run.known_lock()
        earlier = _earlier(run)
        if earlier is not None:
            run.say("skip", "record is complete and its inputs did not change")
            return earlier
        measure(run)
        return _finish(run)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a cell's lock. Waiting for another scan to give it up ends when all work is to end."""
    lock = filelock.FileLock(path)
    try:
        while not lock.is_locked:
            check_stopping()
            with contextlib.suppress(filelock.Timeout):
                lock.acquire(timeout=_PATIENCE)
        yield
    finally:
        lock.release()


def holds(task: Task) -> bool:
    """Return whether a cell has a record that `run_task` would return as it is."""
    run = _at_rest(task)
    return not (task.options.fresh or task.options.relock) and _is_whole(run)


def answers(task: Task, record: Record) -> bool:
    """Return whether a record, wherever it was measured, says all that a task would measure, from the same inputs."""
    run = _at_rest(task)
    if record.key != run.key or any(stage.outcome in {"infra", "skipped"} for stage in record.stages):
        return False
    digests = {probe.name: probe.digest for probe in task.probes}
    current = {name for name, probe in record.probes.items() if digests.get(name) == probe.digest}
    known = msgspec.structs.replace(record, cases=tuple(case for case in record.cases if case.probe in current))
    return {_stamp(task, case) for case in task.selected} <= set(_covered(task, known))


def _at_rest(task: Task) -> CellRun:
    """Return a run that is only asked what is there."""
    run = CellRun(task, CellWork(task.places.work, task.matrix.name, task.cell.id), lambda _: None)
    run.lock = run.known_lock()
    return run


def _earlier(run: CellRun) -> Record | None:
    """Return the record if it was measured here, whole, from these very inputs, and not touched since."""
    if _is_whole(run):
        return run.reports.read(run.task.cell.id)
    if run.work.vouches_for(run.reports.record_path(run.task.cell.id)) is None and run.work.done() is not None:
        # The record was deleted or edited: this cell is to be measured again, all of it.
        run.work.forget_runs()
        run.work.forget_done()
    return None


def _is_whole(run: CellRun) -> bool:
    task = run.task
    done = run.work.vouches_for(run.reports.record_path(task.cell.id))
    if done is None or done.key != run.key:
        return False
    return {_stamp(task, case) for case in task.selected} <= set(done.cases)


def _finish(run: CellRun) -> Record:
    """Store the record, vouch for it, and leave behind only what was asked for."""
    record = assemble(run)
    data = run.reports.write(record)
    # A missing interpreter may be installed tomorrow, a network may come back: such a cell is tried again.
    if all(stage.outcome not in {"infra", "skipped"} for stage in record.stages):
        seconds = record.timings["wall"]
        run.work.finish(record.key, data, run.task.options.scan, _covered(run.task, record), seconds)
    if run.log:
        write_atomically(run.reports.log_path(record.id), redactor(run).text(run.log).encode())
    for artifacts in run.work.runs.glob("*/artifacts"):
        remove(artifacts)
    if not run.task.options.keep_env:
        remove(run.work.environment)
    run.say("done", _summary(record))
    return record


def _covered(task: Task, record: Record) -> tuple[str, ...]:
    """Return the cases that need not be run again; infrastructure trouble is tried again."""
    cases: list[Case | CaseRecord] = [case for case in record.cases if case.outcome != "infra"]
    if _stopped(record):
        cases += task.selected
    return tuple(sorted({_stamp(task, case) for case in cases}))


def _stamp(task: Task, case: Case | CaseRecord) -> str:
    """Name a case together with the state of its probe, so that a changed probe is measured again."""
    digest = next(probe.digest for probe in task.probes if probe.name == case.probe)
    return f"{case.id}@{digest[:12]}"


def _stopped(record: Record) -> bool:
    return any(stage.outcome != "passed" for stage in record.stages)


def _summary(record: Record) -> str:
    if _stopped(record):
        return f"{record.stages[-1].stage}: {record.stages[-1].outcome}"
    asked = [case for case in record.cases if case.probe != CONTROL]
    passed = sum(case.outcome == "passed" for case in asked)
    return f"{passed} of {len(asked)} cases passed"
