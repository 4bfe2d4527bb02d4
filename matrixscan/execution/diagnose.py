"""Diagnoses failing cases of one combination in the environment of its published lock."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.environment.create import remove
from matrixscan.environment.harness import diagnosis_digest, place_harness, run_harness
from matrixscan.execution.assemble import redactor
from matrixscan.execution.diagnosis_pictures import draw_diagnoses
from matrixscan.execution.requests import batches, case_fields
from matrixscan.execution.run_task import held
from matrixscan.execution.stages import build_environment
from matrixscan.execution.state import CellRun, given, utc_now
from matrixscan.execution.task import Listener, Task
from matrixscan.harness.protocol import EVENTS_FILE
from matrixscan.plan.types import Case
from matrixscan.records.diagnosis import SCHEMA_VERSION, Diagnosis, DiagnosisRecord, fold_diagnoses
from matrixscan.records.events import Fold, append_event, read_events
from matrixscan.store.diagnoses import Diagnoses
from matrixscan.store.work import CellWork


def diagnose_cases(task: Task, reports: Path, listener: Listener) -> DiagnosisRecord | None:
    """Diagnose the selected cases of a task, or those that were not yet, and return all that is known.

    Args:
        task: the combination; its limits say how long this may take.
        reports: where the diagnoses are published; the records may lie elsewhere.
        listener: told about progress.

    Returns:
        The diagnoses as they are published now; None where the environment could not be had.
    """
    work = CellWork(task.places.work, task.matrix.name, task.cell.id)
    work.lock.parent.mkdir(parents=True, exist_ok=True)
    with held(work.lock):
        run = CellRun(msgspec.structs.replace(task, mode="diagnose", store=None), work, listener)
        run.lock = run.known_lock()
        published = Diagnoses(reports, task.matrix.name)
        earlier = _earlier(run, published)
        known = {diagnosis.case: diagnosis for diagnosis in earlier.diagnoses} if earlier is not None else {}
        missing = tuple(case for case in task.selected if case.id not in known)
        if not missing:
            return earlier
        made = _measure(run, missing, published)
        if made is None:
            return earlier
        order = {case.id: at for at, case in enumerate(task.cases)}
        every = {**known, **{diagnosis.case: diagnosis for diagnosis in made.diagnoses}}
        record = msgspec.structs.replace(
            made, diagnoses=tuple(sorted(every.values(), key=lambda one: order.get(one.case, len(order))))
        )
        published.write(record)
        return record


def diagnosis_key(task: Task, lock_sha256: str | None) -> str:
    """Return the digest of everything but probes that decides whether diagnoses may be kept."""
    matrix = task.matrix
    asked = {
        "axes": task.cell.axes,
        "requirements": task.cell.requirements,
        "lock": lock_sha256,
        "harness": diagnosis_digest(),
        "tolerances": matrix.tolerances,
        "limits": matrix.limits.of_cases(),
    }
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()[:16]


def _earlier(run: CellRun, published: Diagnoses) -> DiagnosisRecord | None:
    """Return what was diagnosed before and still holds."""
    record = None if run.task.options.fresh else published.read(run.task.cell.id)
    if record is None or run.lock is None or record.key != diagnosis_key(run.task, run.lock.sha256):
        return None
    current = {probe.name for probe in run.task.probes if probe.digest == record.probes.get(probe.name)}
    kept = tuple(diagnosis for diagnosis in record.diagnoses if diagnosis.case.partition("/")[0] in current)
    return msgspec.structs.replace(record, diagnoses=kept)


def _measure(run: CellRun, cases: Sequence[Case], published: Diagnoses) -> DiagnosisRecord | None:
    """Run the harness on cases and return what it found, its pictures drawn."""
    run.task = msgspec.structs.replace(run.task, selected=tuple(cases))
    if not build_environment(run):
        return None
    key = diagnosis_key(run.task, given(run.lock).sha256)
    folder = run.work.folder / "diagnoses" / key
    _forget_others(folder, fresh=run.task.options.fresh)
    run.say("diagnose", f"{len(cases)} cases")
    _run_batches(run, folder)
    events = read_events(folder / EVENTS_FILE)
    found = fold_diagnoses(events, [case_fields(case) for case in cases])
    drawn = draw_diagnoses(found, folder, published, run.task.cell.id)
    record = _record(run, key, Fold.of(events), drawn)
    shutil.rmtree(folder, ignore_errors=True)
    if not run.task.options.keep_env:
        remove(run.work.environment)
    run.say("done", f"{len(found)} of {len(cases)} cases diagnosed")
    return record


def _forget_others(folder: Path, *, fresh: bool) -> None:
    for path in folder.parent.glob("*"):
        if fresh or path != folder:
            shutil.rmtree(path, ignore_errors=True)


def _run_batches(run: CellRun, folder: Path) -> None:
    limits, began = run.task.matrix.limits, time.time()
    # What one case may take is what all of them may, at most: it must not take the time of the others twice.
    limits = msgspec.structs.replace(limits, case_seconds=min(limits.case_seconds, limits.diagnose_seconds))
    harness = place_harness(run.task.places.work / "harness")
    folder.mkdir(parents=True, exist_ok=True)
    append_event(folder / EVENTS_FILE, {"event": "retry"})
    until, notice = began + limits.diagnose_seconds, run.event_listener()
    for cases in _rounds(run.task.selected):
        for request in batches(msgspec.structs.replace(run.task, selected=cases), run.overlays):
            if time.time() < until:
                run_harness(given(run.environment), harness, request | {"until": until}, folder, limits, {}, notice)


def _rounds(cases: Sequence[Case]) -> list[tuple[Case, ...]]:
    """Split cases so that, of their order, a probe's come one after the other, and again only after the others'.

    Cases of one request are worked on probe by probe, and those at the end may have no time.
    """
    rounds: list[list[Case]] = [[]]
    for case in cases:
        known = [other.probe for other in rounds[-1]]
        if case.probe in known[:-1] and case.probe != known[-1]:
            rounds.append([])
        rounds[-1].append(case)
    return [tuple(group) for group in rounds]


def _record(run: CellRun, key: str, fold: Fold, diagnoses: tuple[Diagnosis, ...]) -> DiagnosisRecord:
    facts = fold.imported or {}
    wanted = {case.probe for case in run.task.cases}
    record = DiagnosisRecord(
        schema_version=SCHEMA_VERSION,
        id=run.task.cell.id,
        matrix=run.task.matrix.name,
        key=key,
        harness=diagnosis_digest(),
        axes=run.task.cell.axes,
        resolved=facts.get("resolved", {}),
        platform=facts.get("platform", {}),
        lock=given(run.lock).sha256,
        probes={probe.name: probe.digest for probe in run.task.probes if probe.name in wanted},
        started=run.started,
        finished=utc_now(),
        diagnoses=diagnoses,
    )
    plain: dict[str, Any] = redactor(run).record(msgspec.to_builtins(record), also=("arguments", "attributes"))
    return msgspec.convert(plain, DiagnosisRecord)
