"""The two tables of a factored scan, from the records of its sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matrixscan.harness.protocol import size_text
from matrixscan.records.factored import SECONDS, Combination, ExportRow, Meta, RunRow, Side, shape_text, table_of_rows
from matrixscan.records.types import CaseRecord, Error, OutputMetrics, Record
from matrixscan.store.parquet import write_exports, write_runs

EXPORTS = "exports.parquet"
RUNS = "runs.parquet"

#: Facts of a side that its table keeps.
_FACTS = ("resolved", "platform", "harness", "started", "finished", "timings", "limits")


def write_sides(
    folder: Path,
    exports: Iterable[Record],
    runs: Iterable[Record],
    order: Sequence[str],
    combinations: Sequence[Combination],
    about: Mapping[str, Any],
) -> None:
    """Write exports.parquet and runs.parquet.

    Args:
        folder: Where they go.
        exports: Records of the export sides; read one at a time.
        runs: Records of the run sides; read one at a time.
        order: Ids of the plan's cases.
        combinations: What the sides are combined to.
        about: What reports quote.
    """
    places = {name: place for place, name in enumerate(order)}
    made: list[Side] = []
    table = table_of_rows(ExportRow, _export_rows(exports, places, made), Meta())
    meta = Meta(sides=tuple(made), combinations=tuple(combinations), about=dict(about))
    write_exports(folder / EXPORTS, type(table)(table.columns, meta))
    made = []
    table = table_of_rows(RunRow, _run_rows(runs, made), Meta())
    write_runs(folder / RUNS, type(table)(table.columns, Meta(sides=tuple(made), about=dict(about))))


def _side(record: Record) -> Side:
    facts = {name: getattr(record, name) for name in _FACTS}
    facts["packages"] = dict(record.lock.packages) if record.lock else {}
    broken = next((stage for stage in record.stages if stage.outcome != "passed"), None)
    if broken is None:
        return Side(record.id, record.axes, facts=facts)
    return Side(record.id, record.axes, broken.stage, broken.outcome, error=broken.error, facts=facts)


def _export_rows(records: Iterable[Record], places: Mapping[str, int], sides: list[Side]) -> Iterator[ExportRow]:
    for record in records:
        sides.append(_side(record))
        for case in record.cases:
            if case.id in places:
                yield _export_row(record.id, places[case.id], case)


def _export_row(side: str, place: int, case: CaseRecord) -> ExportRow:
    kind, message = _error(case.error)
    seconds = {f"seconds_{stage}": case.seconds.get(stage) for stage in SECONDS}
    return ExportRow(
        side=side,
        position=place,
        probe=case.probe,
        variant=case.variant,
        exporter=case.exporter,
        opset=case.opset,
        precision=case.precision,
        runner=case.runner,
        size=size_text(case.size),
        stage=case.stage,
        outcome=case.outcome,
        reason=case.reason,
        error_type=kind,
        error_message=message,
        artifact=case.facts.get("artifact"),
        reference=case.facts.get("reference"),
        **seconds,
    )


def _run_rows(records: Iterable[Record], sides: list[Side]) -> Iterator[RunRow]:
    for record in records:
        sides.append(_side(record))
        seen = set()
        for case in record.cases:
            artifact, _, _, reference, _, _ = case.id.split("/")
            key = artifact, reference, case.runner, case.precision
            if key not in seen:  # two variants that came out alike were run for each, and say the same
                seen.add(key)
                yield from _outputs(record.id, artifact, reference, case)


def _outputs(side: str, artifact: str, reference: str, case: CaseRecord) -> Iterator[RunRow]:
    kind, message = _error(case.error)
    said: dict[str, Any] = {
        "side": side,
        "artifact": artifact,
        "reference": reference,
        "runner": case.runner,
        "precision": case.precision,
        "stage": case.stage,
        "outcome": case.outcome,
        "reason": case.reason,
        "error_type": kind,
        "error_message": message,
        "unoptimized": case.facts.get("unoptimized", {}).get("passed"),
    }
    if not case.outputs:
        yield RunRow(**said)
    for position, output in enumerate(case.outputs):
        yield RunRow(**said, position=position, **_metrics(output))


_FIGURES = (
    "max_abs",
    "mean_abs",
    "rmse",
    "max_rel",
    "cosine",
    "snr_db",
    "required_atol",
    "margin",
    "noise_floor",
    "reference_rms",
    "rtol",
    "atol",
    "agreement",
    "floor",
    "part",
    "sample",
    "passed",
    "dtype",
    "reference_dtype",
)


def _metrics(output: OutputMetrics) -> dict[str, Any]:
    return {name: getattr(output, name) for name in _FIGURES} | {
        "output": output.name,
        "output_reason": output.reason,
        "shape": shape_text(output.shape),
        "reference_shape": shape_text(output.reference_shape),
    }


def _error(error: Error | None) -> tuple[str | None, str | None]:
    return (None, None) if error is None else (error.type, error.message)
