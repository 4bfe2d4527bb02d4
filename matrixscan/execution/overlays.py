"""A probe's own packages: a folder beside the environment, never in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from matrixscan.environment.install import InstallError, install_beside
from matrixscan.environment.lock import LockFile, ResolutionError, inputs_digest, read_lock, resolve
from matrixscan.execution.state import CellRun, Overlay, given
from matrixscan.matrix.types import Probe
from matrixscan.records.types import Error
from matrixscan.store.files import write_atomically


def prepare_overlay(run: CellRun, probe: Probe) -> Overlay:
    """Resolve and install a probe's own packages; whatever fails is a finding about this probe alone.

    Nothing moves: the environment's versions are constraints, and only packages it does not have are installed.
    """
    python = given(run.environment).version
    if not SpecifierSet(probe.requires_python).contains(python, prereleases=True):
        words = f"the probe requires Python {probe.requires_python}, this combination has {python}"
        return Overlay(None, (), Error("RequiresPython", words), "skipped")
    asked = _applying(probe.dependencies, python)
    if not asked:
        return Overlay(None, ())
    moved = _moved(asked, given(run.lock).packages)
    if moved:
        return Overlay(None, (), Error("AxisConflict", moved), "skipped")
    folder = run.work.overlays / probe.name
    try:
        own = _own_lock(run, probe, asked)
        install_beside(given(run.environment), own, folder, seconds=run.task.matrix.limits.install_seconds)
    except ResolutionError as error:
        return Overlay(None, (), Error(error.kind, str(error)), "infra" if error.outcome == "infra" else "skipped")
    except InstallError as error:
        return Overlay(None, (), Error("InstallError", str(error)), "infra")
    return Overlay(folder, own_packages(own))


def own_packages(lock: LockFile | None) -> tuple[str, ...]:
    """Return a probe's own packages as pins."""
    return tuple(f"{name}=={version}" for name, version in lock.packages.items()) if lock else ()


def _applying(dependencies: Sequence[str], python: str) -> tuple[str, ...]:
    """Return the requirements whose markers hold for this Python."""
    here = {"python_version": ".".join(python.split(".")[:2]), "python_full_version": python}
    markers = {text: Requirement(text).marker for text in dependencies}
    return tuple(text for text, marker in markers.items() if marker is None or marker.evaluate(here))


def _moved(asked: Sequence[str], packages: Mapping[str, str]) -> str:
    """Say which requirement would move a package of the environment; empty if none does."""
    for requirement in map(Requirement, asked):
        version = packages.get(canonicalize_name(requirement.name))
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            return f"the probe asks for {requirement}, this combination has {requirement.name} {version}"
    return ""


def _own_lock(run: CellRun, probe: Probe, asked: Sequence[str]) -> LockFile:
    """Return the lock of the probe's own packages, without those the environment has already."""
    cell, lock = run.task.cell, given(run.lock)
    constraints = lock.packages
    if probe.no_deps:
        listed = {canonicalize_name(Requirement(text).name) for text in asked}
        constraints = {name: version for name, version in constraints.items() if name in listed}
    path = run.reports.lock_path(cell.id, probe.name)
    known = None if run.task.options.relock else read_lock(path)
    if known is not None and known.inputs == inputs_digest(asked, cell.python, constraints):
        return known
    own = resolve(
        asked,
        interpreter=given(run.interpreter),
        python=cell.python,
        torch_index=lock.torch_index,
        title=f"probe {probe.name} beside {cell.id}",
        constraints=constraints,
        no_deps=probe.no_deps,
    ).without(lock.packages)
    write_atomically(path, own.text.encode())
    return own
