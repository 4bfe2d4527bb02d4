"""Which package that is no axis broke a combination, for every combination whose failure smells of that."""

from __future__ import annotations

import msgspec

from matrixscan.analysis.packaging import Suspicion, packaging_lines, smells
from matrixscan.commands.joint import tasks
from matrixscan.commands.request import Outcome, Plans, Request, load_plans, places
from matrixscan.commands.wide import joint_records
from matrixscan.errors import NothingSelectedError
from matrixscan.execution.packaging import examine, packaging_key
from matrixscan.execution.task import Listener, Task
from matrixscan.records.packaging import PackagingRecord
from matrixscan.records.types import Record
from matrixscan.store.packaging import PackagingReports
from matrixscan.store.reports import Reports

#: Environments that are tried for one combination.
TRIALS = 20


def packaging(request: Request, listener: Listener, *, trials: int = TRIALS) -> Outcome:
    """Examine every selected combination whose record smells of packaging, and say what was found.

    Args:
        request: what was asked for.
        listener: told about every step.
        trials: environments that may be tried for each combination.

    Raises:
        NothingSelectedError: no selected combination was scanned.
    """
    plans = load_plans(request)
    name = plans.full.matrix.name
    if plans.full.matrix.plan == "factored":
        words = (
            "The sides of a factored plan are no whole environments; scan them jointly and ask about that: "
            f"matrixscan scan {request.matrix} --joint, then matrixscan packaging {request.matrix} --joint\n"
        )
        return Outcome(words, 0)
    found = examine_all(request, plans, listener, trials=trials)
    if not found:
        scanned = {record.id for record in joint_records(plans, Reports(places().reports, name))}
        if not scanned & {cell.id for cell in plans.selected.cells}:
            raise NothingSelectedError(f"{name} has no results", "scan the matrix first")
    lines = [f"{record.id}\n" + "".join(f"  {line}\n" for line in packaging_lines(record)) for record in found]
    return Outcome("".join(lines) or "No failure smells of packaging.\n", 0)


def examine_all(
    request: Request, plans: Plans, listener: Listener, *, trials: int = TRIALS
) -> tuple[PackagingRecord, ...]:
    """Return the examinations of all selected combinations that smell of packaging; what is known is not done again."""
    reports = Reports(places().reports, plans.full.matrix.name)
    records = {record.id: record for record in joint_records(plans, reports)}
    found = []
    for task in tasks(request, plans):
        record = records.get(task.cell.id)
        if record is None:
            continue
        log = reports.log_path(record.id)
        suspicions = smells(record, log.read_text(encoding="utf-8") if log.is_file() else "")
        if suspicions:
            found.append(_examined(task, record, suspicions, trials, listener))
        else:
            PackagingReports(places().reports, record.matrix).forget(record.id)
    return tuple(found)


def _examined(
    task: Task, record: Record, suspicions: tuple[Suspicion, ...], trials: int, listener: Listener
) -> PackagingRecord:
    from matrixscan.catalog.index import Index  # noqa: PLC0415  HTTP takes longer to import than most commands take

    reports = PackagingReports(places().reports, record.matrix)
    key = packaging_key(record, trials)
    known = reports.read(record.id)
    if known is not None and known.key == key:
        return known
    with Index() as index:
        made = examine(task, record, suspicions, index, trials, listener)
    # What the network or the disk spoilt is tried again.
    spoilt = any(examination.result == "infra" for examination in made.examinations)
    made = msgspec.structs.replace(made, key="" if spoilt else key)
    reports.write(made)
    return made
