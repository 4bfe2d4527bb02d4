"""The one path from a cell to its record: lock, environment, harness, facts."""

from __future__ import annotations

import datetime
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import filelock
import msgspec

from matrixscan import __version__
from matrixscan.environment.create import CreationError, Environment, create, remove
from matrixscan.environment.harness import harness_digest, place_harness, run_harness
from matrixscan.environment.install import InstallError, install
from matrixscan.environment.interpreters import NoInterpreterError, find_interpreter
from matrixscan.environment.lock import LockFile, ResolutionError, inputs_digest, read_lock, resolve
from matrixscan.environment.torch_index import choose_torch_index
from matrixscan.execution.overlays import Overlay, prepare_overlay
from matrixscan.execution.requests import batches, case_fields
from matrixscan.execution.task import Listener, Notice, Task, resume_key
from matrixscan.harness.protocol import EVENTS_FILE
from matrixscan.records.build import case_records, data_digests, import_stage, log_tail
from matrixscan.records.events import Event, Fold, append_event, read_events
from matrixscan.records.redact import Redactor
from matrixscan.records.types import SCHEMA_VERSION, CaseRecord, Error, Lock, ProbeRecord, Record, StageRecord
from matrixscan.store.files import write_atomically
from matrixscan.store.reports import Reports
from matrixscan.store.work import CellWork


_T = TypeVar("_T")


class Stopped(Exception):
    """An environment stage did not pass; the record ends here."""

    def __init__(self, outcome: str, kind: str, words: str, log: str = "") -> None:
        super().__init__(words)
        self.outcome, self.kind, self.log = outcome, kind, log or words


def run_task(task: Task, listener: Listener) -> Record:
    """Make, or find, the record of a cell, write it and return it.

    Bad combinations are results: whatever a tool or the code under test does ends up in the record. Interrupting
    this at any moment and calling it again continues where it was.
    """
    work = CellWork(task.places.work, task.matrix.name, task.cell.id)
    work.lock.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(work.lock):
        return _Run(task, work, listener).record()


class _Run:
    """The steps of one cell and what they found so far."""

    def __init__(self, task: Task, work: CellWork, listener: Listener) -> None:
        self.task, self.work, self.listener = task, work, listener
        self.reports = Reports(task.places.reports, task.matrix.name)
        self.began = time.monotonic()
        self.started = _now()
        self.stages: list[StageRecord] = []
        self.overlays: dict[str, Overlay] = {}
        self.lock: LockFile | None = None
        self.interpreter: Path | None = None
        self.environment: Environment | None = None

    def record(self) -> Record:
        """Return the earlier record if it still answers, else a new one."""
        if self.task.options.fresh:
            self.work.forget_done()
            self.work.forget_runs()
        self.lock = None if self.task.options.relock else self._known_lock()
        earlier = self._earlier()
        if earlier is not None:
            self._say("skip", "record is complete and its inputs did not change")
            return earlier
        self._measure()
        return self._write()

    def _earlier(self) -> Record | None:
        done = self.work.vouches_for(self.reports.record_path(self.task.cell.id))
        if done is None:
            if self.work.done() is not None:
                # The record was deleted or edited: this cell is to be measured again, all of it.
                self.work.forget_runs()
                self.work.forget_done()
            return None
        key = resume_key(self.task, self.lock.sha256 if self.lock else None)
        wanted = {_stamp(self.task, case) for case in self.task.selected}
        if done.key != key or not wanted <= set(done.cases):
            return None
        return self.reports.read(self.task.cell.id)

    def _known_lock(self) -> LockFile | None:
        lock = read_lock(self.reports.lock_path(self.task.cell.id))
        if lock is None or lock.inputs != inputs_digest(self.task.cell.requirements, self.task.cell.python):
            return None
        setting = self.task.matrix.index.torch
        if "torch" in self.task.cell.axes and lock.torch_index != choose_torch_index(setting):
            return None
        return lock

    def _measure(self) -> None:
        """Take the cell through its environment stages and its cases; a stage that does not pass ends it."""
        for stage, step in (("resolve", self._resolve), ("install", self._install), ("import", self._run_cases)):
            self._say(stage, "...")
            began = time.monotonic()
            stop = _attempt(step)
            seconds = round(time.monotonic() - began, 3)
            if stop is not None:
                error = Error(stop.kind, str(stop))
                self.stages.append(StageRecord(stage, stop.outcome, seconds, error, log_tail(stop.log)))
                self._say(stage, f"{stop.outcome}: {stop.kind}")
                return
            if stage != "import":
                self.stages.append(StageRecord(stage, "passed", seconds))

    def _resolve(self) -> None:
        cell = self.task.cell
        try:
            self.interpreter = find_interpreter(cell.python)
        except NoInterpreterError as error:
            raise Stopped("infeasible", "NoInterpreter", str(error)) from error
        if self.lock is None:
            index = choose_torch_index(self.task.matrix.index.torch) if "torch" in cell.axes else "pypi"
            try:
                self.lock = resolve(
                    cell.requirements,
                    interpreter=self.interpreter,
                    python=cell.python,
                    torch_index=index,
                    title=cell.id,
                )
            except ResolutionError as error:
                raise Stopped(error.outcome, error.kind, str(error)) from error
            write_atomically(self.reports.lock_path(cell.id), self.lock.text.encode())

    def _install(self) -> None:
        lock, interpreter = _given(self.lock), _given(self.interpreter)
        try:
            self.environment = create(self.work.environment, interpreter)
            install(self.environment, lock, seconds=self.task.matrix.limits.install_seconds)
        except CreationError as error:
            raise Stopped("infra", "EnvironmentError", str(error)) from error
        except InstallError as error:
            outcome = "timed_out" if error.timed_out else _install_outcome(str(error))
            raise Stopped(outcome, "InstallError", str(error)) from error
        wanted = {case.probe for case in self.task.selected}
        for probe in self.task.probes:
            if probe.name in wanted:
                self.overlays[probe.name] = prepare_overlay(
                    self.task,
                    probe,
                    self.environment,
                    lock,
                    self.work.overlays / probe.name,
                    self.reports.lock_path(self.task.cell.id, probe.name),
                    interpreter,
                )

    def _run_cases(self) -> None:
        folder = self._run_folder()
        self.work.forget_runs(keep=folder.name)
        harness = place_harness(self.task.places.work / "harness")
        bounds = {probe.name: probe.case_seconds for probe in self.task.probes if probe.case_seconds}
        usable = {name: overlay.folder for name, overlay in self.overlays.items() if overlay.error is None}
        for request in batches(self.task, usable):
            seconds = {case["id"]: bounds[case["probe"]] for case in request["cases"] if case["probe"] in bounds}
            run_harness(
                _given(self.environment), harness, request, folder, self.task.matrix.limits, seconds, self._listener()
            )
            if self._fold().import_failed:
                break
        for name, overlay in self.overlays.items():
            if overlay.error is not None:
                self._note_unavailable(folder, name, overlay)

    def _note_unavailable(self, folder: Path, name: str, overlay: Overlay) -> None:
        """Give every case of a probe whose own packages cannot be had its outcome."""
        done = self._fold().done
        for case in self.task.selected:
            if case.probe == name and case.id not in done:
                event: dict[str, Any] = {"event": "case", "state": "done", "case": case.id, "stage": "build"}
                error = msgspec.structs.asdict(_given(overlay.error))
                append_event(
                    folder / EVENTS_FILE, event | {"outcome": overlay.outcome, "reason": "requirement", "error": error}
                )

    def _write(self) -> Record:
        """Build, redact and store the record, vouch for it, and leave behind only what is asked for."""
        record = self._redacted(self._build())
        data = self.reports.write(record)
        final = tuple(case for case in record.cases if case.outcome != "infra")
        if all(stage.outcome != "infra" for stage in record.stages):
            known = {case.id: case for case in self.task.cases + self.task.selected}
            covered = self.task.selected if _stopped(record) else [known[case.id] for case in final]
            stamps = tuple(sorted({_stamp(self.task, case) for case in covered}))
            self.work.finish(record.key, data, self.task.options.scan, stamps)
        self._publish_log()
        for artifacts in self.work.runs.glob("*/artifacts"):
            remove(artifacts)
        if not self.task.options.keep_env:
            remove(self.work.environment)
        self._say("done", _summary(record))
        return record

    def _build(self) -> Record:
        task, fold = self.task, self._fold()
        digests = {probe.name: probe.digest for probe in task.probes}
        every = {case.id: case for case in (*task.cases, *task.selected)}
        current = [case for case in every.values() if fold.measured(case.probe) == digests[case.probe]]
        cases = case_records([case_fields(case) for case in current], fold)
        imported = None if self.stages and self.stages[-1].outcome != "passed" else import_stage(fold, self._log())
        stages = (*self.stages, *([imported] if imported else []))
        facts = fold.imported or {}
        return Record(
            schema_version=SCHEMA_VERSION,
            id=task.cell.id,
            matrix=task.matrix.name,
            matrixscan=__version__,
            key=self._key(),
            axes=task.cell.axes,
            resolved=facts.get("resolved", {}),
            evidence="joint",
            judged=task.judged,
            started=self.started,
            finished=_now(),
            harness=harness_digest(),
            platform=facts.get("platform", {}),
            limits=msgspec.to_builtins(task.matrix.limits),
            lock=self._lock_record(),
            probes={probe.name: self._probe_record(probe.name, cases) for probe in task.probes},
            stages=stages,
            cases=cases,
            timings=_timings(stages, cases, time.monotonic() - self.began),
        )

    def _lock_record(self) -> Lock | None:
        lock = self.lock
        if lock is None:
            return None
        return Lock(lock.sha256, f"locks/{self.task.cell.id}.txt", lock.torch_index, lock.packages)

    def _probe_record(self, name: str, cases: tuple[CaseRecord, ...]) -> ProbeRecord:
        probe = next(probe for probe in self.task.probes if probe.name == name)
        overlay = self.overlays.get(name)
        weights, inputs = data_digests(cases, name)
        packages = overlay.packages if overlay else ()
        return ProbeRecord(probe.digest, probe.summary, probe.license, packages, weights, inputs)

    def _redacted(self, record: Record) -> Record:
        return msgspec.convert(self._redactor().value(msgspec.to_builtins(record)), Record)

    def _redactor(self) -> Redactor:
        return Redactor({"env": self.work.environment, "work": self.task.places.work, "project": Path.cwd()})

    def _publish_log(self) -> None:
        text = self._log()
        if text:
            write_atomically(self.reports.log_path(self.task.cell.id), self._redactor().text(text).encode())

    def _log(self) -> str:
        path = self._run_folder() / "harness.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def _fold(self) -> Fold:
        return Fold.of(read_events(self._run_folder() / EVENTS_FILE))

    def _key(self) -> str:
        return resume_key(self.task, self.lock.sha256 if self.lock else None)

    def _run_folder(self) -> Path:
        return self.work.run(self._key())

    def _listener(self) -> Callable[[Event], None]:
        def on_event(event: Event) -> None:
            if event["event"] == "stage" and event["stage"] == "import":
                self._say("import", event["outcome"])
            elif event["event"] == "stage" and event["stage"] == "export":
                self._say("export", event["case"].partition("/fp32/")[0])
            elif event["event"] == "died":
                self._say(event["stage"], f"{event['case']} {event['outcome']}: {event['error']['message']}")
            elif event["event"] == "case" and event["state"] == "done" and event["outcome"] != "passed":
                self._say(event["stage"], f"{event['case']} {event['outcome']}: {event['reason']}")

        return on_event

    def _say(self, stage: str, text: str) -> None:
        self.listener(Notice(self.task.cell.id, stage, text, time.monotonic() - self.began))


def _attempt(step: Callable[[], None]) -> Stopped | None:
    """Do a step; an error of our own is infrastructure, never a verdict about the combination."""
    try:
        step()
    except Stopped as stop:
        return stop
    except Exception as error:  # noqa: BLE001  one cell's trouble must not end the scan
        return Stopped("infra", type(error).__name__, str(error), traceback.format_exc())
    return None


def _stamp(task: Task, case: Any) -> str:
    """Name a case together with the state of its probe, so that a changed probe is measured again."""
    digest = next(probe.digest for probe in task.probes if probe.name == case.probe)
    return f"{case.id}@{digest[:12]}"


def _stopped(record: Record) -> bool:
    return any(stage.outcome != "passed" for stage in record.stages)


def _timings(stages: tuple[StageRecord, ...], cases: tuple[CaseRecord, ...], wall: float) -> dict[str, float]:
    environment = sum(stage.seconds for stage in stages)
    harness = sum(seconds for case in cases for seconds in case.seconds.values())
    return {"wall": round(wall, 3), "environment": round(environment, 3), "cases": round(harness, 3)}


def _install_outcome(words: str) -> str:
    """A full disk or a lost network says nothing about the combination; a wrong hash or a missing file does."""
    infra = ("No space left", "error sending request", "dns error", "Failed to fetch", "Connection", "timed out")
    return "infra" if any(text in words for text in infra) else "failed"


def _summary(record: Record) -> str:
    if _stopped(record):
        return f"{record.stages[-1].stage}: {record.stages[-1].outcome}"
    passed = sum(case.outcome == "passed" for case in record.cases)
    return f"{passed} of {len(record.cases)} cases passed"


def _given(value: _T | None) -> _T:
    if value is None:
        raise RuntimeError("a step was reached before the one that provides for it")
    return value


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
