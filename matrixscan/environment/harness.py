"""Copies the harness beside the environments and keeps it running until every case has an outcome."""

from __future__ import annotations

import functools
import hashlib
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

import matrixscan.harness
from matrixscan.environment.clean import tested_environment
from matrixscan.environment.create import Environment
from matrixscan.environment.process import Watched
from matrixscan.harness.protocol import EVENTS_FILE, EXIT_DISK, REQUEST_FILE, SCHEMA
from matrixscan.matrix.types import Limits
from matrixscan.records.events import Fold, append_event, read_events, whole_events

_SOURCE = Path(matrixscan.harness.__file__).parent
_GIB = 1024**3
_MEMORY_SECONDS = 0.5
_WORKING = 0.1  # share of the time in which a process that is not stuck has the processor, even on a crowded machine
_PATIENCE = 5.0  # times its bound that a case may take at the most
#: Nothing under test sends itself these: a person, a service manager, or the kernel when memory ends.
_ASKED_TO_END = {-signal.SIGTERM, -signal.SIGINT, -getattr(signal, "SIGHUP", signal.SIGTERM)}
_FROM_OUTSIDE = _ASKED_TO_END | {-getattr(signal, "SIGKILL", signal.SIGTERM)}

Event = dict[str, Any]


#: Folders of the harness that no verdict depends on: the probes are inputs, a diagnosis comes after the verdict.
_PROBES, _DIAGNOSIS = "probes", "diagnosis"


def harness_files() -> list[Path]:
    """Return the files that make up the harness; the probes are inputs, not part of it."""
    return sorted(path for path in _SOURCE.rglob("*.py") if _folder(path) != _PROBES)


@functools.cache
def harness_digest() -> str:
    """Return the digest that names the harness in records and resume keys; one scan has one."""
    return _digest(path for path in harness_files() if _folder(path) != _DIAGNOSIS)


@functools.cache
def diagnosis_digest() -> str:
    """Return the digest of the harness with what diagnoses: it names the placed folder and keys diagnoses."""
    return _digest(harness_files())


def _folder(path: Path) -> str:
    return path.relative_to(_SOURCE).parts[0]


def _digest(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(_SOURCE).as_posix()}\0".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def place_harness(folder: Path) -> Path:
    """Copy the harness to `folder`/h<digest> unless it is there, and return that directory."""
    place = folder / f"h{diagnosis_digest()}"
    if not place.is_dir():
        building = folder / f"{place.name}.{time.monotonic_ns()}"
        for path in harness_files():
            target = building / path.relative_to(_SOURCE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        try:
            building.rename(place)
        except OSError:  # another scan was faster; its copy has the same digest
            shutil.rmtree(building)
    return place


def run_harness(
    environment: Environment,
    harness: Path,
    request: Event,
    folder: Path,
    limits: Limits,
    seconds: dict[str, float],
    notice: Callable[[Event], None],
) -> None:
    """Run the request's cases until each has an outcome in `folder`/events.jsonl.

    A process that dies, hangs or outgrows its memory costs the case it was working on; the rest goes on in a new
    process. Calling this again after an interruption continues with the cases that have no outcome yet.

    Args:
        environment: where to run.
        harness: the placed harness directory.
        request: mode, axes, probes, cases, threads and the store of a factored plan.
        folder: request, events, log and artifacts go here.
        limits: memory and default seconds per case.
        seconds: own bound per case id, where a probe sets one.
        notice: called with every event as it appears.
    """
    folder.mkdir(parents=True, exist_ok=True)
    events = folder / EVENTS_FILE
    append_event(events, {"event": "request", "probes": {n: p["digest"] for n, p in request["probes"].items()}})
    stuck = ""
    forgiven: set[str] = set()
    while True:
        fold = Fold.of(read_events(events))
        remaining = [case for case in request["cases"] if fold.outcome_of(case) is None]
        if not remaining or fold.import_failed:
            return
        append_event(events, {"event": "start"})
        body = msgspec.json.encode({"mode": "run"} | request | {"schema": SCHEMA, "cases": remaining})
        (folder / REQUEST_FILE).write_bytes(body)
        end = _watch(environment, harness, folder, limits, seconds, notice)
        first = remaining[0]["id"]
        blamed = Fold.of(read_events(events)).attribute(end, remaining, again=first == stuck)
        stuck = first
        if blamed is None:
            continue
        where = str(blamed.get("case", "import"))
        if end.get("returncode") in _FROM_OUTSIDE and where not in forgiven:
            forgiven.add(where)  # once may be somebody else's doing; what happens again is its own
            continue
        if end.get("returncode") in _ASKED_TO_END:
            blamed["outcome"] = "infra"
        append_event(events, blamed)
        notice(blamed)


def run_calibration(environment: Environment, harness: Path, request: Event, folder: Path, limits: Limits) -> Path:
    """Let the harness calibrate the request's probes; the .npz files, events and log are in the returned folder."""
    return run_alone(environment, harness, request | {"mode": "calibrate"}, folder, limits)


def run_alone(environment: Environment, harness: Path, request: Event, folder: Path, limits: Limits) -> Path:
    """Serve a request whose results are files and not outcomes of cases, once; they are in the returned folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    append_event(folder / EVENTS_FILE, {"event": "start"})
    (folder / REQUEST_FILE).write_bytes(msgspec.json.encode(request | {"schema": SCHEMA}))
    _watch(environment, harness, folder, limits, {}, lambda _: None)
    return folder


def _watch(
    environment: Environment,
    harness: Path,
    folder: Path,
    limits: Limits,
    seconds: dict[str, float],
    notice: Callable[[Event], None],
) -> Event:
    """Run one harness process to its end and return how it ended."""
    command = [str(environment.python), "-I", str(harness), str(folder / REQUEST_FILE), str(folder)]
    variables = tested_environment(environment.scripts, folder / "home")
    tail = _Tail(folder / EVENTS_FILE)
    allowed, since, next_look = limits.case_seconds, time.monotonic(), 0.0
    worked = 0.0  # processor time when the case began
    with Watched(command, env=variables, cwd=folder, log=folder / "harness.log") as process:
        while True:
            code = process.wait()
            for event in tail.new():
                notice(event)
                if event["event"] == "case":
                    since, worked = time.monotonic(), process.cpu_seconds()
                    allowed = seconds.get(event["case"], limits.case_seconds)
            now = time.monotonic()
            spent = {"spent": round(now - since, 3)}
            if code is not None:
                return spent | {"outcome": "infra" if code == EXIT_DISK else "crashed", "returncode": code}
            if now - since > allowed and not _starved(process.cpu_seconds() - worked, now - since, allowed):
                return spent | {"outcome": "timed_out", "allowed": allowed}
            if now >= next_look:
                next_look = now + _MEMORY_SECONDS
                if process.memory() > limits.memory_gib * _GIB:
                    return spent | {"outcome": "crashed", "memory_gib": limits.memory_gib}


def _starved(worked: float, waited: float, allowed: float) -> bool:
    """Tell whether a case is late because others had the processor: it works, and did not have the time it may take.

    A machine that is busy must not turn a slow export into a wrong verdict; what waits for nothing is given up as ever.
    """
    return worked < allowed and worked > _WORKING * waited and waited < _PATIENCE * allowed


class _Tail:
    """Reads the events that were appended since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size

    def new(self) -> list[Event]:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        return list(whole_events(whole))
