"""One cell on its way to a record: what is known so far, and where its things lie."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from matrixscan.environment.create import Environment
from matrixscan.environment.lock import LockFile, inputs_digest, read_lock
from matrixscan.environment.torch_index import choose_torch_index
from matrixscan.execution.task import Listener, Notice, Task, resume_key
from matrixscan.harness.protocol import EVENTS_FILE
from matrixscan.records.events import Event, Fold, read_events
from matrixscan.records.types import Error, StageRecord
from matrixscan.store.reports import Reports
from matrixscan.store.work import CellWork

_T = TypeVar("_T")
_PROGRESS_SECONDS = 10.0


def utc_now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class Overlay(msgspec.Struct, frozen=True):
    """Where a probe's own packages are, what they are, or why they could not be had."""

    folder: Path | None
    packages: tuple[str, ...]
    error: Error | None = None
    outcome: str = "passed"


@dataclass
class CellRun:
    """The state of one cell; the stages fill it in."""

    task: Task
    work: CellWork
    listener: Listener
    began: float = field(default_factory=time.monotonic)
    started: str = field(default_factory=utc_now)
    stages: list[StageRecord] = field(default_factory=list)
    overlays: dict[str, Overlay] = field(default_factory=dict)
    lock: LockFile | None = None
    interpreter: Path | None = None
    environment: Environment | None = None

    @property
    def reports(self) -> Reports:
        """The published folder of the matrix."""
        return Reports(self.task.places.reports, self.task.matrix.name)

    @property
    def key(self) -> str:
        """The resume key of this cell with the lock known now."""
        return resume_key(self.task, self.lock.sha256 if self.lock else None)

    @property
    def folder(self) -> Path:
        """Where the run with this key keeps its request, events, log and artifacts."""
        folder: Path = self.work.run(self.key)
        return folder

    @property
    def events(self) -> Path:
        """The event file of this run."""
        return self.folder / EVENTS_FILE

    @property
    def log(self) -> str:
        """What the harness and the packages under test printed."""
        path = self.folder / "harness.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def fold(self) -> Fold:
        """Return what the events amount to."""
        return Fold.of(read_events(self.events))

    def known_lock(self) -> LockFile | None:
        """Return the published lock if it still answers what this cell asks."""
        cell = self.task.cell
        lock = read_lock(self.reports.lock_path(cell.id))
        if lock is None or not cell.axes.keys() - {"python"} <= lock.packages.keys():
            return None  # none, or cut short
        if lock.inputs != inputs_digest(cell.requirements, cell.python, as_of=cell.as_of):
            return None
        setting = self.task.matrix.index.torch
        if "torch" not in cell.axes or (setting == "auto" and self.work.done() is not None):
            return lock  # what was measured here with this lock stands, also while the network is down
        return lock if lock.torch_index == choose_torch_index(setting) else None

    def say(self, stage: str, text: str) -> None:
        """Tell whoever listens."""
        self.listener(Notice(self.task.cell.id, stage, text, time.monotonic() - self.began))

    def event_listener(self) -> Callable[[Event], None]:
        """Return a listener for harness events that says each export and each kind of trouble once."""
        told: set[str] = set()
        progress = _Progress(self) if self.task.mode == "execute" else None

        def on_event(event: Event) -> None:
            if progress is not None and event["event"] in ("case", "stage"):
                progress.on_event(event)
                return
            text = _worth_saying(event)
            if text and text not in told:
                told.add(text)
                self.say(event["stage"], text)

        return on_event


class _Progress:
    """Says now and then how far a run side is: its cases are many, short, and named by digests."""

    def __init__(self, run: CellRun) -> None:
        self._run = run
        self._done, self._told = 0, time.monotonic()

    def on_event(self, event: Event) -> None:
        self._done += event["event"] == "case" and event["state"] == "done"
        if time.monotonic() - self._told >= _PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._run.say("run", f"{self._done} of at most {len(self._run.task.selected)} cases")


def _worth_saying(event: Event) -> str:
    kind, lane = event["event"], str(event.get("case", "")).partition("/fp32/")[0]
    if kind == "stage" and event["stage"] == "import":
        return str(event["outcome"])
    if kind == "stage" and event["stage"] == "export":
        return lane
    if kind == "died":
        return f"{event['case']} {event['outcome']}: {event['error']['message']}"
    if kind == "case" and event["state"] == "done" and event["outcome"] not in {"passed", "infeasible"}:
        return f"{lane} {event['outcome']}: {event['reason']}"
    return ""


def given(value: _T | None) -> _T:
    """Return a value an earlier stage left behind."""
    if value is None:
        raise RuntimeError("a stage was reached before the one that provides for it")
    return value
