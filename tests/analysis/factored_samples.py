"""The two tables of a factored scan, taken from joint records: each record is one export side and one run side."""

from matrixscan.harness.protocol import STAGES, size_text
from matrixscan.records.factored import Combination, ExportRow, Meta, RunRow, Side, shape_text, table_of_rows

_FIGURES = (
    "max_abs", "mean_abs", "rmse", "max_rel", "cosine", "snr_db", "required_atol", "margin", "noise_floor",
    "reference_rms", "rtol", "atol", "agreement",
)  # fmt: skip


def tables(records):
    """Return the export rows and the run rows of records, as tables."""
    sides = {"export": [], "run": []}
    pairs, exports, runs = [], [], []
    for record in records:
        broken = next((stage for stage in record.stages if stage.outcome != "passed"), None)
        told = {} if broken is None else {"stage": broken.stage, "outcome": broken.outcome, "error": broken.error}
        sides["export"].append(Side(f"export-{record.id}", record.axes, **told))
        sides["run"].append(Side(f"run-{record.id}", {}))
        pairs.append(Combination(record.axes, f"export-{record.id}", f"run-{record.id}"))
        for position, case in enumerate(record.cases):
            exports.append(export_row(record, position, case))
            if not before_load(case):
                runs.extend(run_rows(record, case))
    return (
        table_of_rows(ExportRow, exports, Meta(sides=tuple(sides["export"]), combinations=tuple(pairs))),
        table_of_rows(RunRow, runs, Meta(sides=tuple(sides["run"]))),
    )


def before_load(case):
    return case.outcome != "passed" and case.stage in STAGES[: STAGES.index("load")]


def _keys(record, case):
    reference = f"{case.probe}/{case.variant}/{size_text(case.size)}"
    return {"artifact": f"{record.id}/{case.probe}/{case.variant}/{case.exporter}/{case.opset}/{case.precision}",
            "reference": reference, "runner": case.runner, "precision": case.precision}  # fmt: skip


def export_row(record, position, case):
    here = before_load(case)
    error = case.error if here else None
    keys = _keys(record, case)
    return ExportRow(
        side=f"export-{record.id}",
        position=position,
        probe=case.probe,
        variant=case.variant,
        exporter=case.exporter,
        opset=case.opset,
        precision=case.precision,
        runner=case.runner,
        size=size_text(case.size),
        stage=case.stage if here else None,
        outcome=case.outcome if here else "passed",
        reason=case.reason if here else None,
        error_type=error.type if error else None,
        error_message=error.message if error else None,
        artifact=None if here else keys["artifact"],
        reference=None if here else keys["reference"],
        seconds_export=case.seconds.get("export"),
    )


def run_rows(record, case):
    shared = {
        "side": f"run-{record.id}",
        **_keys(record, case),
        "stage": case.stage,
        "outcome": case.outcome,
        "reason": case.reason,
        "error_type": case.error.type if case.error else None,
        "error_message": case.error.message if case.error else None,
        "latency": case.facts.get("runner_ms"),
    }
    if not case.outputs:
        return [RunRow(**shared)]
    return [
        RunRow(
            **shared,
            position=position,
            output=output.name,
            part=output.part,
            sample=output.sample,
            passed=output.passed,
            output_reason=output.reason,
            shape=shape_text(output.shape),
            reference_shape=shape_text(output.reference_shape),
            dtype=output.dtype,
            reference_dtype=output.reference_dtype,
            **{name: getattr(output, name) for name in _FIGURES},
        )
        for position, output in enumerate(case.outputs)
    ]
