"""Makes the record of a cell from what the tools and the harness reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from matrixscan.records.events import Event, Fold
from matrixscan.records.types import CaseRecord, Error, OutputMetrics, StageRecord

_LOG_CHARACTERS = 4000


def case_records(cases: Sequence[Mapping[str, Any]], fold: Fold) -> tuple[CaseRecord, ...]:
    """Return a record for every case that has an outcome, in the order of `cases`."""
    found = ((case, fold.outcome_of(case)) for case in cases)
    return tuple(_case_record(case, end) for case, end in found if end is not None)


def _case_record(case: Mapping[str, Any], end: Event) -> CaseRecord:
    facts = dict(end.get("facts", {}))
    if end.get("peak_memory"):
        facts["peak_memory"] = end["peak_memory"]
    error = end.get("error")
    fields = ("id", "probe", "variant", "exporter", "opset", "precision", "runner", "size")
    return CaseRecord(
        **{name: case[name] for name in fields},
        stage=end["stage"],
        outcome=end["outcome"],
        reason=end.get("reason"),
        error=None if error is None else msgspec.convert(error, Error),
        outputs=msgspec.convert(end.get("outputs", []), tuple[OutputMetrics, ...]),
        seconds=end.get("seconds", {}),
        facts=facts,
    )


def import_stage(fold: Fold, log: str) -> StageRecord | None:
    """Return the import stage, or None while the harness never got that far."""
    event = fold.imported
    if event is None:
        return None
    error = event.get("error")
    return StageRecord(
        stage="import",
        outcome=event["outcome"],
        seconds=round(event["seconds"], 3),
        error=None if error is None else msgspec.convert(error, Error),
        log=None if event["outcome"] == "passed" else log_tail(log),
    )


def log_tail(text: str) -> str:
    """Return the end of a log, which is where tools say what went wrong."""
    return text if len(text) <= _LOG_CHARACTERS else "...\n" + text[-_LOG_CHARACTERS:]


def data_digests(cases: Sequence[CaseRecord], probe: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the digests of weights by variant and of inputs by size that a probe's cases reported."""
    weights, inputs = {}, {}
    for case in cases:
        if case.probe == probe:
            if "weights" in case.facts:
                weights[case.variant] = case.facts["weights"]
            if "inputs" in case.facts:
                inputs[",".join(f"{name}{count}" for name, count in case.size.items())] = case.facts["inputs"]
    return weights, inputs
