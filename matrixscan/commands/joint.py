"""The tasks of a joint plan: one for each combination, everything in one environment."""

from __future__ import annotations

from typing import Any

from matrixscan.commands.factored import sides_of, store_folder
from matrixscan.commands.request import Plans, Request, measured_places, places
from matrixscan.commands.wide import has_many_cases
from matrixscan.execution.task import Task


def tasks(request: Request, plans: Plans) -> list[Task]:
    """Return one task for each selected cell."""
    probes = {probe.name: probe for probe in (*plans.full.measured_probes, *plans.selected.measured_probes)}
    more = _with_store(request, plans)
    return [
        Task(
            matrix=plans.full.matrix,
            cell=cell,
            probes=tuple(probes.values()),
            cases=plans.full.measured,
            selected=plans.selected.measured,
            judged=plans.full.judged,
            options=request.options,
            places=measured_places() if has_many_cases(plans.full) else places(),
            **more,
        )
        for cell in plans.selected.cells
    ]


def _with_store(request: Request, plans: Plans) -> dict[str, Any]:
    """Return what lets rows that differ in their runner alone share an export; a fresh scan exports in each."""
    sides = sides_of(plans.selected, plans.full)
    if request.options.fresh or len(sides.exports) == len(sides.pairs):
        return {}
    return {"mode": "once", "store": store_folder(plans.full.matrix.name)}
