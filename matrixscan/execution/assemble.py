"""Puts a run's facts together as its record, with nothing in it that names a machine, a person or an index."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from matrixscan import __version__
from matrixscan.environment.harness import harness_digest
from matrixscan.environment.lock import read_lock
from matrixscan.execution.overlays import own_packages
from matrixscan.execution.pictures import draw_pictures
from matrixscan.execution.requests import case_fields
from matrixscan.execution.state import CellRun, utc_now
from matrixscan.records.build import case_records, import_stage, lift_digests, lift_sketches
from matrixscan.records.events import Fold
from matrixscan.records.redact import Redactor
from matrixscan.records.types import SCHEMA_VERSION, CaseRecord, ExpectedFailure, Lock, ProbeRecord, Record, StageRecord


def redactor(run: CellRun) -> Redactor:
    """Return a redactor that knows this run's folders."""
    return Redactor({"env": run.work.environment, "work": run.task.places.work, "project": Path.cwd()})


def assemble(run: CellRun) -> Record:
    """Return the record of what the run did, redacted."""
    task, fold = run.task, run.fold()
    cases = _cases(run, fold)
    draw_pictures(run, cases)
    stages = tuple(run.stages)
    if all(stage.outcome == "passed" for stage in stages):
        imported = import_stage(fold, run.log)
        stages = (*stages, *([imported] if imported else []))
    facts = fold.imported or {}
    record = Record(
        schema_version=SCHEMA_VERSION,
        id=task.cell.id,
        matrix=task.matrix.name,
        matrixscan=__version__,
        key=run.key,
        axes=task.cell.axes,
        resolved=facts.get("resolved", {}),
        evidence=task.evidence,
        judged=task.judged,
        started=run.started,
        finished=utc_now(),
        harness=harness_digest(),
        platform=facts.get("platform", {}),
        limits=task.matrix.limits.of_cases(),
        lock=_lock(run),
        probes={probe.name: _probe(run, probe.name, cases) for probe in task.probes},
        stages=stages,
        cases=cases,
        timings=_timings(stages, cases, time.monotonic() - run.began),
    )
    return msgspec.convert(redactor(run).record(msgspec.to_builtins(record)), Record)


def _cases(run: CellRun, fold: Fold) -> tuple[CaseRecord, ...]:
    """Return what is known of every case that belongs in the record and of those asked for now.

    Cases measured with an earlier state of their probe are left out: they would describe another model.
    """
    digests = {probe.name: probe.digest for probe in run.task.probes}
    every = {case.id: case for case in (*run.task.cases, *run.task.selected)}
    current = [case for case in every.values() if fold.measured(case.probe) == digests[case.probe]]
    return case_records([case_fields(case) for case in current], fold)


def _lock(run: CellRun) -> Lock | None:
    lock = run.lock
    if lock is None:
        return None
    return Lock(lock.sha256, f"locks/{run.task.cell.id}.txt", lock.torch_index, lock.packages)


def _probe(run: CellRun, name: str, cases: tuple[CaseRecord, ...]) -> ProbeRecord:
    probe = next(probe for probe in run.task.probes if probe.name == name)
    overlay = run.overlays.get(name)
    weights, inputs = lift_digests(cases, name, family=probe.family)
    # A probe that was not asked for now may have cases of an earlier scan; its packages are in its lock.
    known = read_lock(run.reports.lock_path(run.task.cell.id, name)) if overlay is None else None
    packages = overlay.packages if overlay else own_packages(known)
    return ProbeRecord(
        digest=probe.digest,
        summary=probe.summary,
        license=probe.license,
        requirements=packages,
        weights=weights,
        eager=lift_sketches(cases, name),
        inputs=inputs,
        family=probe.family,
        expected=tuple(ExpectedFailure(known.match, known.reason, known.until, known.when) for known in probe.expected),
    )


def _timings(stages: tuple[StageRecord, ...], cases: tuple[CaseRecord, ...], wall: float) -> dict[str, float]:
    environment = sum(stage.seconds for stage in stages)
    harness = sum(seconds for case in cases for seconds in case.seconds.values())
    return {"wall": round(wall, 3), "environment": round(environment, 3), "cases": round(harness, 3)}
