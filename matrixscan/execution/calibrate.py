"""Runs the harness's calibration of one probe in one environment."""

from __future__ import annotations

import shutil
from pathlib import Path

import filelock

from matrixscan.environment.create import remove
from matrixscan.environment.harness import place_harness, run_calibration
from matrixscan.errors import MatrixscanError
from matrixscan.execution.overlays import prepare_overlay
from matrixscan.execution.requests import probe_fields
from matrixscan.execution.stages import build_environment
from matrixscan.execution.state import CellRun, given
from matrixscan.execution.task import Listener, Task
from matrixscan.matrix.types import Probe
from matrixscan.store.work import CellWork


class UncalibratedError(MatrixscanError):
    """A probe could not be calibrated."""

    def __init__(self, probe: str, why: str) -> None:
        super().__init__(f"probe {probe} was not calibrated: {why}")


def calibrate_probe(task: Task, probe: Probe, listener: Listener) -> Path:
    """Write the statistics of a probe's batch norms to the file named by its `weights` key and return it.

    Raises:
        UncalibratedError: the probe names no file, or the environment or the model failed.
    """
    if probe.weights is None:
        raise UncalibratedError(probe.name, 'give it a key, for example weights = "my_model.npz"')
    work = CellWork(task.places.work, task.matrix.name, task.cell.id)
    work.lock.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(work.lock):
        run = CellRun(task, work, listener)
        run.lock = run.known_lock()
        if not build_environment(run):
            raise UncalibratedError(probe.name, given(run.stages[-1].error).message)
        overlay = prepare_overlay(run, probe)
        if overlay.error is not None:
            raise UncalibratedError(probe.name, overlay.error.message)
        fields = probe_fields(probe, task.matrix.tolerances, overlay.folder) | {"weights": None}
        request = {"axes": task.cell.axes, "threads": task.matrix.limits.threads, "probes": {probe.name: fields}}
        harness = place_harness(task.places.work / "harness")
        made = run_calibration(given(run.environment), harness, request, work.folder / "calibrate", task.matrix.limits)
    source = made / f"{probe.name}.npz"
    if not source.is_file():
        log = (made / "harness.log").read_text(encoding="utf-8", errors="replace").strip()
        raise UncalibratedError(probe.name, f"the harness says: {log[-2000:]}")
    target = Path(probe.path).parent / probe.weights
    shutil.copyfile(source, target)
    shutil.rmtree(made)
    if not task.options.keep_env:
        remove(work.environment)
    return target
