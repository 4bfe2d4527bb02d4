"""A probe's own packages: a folder beside the environment, never in it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from packaging.specifiers import SpecifierSet

from matrixscan.environment.create import Environment
from matrixscan.environment.install import InstallError, install_beside
from matrixscan.environment.lock import LockFile, ResolutionError, inputs_digest, read_lock, resolve
from matrixscan.execution.task import Task
from matrixscan.matrix.types import Probe
from matrixscan.records.types import Error
from matrixscan.store.files import write_atomically


class Overlay(msgspec.Struct, frozen=True):
    """Where a probe's own packages are, what they are, or why they could not be had."""

    folder: Path | None
    packages: tuple[str, ...]
    error: Error | None = None
    outcome: str = "passed"


def prepare_overlay(
    task: Task, probe: Probe, environment: Environment, lock: LockFile, folder: Path, lock_path: Path, interpreter: Path
) -> Overlay:
    """Resolve and install a probe's own packages; whatever fails is a finding about this probe alone.

    Nothing moves: the environment's versions are constraints, and only packages it does not have are installed.
    """
    if not SpecifierSet(probe.requires_python).contains(task.cell.python, prereleases=True):
        words = f"the probe requires Python {probe.requires_python}, this combination has {task.cell.python}"
        return Overlay(None, (), Error("RequiresPython", words), "skipped")
    if not probe.dependencies:
        return Overlay(None, ())
    constraints = {} if probe.no_deps else lock.packages
    try:
        own = read_lock(lock_path)
        if own is None or own.inputs != inputs_digest(probe.dependencies, task.cell.python, constraints):
            own = resolve(
                probe.dependencies,
                interpreter=interpreter,
                python=task.cell.python,
                torch_index=lock.torch_index,
                title=f"probe {probe.name} beside {task.cell.id}",
                constraints=constraints,
                no_deps=probe.no_deps,
            )
            write_atomically(lock_path, own.text.encode())
        moved = [f"{name} {version}" for name, version in own.packages.items() if lock.packages.get(name, version) != version]
        if moved:
            words = f"the probe would move packages of the environment under test: {', '.join(moved)}"
            return Overlay(None, (), Error("MovedPackage", words), "skipped")
        install_beside(environment, own, folder, seconds=task.matrix.limits.install_seconds)
    except ResolutionError as error:
        return Overlay(None, (), Error(error.kind, str(error)), "infra" if error.outcome == "infra" else "skipped")
    except InstallError as error:
        return Overlay(None, (), Error("InstallError", str(error)), "infra")
    packages = tuple(f"{name}=={version}" for name, version in own.packages.items())
    return Overlay(folder, packages)
