"""Makes the record of a cell from what the tools and the harness reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from matrixscan.harness.protocol import share_key, size_text
from matrixscan.records.events import Event, Fold
from matrixscan.records.types import CaseRecord, Error, OutputMetrics, StageRecord

_LOG_CHARACTERS = 4000
_OF_THE_ARTIFACT = ("artifact_bytes", "ir_version", "operators", "opset_found", "producer")


def case_records(cases: Sequence[Mapping[str, Any]], fold: Fold) -> tuple[CaseRecord, ...]:
    """Return a record for every case that has an outcome, in the order of `cases`."""
    found = ((case, fold.outcome_of(case)) for case in cases)
    records = [_case_record(case, end) for case, end in found if end is not None]
    _say_once(records)
    return tuple(records)


def _say_once(records: Sequence[CaseRecord]) -> None:
    """Keep what describes an artifact in the first case that used it."""
    seen = set()
    for record in records:
        artifact = share_key(msgspec.structs.asdict(record), "export")
        if artifact in seen:
            for name in _OF_THE_ARTIFACT:
                record.facts.pop(name, None)
        seen.add(artifact)


def _case_record(case: Mapping[str, Any], end: Event) -> CaseRecord:
    facts = dict(end.get("facts", {}))
    if end.get("peak_memory"):
        facts["peak_memory"] = end["peak_memory"]
    error = end.get("error")
    fields = ("id", "probe", "variant", "exporter", "opset", "precision", "runner", "size", "witness")
    return CaseRecord(
        **{name: case[name] for name in fields if name in case},
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


def lift_digests(
    cases: Sequence[CaseRecord], probe: str, *, family: bool = False
) -> tuple[dict[str, str], dict[str, str]]:
    """Take the digests of a probe's weights (by variant) and inputs (by size) out of its cases and return them.

    The variants of a family are different models, whose inputs of one size differ.
    """
    weights: dict[str, str] = {}
    inputs: dict[str, str] = {}
    for case in cases:
        if case.probe == probe:
            _lift(case, "weights", case.variant, weights)
            _lift(case, "inputs", f"{case.variant} " * family + size_text(case.size), inputs)
    return weights, inputs


def lift_sketches(cases: Sequence[CaseRecord], probe: str) -> dict[str, dict[str, tuple[float, ...]]]:
    """Take the sketches of what eager gave out of a probe's cases and return them by variant and size."""
    sketches: dict[str, dict[str, tuple[float, ...]]] = {}
    for case in cases:
        if case.probe == probe:
            _lift(case, "eager", f"{case.variant} {size_text(case.size)}", sketches)
    return sketches


def _lift(case: CaseRecord, fact: str, key: str, found: dict[str, Any]) -> None:
    """Move a fact that all cases with that key share; one that differs stays where it is, for all to see."""
    if fact in case.facts and found.setdefault(key, case.facts[fact]) == case.facts[fact]:
        del case.facts[fact]
