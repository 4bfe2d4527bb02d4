"""Lets the harness make a failing case small, in the environment that its record was measured in."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from pathlib import Path
from typing import Any, Self

import filelock
import msgspec

from matrixscan.environment.create import remove
from matrixscan.environment.harness import diagnosis_digest, place_harness, run_alone
from matrixscan.environment.lock import read_lock
from matrixscan.environment.process import Finished
from matrixscan.environment.script import run_script
from matrixscan.errors import EXIT_INFRASTRUCTURE, EXIT_UNEXPECTED, MatrixscanError
from matrixscan.execution.overlays import prepare_overlay
from matrixscan.execution.requests import case_fields, probe_fields
from matrixscan.execution.stages import build_environment
from matrixscan.execution.state import CellRun, given
from matrixscan.execution.task import Listener, Task
from matrixscan.records.redact import Redactor
from matrixscan.records.reproduction import Reduced, Words
from matrixscan.records.types import CaseRecord
from matrixscan.store.work import CellWork

#: Seconds one attempt may take, an export or a run of a piece of a graph; and where not ending is the failure.
_ATTEMPT_SECONDS = 300.0
_HANG_SECONDS = 60.0
#: Share of the time after which the search ends with what it has.
_SEARCHING = 0.8
_SCRIPT_SECONDS = 900.0
_FACTS = "facts.json"
_DATA = ("model.onnx", "inputs.npz", "run.npz", "weights.npz", "expected.npz", "actual.npz")
_DIED = re.compile(r"[^\n]*Fatal Python error[^\n]*")


class NotReproducedError(MatrixscanError):
    """A case was not made small, and nothing was written."""

    exit_code = EXIT_UNEXPECTED

    def __init__(self, case: str, why: str) -> None:
        super().__init__(f"{case} was not reproduced: {why}")


class NoLockError(MatrixscanError):
    """The combination's lock is not there, so its environment cannot be made again."""

    def __init__(self, path: Path, cell: str, matrix: str) -> None:
        place = path.as_posix()
        super().__init__(f"no lock {place}; scan {cell} first: matrixscan scan {matrix} --cell {cell}")


class NoEnvironmentError(MatrixscanError):
    """The environment could not be made."""

    exit_code = EXIT_INFRASTRUCTURE

    def __init__(self, cell: str, stage: str, why: str) -> None:
        super().__init__(f"the environment of {cell} could not be made ({stage}): {why}")


class Bench:
    """The environment of one case while its reproduction is made; used as a context, it holds the cell's lock."""

    def __init__(self, task: Task, listener: Listener, seconds: float) -> None:
        self.task, self.listener, self.seconds = task, listener, seconds
        self._work = CellWork(task.places.work, "reproduce", task.cell.id)
        self._lock = filelock.FileLock(self._work.lock)
        self.run = CellRun(task, self._work, listener)
        self._beside: Path | None = None

    def __enter__(self) -> Self:
        self._work.lock.parent.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Interrupted, the environment stays for the next try.
        if not self.task.options.keep_env and (kind is None or issubclass(kind, MatrixscanError)):
            remove(self._work.environment)
        self._lock.release()

    def reduce(self, record: CaseRecord, folder: Path) -> Reduced:
        """Make the case small; its model and data go to `folder`.

        What an earlier call with the same inputs found is taken from the work folder.

        Raises:
            NoLockError: the published lock is gone.
            NoEnvironmentError: the environment cannot be made.
            NotReproducedError: the case does not fail again, or has no smaller form.
        """
        self._build()
        request = self._request(record)
        made = self._work.folder / "reductions" / _digest(request)
        if self.task.options.fresh or not (made / "reproduction" / _FACTS).is_file():
            self.run.say("reduce", "...")
            harness = place_harness(self.task.places.work / "harness")
            limits = msgspec.structs.replace(self.task.matrix.limits, case_seconds=self.seconds)
            began = time.monotonic()
            run_alone(given(self.run.environment), harness, request, made, limits)
            if time.monotonic() - began >= self.seconds and not (made / "reproduction" / _FACTS).is_file():
                raise NotReproducedError(record.id, f"gave up after {self.seconds:g} s; --minutes allows more")
        reduced = self._read(record, made)
        for name in _DATA:
            source = made / "reproduction" / name
            (folder / name).unlink(missing_ok=True)
            if source.is_file():
                shutil.copyfile(source, folder / name)
        return reduced

    def try_script(self, script: Path) -> Finished:
        """Run the written script in the environment and return how it ended."""
        self.run.say("verify", script.name)
        home = self._work.folder / "home"
        environment = given(self.run.environment)
        return run_script(environment, script, home, seconds=_SCRIPT_SECONDS, beside=self._beside)

    def _build(self) -> None:
        cell, path = self.task.cell, self.run.reports.lock_path(self.task.cell.id)
        self.run.lock = read_lock(path)
        if self.run.lock is None:
            raise NoLockError(Path(path.parent.parent.name, "locks", path.name), cell.id, self.task.matrix.name)
        if not build_environment(self.run):
            stage = self.run.stages[-1]
            raise NoEnvironmentError(cell.id, stage.stage, given(stage.error).message)

    def _request(self, record: CaseRecord) -> dict[str, Any]:
        task, probe = self.task, self.task.probes[0]
        overlay = prepare_overlay(self.run, probe)
        self._beside = overlay.folder
        if overlay.error is not None:
            raise NotReproducedError(record.id, overlay.error.message)
        outputs = [{"name": o.name, "passed": o.passed, "part": o.part, "sample": o.sample} for o in record.outputs]
        failure = {"stage": record.stage, "message": record.error.message if record.error else "", "outputs": outputs}
        return {
            "mode": "reproduce",
            "axes": task.cell.axes,
            "threads": task.matrix.limits.threads,
            "exports": "",
            "store": None,
            "attempt_seconds": min(_HANG_SECONDS if record.outcome == "timed_out" else _ATTEMPT_SECONDS, self.seconds),
            "seconds": _SEARCHING * self.seconds,
            "probes": {probe.name: probe_fields(probe, task.matrix.tolerances, overlay.folder)},
            "cases": [case_fields(case) for case in task.selected],
            "failure": failure,
        }

    def _read(self, record: CaseRecord, made: Path) -> Reduced:
        path = made / "reproduction" / _FACTS
        if not path.is_file():
            log = (made / "harness.log").read_text(encoding="utf-8", errors="replace").strip()
            fatal = _DIED.search(log)
            words = fatal.group() if fatal else log[-2000:] or "the harness ended without a word"
            raise NotReproducedError(record.id, self._redactor().text(words))
        reduced = msgspec.json.decode(path.read_bytes(), type=Reduced)
        if reduced.problem is not None:
            raise NotReproducedError(record.id, self._redactor().text(reduced.problem))
        if isinstance(reduced.failure, Words):
            message = self._redactor().text(reduced.failure.message)
            reduced = msgspec.structs.replace(
                reduced, failure=msgspec.structs.replace(reduced.failure, message=message)
            )
        return reduced

    def _redactor(self) -> Redactor:
        return Redactor({"env": self._work.environment, "work": self.task.places.work, "project": Path.cwd()})


def _digest(request: dict[str, Any]) -> str:
    """Name a reduction by all that decides it."""
    asked = msgspec.json.encode([request, diagnosis_digest()], order="deterministic")
    return hashlib.sha256(asked).hexdigest()[:16]
