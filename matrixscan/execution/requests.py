"""The request a harness gets: plain JSON values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.execution.state import Overlay
from matrixscan.execution.task import Task
from matrixscan.matrix.types import Probe, Tolerances
from matrixscan.plan.types import Case


def case_fields(case: Case) -> dict[str, Any]:
    """Return a case as the request and the events know it."""
    return dict(msgspec.structs.asdict(case))


def effective_tolerances(probe: Probe, tolerances: Tolerances) -> tuple[float, float]:
    """Return rtol and atol: the probe's where it sets them, else the matrix's."""
    rtol = tolerances.rtol if probe.rtol is None else probe.rtol
    return rtol, tolerances.atol if probe.atol is None else probe.atol


def probe_fields(probe: Probe, tolerances: Tolerances, overlay: Path | None) -> dict[str, Any]:
    """Return what the harness needs of a probe."""
    path = Path(probe.path).resolve()
    rtol, atol = effective_tolerances(probe, tolerances)
    return {
        "name": probe.name,
        "file": str(path),
        "digest": probe.digest,
        "overlay": [] if overlay is None else [str(overlay)],
        "weights": None if probe.weights is None else str(path.parent / probe.weights),
        "nonfinite": probe.nonfinite,
        "rtol": rtol,
        "atol": atol,
        "variants": list(probe.variants),
        "outputs": list(probe.outputs),
        "export_size": probe.export_size,
        "run_sizes": list(probe.run_sizes),
        "dynamic": {name: {str(axis): text for axis, text in axes.items()} for name, axes in probe.dynamic.items()},
    }


def batches(task: Task, overlays: Mapping[str, Overlay]) -> list[dict[str, Any]]:
    """Return the requests of a cell: one for all probes without own packages, one for each of the others.

    A process sees the packages of at most one probe, so no probe changes what another imports. Probes whose packages
    could not be had are left out.
    """
    groups: dict[str, list[Probe]] = {}
    for probe in task.probes:
        overlay = overlays.get(probe.name)
        if overlay is not None and overlay.error is None:
            groups.setdefault(probe.name if overlay.folder else "", []).append(probe)
    requests = (_request(task, group, overlays) for group in groups.values())
    return [request for request in requests if request["cases"]]


def _request(task: Task, probes: Sequence[Probe], overlays: Mapping[str, Overlay]) -> dict[str, Any]:
    names = {probe.name for probe in probes}
    tolerances = task.matrix.tolerances
    return {
        "axes": task.cell.axes,
        "threads": task.matrix.limits.threads,
        "probes": {probe.name: probe_fields(probe, tolerances, overlays[probe.name].folder) for probe in probes},
        "cases": [case_fields(case) for case in task.selected if case.probe in names],
    }
