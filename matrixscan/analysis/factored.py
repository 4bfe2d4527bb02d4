"""Joins what two sides of a factored plan did into the record of a combination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from matrixscan.plan.factor import unit_id
from matrixscan.records.types import CaseRecord, Error, Record, StageRecord

EVIDENCE = "factored"

_Found = TypeVar("_Found", CaseRecord, StageRecord)


class RunSide:
    """A run side's record, its cases by the id of the work they did."""

    def __init__(self, record: Record | None) -> None:
        self.record = record
        self.cases: Mapping[str, CaseRecord] = {case.id: case for case in record.cases} if record else {}


def join(combination: str, axes: Mapping[str, str], export: Record | None, run: RunSide) -> Record | None:
    """Return the record of a combination as its sides tell it; None where a side has none.

    A case that passed on the export side is what the run side says of its artifact; any other is the export side's. A
    case that the run side did not run is left out. An environment that failed ends the combination.
    """
    if export is None or run.record is None:
        return None
    broken = [stage for record in (export, run.record) for stage in record.stages if stage.outcome != "passed"]
    cases = () if broken else tuple(filter(None, (_joined(case, run.cases) for case in export.cases)))
    return msgspec.structs.replace(
        export,
        id=combination,
        axes=dict(axes),
        resolved=run.record.resolved | export.resolved,
        key=f"{export.key}+{run.record.key}",
        evidence=EVIDENCE,
        lock=None,
        stages=tuple(broken) or export.stages,
        cases=cases,
        timings={},
    )


def lent(combination: str, axes: Mapping[str, str], reference: Record | None, run: RunSide) -> Record | None:
    """Return the record of a combination that ran a model without a source; None where it did not yet.

    Whatever keeps the reference from being made says nothing about the combination, whose cases are then skipped.
    """
    if reference is None:
        return None
    missing = tuple(_without_reference(stage) for stage in reference.stages if stage.outcome != "passed")
    ready = not missing and any(case.outcome == "passed" for case in reference.cases)
    if run.record is None and ready:
        return None
    ran = reference if run.record is None else run.record
    broken = missing or tuple(stage for stage in ran.stages if stage.outcome != "passed")
    return msgspec.structs.replace(
        ran,
        id=combination,
        axes=dict(axes),
        resolved={} if run.record is None else ran.resolved,
        evidence=EVIDENCE,
        lock=None if run.record is None else ran.lock,
        probes=reference.probes,
        stages=missing or ran.stages,
        cases=() if broken else tuple(filter(None, (_lent_case(case, run.cases) for case in reference.cases))),
        timings={},
    )


def _lent_case(case: CaseRecord, ran: Mapping[str, CaseRecord]) -> CaseRecord | None:
    if case.outcome in {"passed", "skipped", "infra"}:
        return _joined(case, ran)
    return msgspec.structs.replace(_without_reference(case), reason="error")


def _without_reference(found: _Found) -> _Found:
    """Return a stage or case that failed where the reference is made, as one that was skipped everywhere."""
    said = f"{found.error.type}: {found.error.message}" if found.error else "no words"
    words = f"{found.stage}: {found.outcome} where the reference is made ({said})"
    fix = "correct [artifact], name `outputs` in it, or put another row first"
    return msgspec.structs.replace(found, outcome="skipped", error=Error("NoReference", f"{words}; {fix}"))


def _joined(case: CaseRecord, ran: Mapping[str, CaseRecord]) -> CaseRecord | None:
    if case.outcome != "passed":
        return case
    artifact, reference = case.facts.get("artifact"), case.facts.get("reference")
    if artifact is None or reference is None:
        error = Error("ContradictoryRecord", "the export side left nothing to run")
        return msgspec.structs.replace(case, outcome="infra", error=error)
    other = ran.get(unit_id(case.probe, case.variant, case.precision, case.runner, artifact, reference))
    if other is None:
        return None
    return msgspec.structs.replace(
        case,
        stage=other.stage,
        outcome=other.outcome,
        reason=other.reason,
        error=other.error,
        outputs=other.outputs,
        seconds=case.seconds | other.seconds,
        facts=case.facts | other.facts,
    )
