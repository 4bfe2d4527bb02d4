"""The stages of an environment, in order: resolve, install, import with the cases that follow it.

Each takes the run one step further or raises Stopped with the tool's own words.
"""

from __future__ import annotations

import hashlib
import platform
import re
import time
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from matrixscan.environment.create import CreationError, create
from matrixscan.environment.harness import harness_digest, place_harness, run_harness
from matrixscan.environment.install import InstallError, install
from matrixscan.environment.interpreters import NoInterpreterError, find_interpreter
from matrixscan.environment.lock import UNREACHABLE, ResolutionError, resolve
from matrixscan.environment.torch_index import choose_torch_index
from matrixscan.execution.overlays import prepare_overlay
from matrixscan.execution.requests import batches
from matrixscan.execution.state import CellRun, Overlay, given
from matrixscan.plan.factor import export_names
from matrixscan.records.build import log_tail
from matrixscan.records.events import append_event
from matrixscan.records.types import Error, StageRecord
from matrixscan.store.files import write_atomically

#: Words of an installation that say nothing about the combination, only about this machine and its network.
_INFRASTRUCTURE = re.compile(
    UNREACHABLE + r"|No space left|quota exceeded|Permission denied|Read-only file system|Too many open files"
    r"|Input/output error|HTTP status (?:client|server) error",
    re.IGNORECASE,
)


class Stopped(Exception):  # noqa: N818  a way a stage can end, not an error of the program
    """An environment stage did not pass; the record ends here."""

    def __init__(self, outcome: str, kind: str, words: str, log: str = "") -> None:
        super().__init__(words)
        self.outcome, self.kind, self.log = outcome, kind, log or words


def measure(run: CellRun) -> None:
    """Take the cell through its stages; the first that does not pass ends it."""
    if build_environment(run):
        _take(run, "import", _run_cases)


def build_environment(run: CellRun) -> bool:
    """Resolve and install; return whether the environment stands."""
    return _take(run, "resolve", _resolve) and _take(run, "install", _install)


def _take(run: CellRun, stage: str, step: Callable[[CellRun], None]) -> bool:
    """Do one stage, keep its record, and return whether it passed."""
    run.say(stage, "...")
    began = time.monotonic()
    stop = _attempt(step, run)
    seconds = round(time.monotonic() - began, 3)
    if stop is not None:
        error = Error(stop.kind, str(stop))
        run.stages.append(StageRecord(stage, stop.outcome, seconds, error, log_tail(stop.log)))
        run.say(stage, f"{stop.outcome}: {stop.kind}")
        return False
    if stage != "import":  # the harness times its imports itself
        run.stages.append(StageRecord(stage, "passed", seconds))
    return True


def _attempt(step: Callable[[CellRun], None], run: CellRun) -> Stopped | None:
    """Do a step; an error of our own is infrastructure, never a verdict about the combination."""
    try:
        step(run)
    except Stopped as stop:
        return stop
    except Exception as error:  # noqa: BLE001  one cell's trouble must not end the scan
        return Stopped("infra", type(error).__name__, str(error), traceback.format_exc())
    return None


def _resolve(run: CellRun) -> None:
    cell = run.task.cell
    try:
        run.interpreter = find_interpreter(cell.python)
    except NoInterpreterError as error:
        # Says something about this machine and nothing about the combination.
        raise Stopped("skipped", "NoInterpreter", str(error)) from error
    if run.lock is not None:
        return
    index = choose_torch_index(run.task.matrix.index.torch) if "torch" in cell.axes else "pypi"
    try:
        run.lock = resolve(
            cell.requirements,
            interpreter=run.interpreter,
            python=cell.python,
            torch_index=index,
            title=cell.id,
            as_of=cell.as_of,
        )
    except ResolutionError as error:
        raise Stopped(error.outcome, error.kind, str(error)) from error
    write_atomically(run.reports.lock_path(cell.id), run.lock.text.encode())


def _install(run: CellRun) -> None:
    try:
        run.environment = create(run.work.environment, given(run.interpreter))
        install(run.environment, given(run.lock), seconds=run.task.matrix.limits.install_seconds)
    except CreationError as error:
        raise Stopped("infra", "EnvironmentError", str(error)) from error
    except InstallError as error:
        raise Stopped(_install_outcome(error), "InstallError", str(error)) from error
    wanted = {case.probe for case in run.task.selected}
    for probe in run.task.probes:
        if probe.name in wanted:
            # A run side runs artifacts, not models: what a probe is made of is not needed.
            own = run.task.mode not in {"adopt", "execute"}
            run.overlays[probe.name] = prepare_overlay(run, probe) if own else Overlay(None, ())


def _install_outcome(error: InstallError) -> str:
    # Pinned wheels are only fetched and unpacked: too slow is the network or the disk, never the combination.
    return "infra" if error.timed_out or _INFRASTRUCTURE.search(str(error)) else "failed"


def _run_cases(run: CellRun) -> None:
    run.work.forget_runs(keep=run.folder.name)
    harness = place_harness(run.task.places.work / "harness")
    limits = run.task.matrix.limits
    bounds = {probe.name: probe.case_seconds for probe in run.task.probes if probe.case_seconds}
    notice = run.event_listener()
    run.folder.mkdir(parents=True, exist_ok=True)
    append_event(run.events, {"event": "retry"})
    for request in batches(run.task, run.overlays, _export_key(run)):
        seconds = {case["id"]: bounds[case["probe"]] for case in request["cases"] if case["probe"] in bounds}
        run_harness(given(run.environment), harness, request, run.folder, limits, seconds, notice)
        if run.fold().import_failed:
            break
    for name, overlay in run.overlays.items():
        if overlay.error is not None:
            _note_unavailable(run, name, overlay)


def _export_key(run: CellRun) -> str:
    """Return the digest of what decides an export here, besides the probe and its own packages."""
    runners = {case.runner for case in run.task.cases}
    packages = given(run.lock).packages
    # NumPy is a matter of running where that is apart; here the exporter computes with the same one.
    names = {*export_names(packages, runners), *({"numpy"} & packages.keys())}
    pins = sorted(f"{name}=={packages[name]}" for name in names)
    parts = [harness_digest(), given(run.environment).version, platform.system(), platform.machine(), *pins]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _note_unavailable(run: CellRun, name: str, overlay: Overlay) -> None:
    """Give every case of a probe whose own packages cannot be had its outcome."""
    digest = next(probe.digest for probe in run.task.probes if probe.name == name)
    append_event(run.events, {"event": "request", "probes": {name: digest}})
    end: dict[str, Any] = {"outcome": overlay.outcome, "reason": "requirement", "stage": "build"}
    end["error"] = msgspec.structs.asdict(given(overlay.error))
    for case in run.task.selected:
        if case.probe == name:
            append_event(run.events, {"event": "case", "state": "done", "case": case.id, **end})
