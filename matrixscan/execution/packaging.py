"""Which package that is no axis broke a combination: try the packages of its era, then find what flips the outcome."""

from __future__ import annotations

import hashlib

import filelock
import msgspec

from matrixscan import __version__
from matrixscan.analysis.packaging import Suspicion
from matrixscan.catalog.lock import Source
from matrixscan.environment.create import remove
from matrixscan.environment.harness import harness_digest
from matrixscan.execution.packaging_search import Search
from matrixscan.execution.packaging_trials import Laboratory
from matrixscan.execution.state import given, utc_now
from matrixscan.execution.task import Listener, Options, Places, Task
from matrixscan.plan.types import Case
from matrixscan.records.packaging import SCHEMA_VERSION, PackagingRecord
from matrixscan.records.types import Record
from matrixscan.store.work import CellWork


def packaging_key(record: Record, budget: int) -> str:
    """Return the digest of everything that decides whether a record is to be examined again."""
    lock = record.lock.sha256 if record.lock else ""
    parts = [str(SCHEMA_VERSION), record.key, lock, harness_digest(), str(budget), record.started]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def examine(
    task: Task, record: Record, suspicions: tuple[Suspicion, ...], source: Source, budget: int, listener: Listener
) -> PackagingRecord:
    """Find the packages behind the failures of a combination.

    Args:
        task: of the scan that left the record.
        record: of a whole environment, with packages as of today.
        suspicions: its failures that smell of packaging.
        source: says which releases there are and what they require.
        budget: environments that may be tried, for all failures together.
        listener: told about every step.

    Interrupting this and calling it again continues where it was.
    """
    started = utc_now()
    root = task.places.work / "packaging"
    work = CellWork(root, task.matrix.name, task.cell.id)
    work.lock.parent.mkdir(parents=True, exist_ok=True)
    today = given(record.lock).packages
    with filelock.FileLock(work.lock):
        examinations = []
        for suspicion in suspicions:
            lab = _laboratory(task, record, suspicion, budget, listener)
            examinations.append(Search(lab, suspicion, source, today).run())
            budget -= lab.ran
        remove(work.environment)
        work.forget_runs()
    return PackagingRecord(
        schema_version=SCHEMA_VERSION,
        id=record.id,
        matrix=record.matrix,
        matrixscan=__version__,
        key="",
        harness=harness_digest(),
        axes=record.axes,
        platform=record.platform,
        today=today,
        examinations=tuple(examinations),
        started=started,
        finished=utc_now(),
    )


def _laboratory(task: Task, record: Record, suspicion: Suspicion, budget: int, listener: Listener) -> Laboratory:
    case = _case(task, suspicion)
    probe = next(probe for probe in task.probes if probe.name == case.probe)
    root = task.places.work / "packaging"
    one = msgspec.structs.replace(
        task,
        cell=msgspec.structs.replace(task.cell, as_of=None),
        probes=(probe,),
        cases=(case,),
        selected=(case,),
        judged=(probe.name,),
        options=Options(),
        places=Places(root / "locks", root),
        mode="run",
        store=None,
    )
    return Laboratory(one, suspicion.stage, given(record.lock).torch_index, budget, listener)


def _case(task: Task, suspicion: Suspicion) -> Case:
    """Return the case that shows a failure; of an environment any, of a probe that asks for nothing where there is."""
    known = next((case for case in task.cases if case.id == suspicion.case), None)
    if known is not None:
        return known
    plain = {probe.name for probe in task.probes if not probe.dependencies}
    return next((case for case in task.cases if case.probe in plain), task.cases[0])
