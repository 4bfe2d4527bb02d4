"""The request a harness gets: plain JSON values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.execution.state import Overlay, given
from matrixscan.execution.task import Task
from matrixscan.matrix.artifact import artifact_files
from matrixscan.matrix.backends import runners
from matrixscan.matrix.types import Probe, Tolerances
from matrixscan.plan.ids import combination_id
from matrixscan.plan.types import Case

#: What outputs are compared with where they were saved, in the record.
SAVED = "saved outputs"


def case_fields(case: Case) -> dict[str, Any]:
    """Return a case as the request and the events know it."""
    return dict(msgspec.structs.asdict(case))


def tolerance_table(probe: Probe, tolerances: Tolerances) -> dict[str, dict[str, tuple[float, float]]]:
    """Return rtol and atol by precision and output; under the empty name, those of every other output."""
    rtol = tolerances.rtol if probe.rtol is None else probe.rtol
    atol = tolerances.atol if probe.atol is None else probe.atol
    half = probe.fp16 or tolerances.fp16
    full = {"": (rtol, atol)}
    low = {"": (half.rtol, half.atol)}
    for name, own in probe.compare.items():
        full[name] = (rtol if own.rtol is None else own.rtol, atol if own.atol is None else own.atol)
        low[name] = (half.rtol, half.atol) if own.fp16 is None else (own.fp16.rtol, own.fp16.atol)
    return {"fp32": full, "fp16": low}


def effective_tolerances(probe: Probe, tolerances: Tolerances, precision: str, output: str) -> tuple[float, float]:
    """Return rtol and atol of one output in one precision."""
    table = tolerance_table(probe, tolerances)["fp32" if precision == "fp32" else "fp16"]
    return table.get(output, table[""])


def probe_fields(probe: Probe, tolerances: Tolerances, overlay: Path | None) -> dict[str, Any]:
    """Return what the harness needs of a probe."""
    path = Path(probe.path).resolve()
    single = {"": {"outputs": list(probe.outputs), "dynamic": _dynamic(probe.dynamic)}}
    chain = {
        name: {"outputs": list(stage.outputs), "dynamic": _dynamic(stage.dynamic)}
        for name, stage in probe.stages.items()
    }
    return {
        "name": probe.name,
        "file": str(path),
        "row": probe.row,
        "digest": probe.digest,
        "overlay": [] if overlay is None else [str(overlay)],
        "weights": None if probe.weights is None else str(path.parent / probe.weights),
        "checkpoint": None if probe.checkpoint is None else str(path.parent / probe.checkpoint),
        "nonfinite": probe.nonfinite,
        "open": probe.open_variants,
        "samples": probe.samples,
        "tolerances": tolerance_table(probe, tolerances),
        "agree": {name: own.agree for name, own in probe.compare.items() if own.agree is not None},
        "pictures": [name for name, own in probe.compare.items() if own.picture],
        "variants": list(probe.variants),
        "export_size": probe.export_size,
        "run_sizes": list(probe.run_sizes),
        "stages": single | chain,
    }


def _dynamic(dynamic: Mapping[str, Mapping[Any, str]]) -> dict[str, dict[str, str]]:
    return {name: {str(axis): text for axis, text in axes.items()} for name, axes in dynamic.items()}


def batches(task: Task, overlays: Mapping[str, Overlay], exports: str = "") -> list[dict[str, Any]]:
    """Return the requests of a cell: one for all probes without own packages, one for each of the others.

    A process sees the packages of at most one probe, so no probe changes what another imports. Probes whose packages
    could not be had are left out. `exports` is the digest of what decides an export besides the probe.
    """
    groups: dict[str, list[Probe]] = {}
    for probe in task.probes:
        overlay = overlays.get(probe.name)
        if overlay is not None and overlay.error is None:
            groups.setdefault(probe.name if overlay.folder else "", []).append(probe)
    requests = (_request(task, group, overlays, exports) for group in groups.values())
    return [request for request in requests if request["cases"]]


def _request(task: Task, probes: Sequence[Probe], overlays: Mapping[str, Overlay], exports: str) -> dict[str, Any]:
    names = {probe.name for probe in probes}
    own = [package for probe in probes for package in overlays[probe.name].packages]
    tolerances = task.matrix.tolerances
    return {
        "axes": task.cell.axes,
        "threads": task.matrix.limits.threads,
        "mode": task.mode,
        "exports": "\n".join([exports, *sorted(own)]),
        "store": None if task.store is None else str(task.store.resolve()),
        "probes": {probe.name: probe_fields(probe, tolerances, overlays[probe.name].folder) for probe in probes},
        "cases": [case_fields(case) for case in task.selected if case.probe in names],
        **({"artifact": artifact_fields(task)} if task.mode == "adopt" else {}),
    }


def artifact_fields(task: Task) -> dict[str, Any]:
    """Return what the harness needs of a model without a source."""
    artifact = given(task.matrix.artifact)
    base = Path(task.matrix.path).resolve().parent
    model, files = artifact_files(artifact, base)
    witnesses = [name for name in task.matrix.cases.runners if runners()[name].witness]
    return {
        "model": str(model),
        "files": [str(file) for file in files],
        "inputs": [str(base / name) for name in artifact.inputs],
        "outputs": [str(base / name) for name in artifact.outputs],
        # In the order of the matrix; what decides nothing is only asked where nothing else is there.
        "runners": sorted(task.matrix.cases.runners, key=lambda name: name in witnesses),
        "compared_with": SAVED if artifact.outputs else combination_id(task.cell.axes),
    }
