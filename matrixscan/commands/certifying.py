"""Rebuilds good combinations from their locks in fresh environments, runs all again, and publishes what holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from matrixscan.analysis.judge import GOOD
from matrixscan.analysis.ranking import rank
from matrixscan.analysis.recommend import JOINT
from matrixscan.analysis.recommended import asked_pythons
from matrixscan.commands.known import Scanned, proofs, scanned
from matrixscan.commands.publishing import publish_recommended
from matrixscan.commands.recommending import terms_of
from matrixscan.commands.request import Outcome, Request, load_plans, places
from matrixscan.commands.wide import joint_records
from matrixscan.environment.harness import harness_digest
from matrixscan.environment.lock import LockFile, inputs_digest, read_lock
from matrixscan.errors import (
    EXIT_INFRASTRUCTURE,
    EXIT_UNEXPECTED,
    MatrixFileError,
    NothingSelectedError,
    UnknownNameError,
)
from matrixscan.execution.certify import rebuild
from matrixscan.execution.task import Listener, Notice, Options, Places, Task
from matrixscan.matrix.types import Index
from matrixscan.plan.types import Cell, Plan
from matrixscan.records.types import Record
from matrixscan.reporters._certified import NotTried, render_certified
from matrixscan.store.certified import Certified
from matrixscan.store.reports import Reports

#: How often the next best are tried after some were refused.
_ROUNDS = 3


def certify(request: Request, listener: Listener, *, count: int | None = None, today: dt.date | None = None) -> Outcome:
    """Certify the combinations that come first for each audience, and write what is recommended.

    What was certified from the same lock with the same harness and probes is not done again before it is stale.

    Args:
        request: the matrix; `cells`: these instead of the first ones; `probes`: the first ones for these alone.
        listener: told about every step.
        count: combinations for each audience; the matrix's unless said.
        today: the day, UTC.

    Raises:
        MatrixFileError: the matrix has no model to export.
        NothingSelectedError: nothing was scanned, or nothing of it is good.
        UnknownNameError: there is no such combination, or a probe does not decide.
    """
    plans = load_plans(Request(request.matrix))
    plan = plans.full
    if plan.matrix.artifact is not None:
        raise MatrixFileError(plan.matrix.path, ["artifact: is only run, so nothing of it is certified"])
    records = joint_records(plans, Reports(places().reports, plan.matrix.name))
    work = _Work(request, plan, scanned(plan, records), listener, today or dt.datetime.now(dt.UTC).date())
    tried: dict[str, NotTried | None] = {}
    for _ in range(1 if request.cells else _ROUNDS):
        names = [name for name in _chosen(work, count, tried) if name not in tried]
        for name in names:
            tried[name] = _certify(work, name)
        if not names:
            break
    if not tried:
        raise NothingSelectedError("nothing is good", f"`matrixscan recommend {plan.matrix.name}` says what there is")
    publish_recommended(plan, records)
    return _outcome(work, tried)


class _Work(msgspec.Struct, frozen=True):
    """What one call is about."""

    request: Request
    plan: Plan
    scan: Scanned
    listener: Listener
    today: dt.date

    @property
    def store(self) -> Certified:
        return Certified(places().reports, self.plan.matrix.name)

    def reports(self, suffix: str = "") -> Reports:
        return Reports(places().reports, self.plan.matrix.name + suffix)

    def cell(self, name: str) -> Cell:
        return next(cell for cell in self.plan.cells if cell.id == name)


def _chosen(work: _Work, count: int | None, tried: Collection[str]) -> tuple[str, ...]:
    """Return what comes first for some audience; where one was refused, the next best."""
    landscape, request = work.scan.landscape, work.request
    if request.cells:
        _check_good(request.cells, work.scan)
        return request.cells
    found = proofs(work.plan, work.scan)
    terms = terms_of(work.plan, found, work.today)
    known = {proof.certification.id for proof in found}
    gone = {
        name for name in (*tried, *known) if name not in terms.certified and (name in tried or not _due(work, name))
    }
    names: dict[str, None] = {}
    for scope in (landscape.scope_of(request.probes),) if request.probes else landscape.scopes():
        for python in asked_pythons(landscape):
            ranking = rank(landscape, scope, msgspec.structs.replace(terms, python=python))
            good = [each.standing.id for each in ranking.candidates if each.standing.id not in gone]
            names |= dict.fromkeys(good[: count or work.plan.matrix.recommend.count])
    return tuple(names)


def _check_good(cells: Sequence[str], scan: Scanned) -> None:
    standings = {standing.id: standing for standing in scan.landscape.standings}
    for name in cells:
        if name not in standings:
            raise UnknownNameError("scanned combination", name, standings)
        if GOOD not in standings[name].verdicts.values():
            raise NothingSelectedError(f"{name} is good for nothing that decides", "only what is good is certified")


def _certify(work: _Work, name: str) -> NotTried | None:
    """Make and store the certification of a combination unless there is one; return why it was not made, if so."""
    if not _due(work, name):
        work.listener(Notice(name, "certify", "done already, from the same lock, harness and probes", 0.0))
        return None
    lock, problem = _lock_of(work, name)
    if problem:
        return NotTried(problem)
    work.listener(Notice(name, "certify", "in a fresh environment", 0.0))
    made = rebuild(_task(work, name, lock), _texts(work, name, lock), work.listener)
    if made is None:
        return NotTried("no record could be made; the lines above say why", infra=True)
    record, text = made
    stopped = next((stage for stage in record.stages if stage.outcome in {"infra", "skipped"}), None)
    if stopped is not None:
        said = stopped.error.message if stopped.error else ""
        return NotTried(f"{stopped.stage}: {stopped.outcome}: {said}", infra=True)
    work.store.write(record, text)
    return None


def _due(work: _Work, name: str) -> bool:
    """Return whether a combination has no certification of today's lock, harness and probes, or a stale one."""
    known = work.store.read(name)
    if not known or work.request.options.fresh:
        return True
    last = known[-1]
    begun = dt.date.fromisoformat(last.finished[:10])
    probes = {probe.name: probe.digest for probe in work.plan.measured_probes}
    scan = work.scan.records.get(name)
    return (
        last.harness != harness_digest()
        or {probe: each.digest for probe, each in last.probes.items()} != probes
        or work.today > begun + dt.timedelta(days=work.plan.matrix.recommend.expires)
        or (scan is not None and scan.evidence == JOINT and _sha256(scan) != _sha256(last))
    )


def _sha256(record: Record) -> str:
    return record.lock.sha256 if record.lock else ""


def _lock_of(work: _Work, name: str) -> tuple[LockFile | None, str]:
    """Return the lock to install from, None where it is to be resolved, and what is wrong."""
    scan = work.scan.measured(name)
    if set(scan.harness) != {harness_digest()}:
        return None, "it was scanned with another harness than today's; scan it again first"
    if scan.evidence != JOINT:
        # Its sides have locks, the whole has none, unless somebody measured it jointly before.
        paths = (work.store.lock_path(name), work.reports("_joint").lock_path(name))
        return next((lock for path in paths if (lock := _answering(work, name, read_lock(path)))), None), ""
    lock = read_lock(work.reports().lock_path(name))
    if lock is None:
        return None, f"locks/{name}.txt is missing or damaged; scan it again with --relock"
    if lock.sha256 != scan.lock:
        words = "some pin or hash in it was changed; put it back, or scan again with --relock"
        return None, f"locks/{name}.txt is not the lock that was scanned (another SHA-256): {words}"
    if _answering(work, name, lock) is None:
        return None, f"locks/{name}.txt answers another matrix than today's; scan it again"
    return lock, ""


def _answering(work: _Work, name: str, lock: LockFile | None) -> LockFile | None:
    """Return the lock if it is what the plan asks."""
    cell = work.cell(name)
    wanted = inputs_digest(cell.requirements, cell.python, as_of=cell.as_of)
    return lock if lock is not None and lock.inputs == wanted else None


def _texts(work: _Work, name: str, lock: LockFile | None) -> dict[str | None, str]:
    """Return the locks to install from, the environment's and those of probes' own packages."""
    texts: dict[str | None, str] = {} if lock is None else {None: lock.text}
    for probe in work.plan.probes:
        path = work.reports().lock_path(name, probe.name)
        if lock is not None and path.is_file():
            texts[probe.name] = path.read_text(encoding="utf-8")
    return texts


def _task(work: _Work, name: str, lock: LockFile | None) -> Task:
    """Return the task: all cases of the plan, jointly whatever the plan, with nothing of earlier work."""
    matrix, options = work.plan.matrix, work.request.options
    if lock is not None:
        matrix = msgspec.structs.replace(matrix, index=Index(torch=lock.torch_index))  # type: ignore[arg-type]  # read from a lock
    folder = places().work
    return Task(
        matrix=matrix,
        cell=work.cell(name),
        probes=work.plan.measured_probes,
        cases=work.plan.measured,
        selected=work.plan.measured,
        judged=work.plan.judged,
        options=Options(fresh=True, keep_env=options.keep_env, reclaim=options.reclaim, scan=options.scan),
        places=Places(folder / "certified", folder / "certifying"),
    )


def _outcome(work: _Work, tried: dict[str, NotTried | None]) -> Outcome:
    found = [proof for proof in proofs(work.plan, work.scan) if proof.record.id in tried]
    failed = {name: problem for name, problem in tried.items() if problem is not None}
    page = work.reports().folder / "recommended.md"
    written = page.relative_to(Path.cwd()).as_posix() if page.is_file() else ""
    text = render_certified(found, failed, written, work.plan.matrix.recommend.expires)
    if any(proof.certification.certified for proof in found if proof.record.id not in failed):
        return Outcome(text, 0)
    nowhere = len(failed) == len(tried) and all(problem.infra for problem in failed.values())
    return Outcome(text, EXIT_INFRASTRUCTURE if nowhere else EXIT_UNEXPECTED)
