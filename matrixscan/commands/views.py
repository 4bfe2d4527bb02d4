"""The records of a plan as far as they still hold, and the view of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from matrixscan.analysis.view import ScanView, build_view
from matrixscan.execution.requests import effective_tolerances
from matrixscan.plan.ids import combination_id
from matrixscan.plan.types import Plan
from matrixscan.records.types import Record


def plain_view(plan: Plan, records: Sequence[Record], cells: Collection[str] | None = None) -> ScanView:
    """Return what the records of a plan's combinations mean, without explanations.

    Args:
        plan: the plan.
        records: its records, and maybe others.
        cells: the combinations meant; all of the plan when None.
    """
    matrix = plan.matrix
    planned = [(cell.id, cell.axes) for cell in plan.cells if cells is None or cell.id in cells]
    wanted = dict(planned)
    return build_view(
        matrix.name,
        ". ".join(filter(None, [matrix.description.rstrip("."), compared_with(plan)])),
        planned,
        [record for record in records if record.id in wanted],
        judged=plan.judged,
        cases=plan.cases,
        families=[probe.name for probe in plan.probes if probe.family],
        infeasible=plan.infeasible if cells is None else (),
    )


def compared_with(plan: Plan) -> str:
    """Say what the outputs of a model without a source are compared with; nothing of models that are exported here."""
    artifact = plan.matrix.artifact
    if artifact is None:
        return ""
    what = "the saved ones" if artifact.outputs else f"those of {combination_id(plan.rows[0])}, its first row"
    return f"Outputs of {Path(artifact.model).name} are compared with {what}; where eager is named, they are meant."


def current(record: Record, plan: Plan) -> Record:
    """Cut a record down to what was asked about and still holds.

    A case measured with an earlier state of its probe, or judged with other tolerances, says nothing about the plan's.
    """
    planned = {probe.name: probe for probe in plan.measured_probes}
    current = {
        name for name, probe in record.probes.items() if name in planned and probe.digest == planned[name].digest
    }
    tolerances = plan.matrix.tolerances
    wanted = {case.id for case in plan.measured}
    cases = tuple(
        case
        for case in record.cases
        if case.id in wanted
        and case.probe in current
        and all(
            (output.rtol, output.atol)
            == effective_tolerances(planned[case.probe], tolerances, case.precision, output.name)
            for output in case.outputs
        )
    )
    probes = {name: record.probes[name] for name in planned if name in record.probes}
    return msgspec.structs.replace(record, cases=cases, judged=plan.judged, probes=probes)
