"""results.json: every cell and case for programs. No times: a repeated scan gives the same text.

Of the error of a case it has the line that says what happened, once in `errors`; the case has its place there, from 0
on. The records have all of its words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from matrixscan.analysis.controls import Doubt
from matrixscan.analysis.explained import Explanation
from matrixscan.analysis.first_line import first_line
from matrixscan.analysis.judge import case_order
from matrixscan.analysis.view import CellView, ScanView
from matrixscan.analysis.why import place_text
from matrixscan.records.layout import layout
from matrixscan.records.types import CaseRecord, Error, OutputMetrics

NAME = "results"
SUFFIX = ".json"

SCHEMA_VERSION = 4
#: Case results from which on those that need no look are counted only; the records have them.
_MANY = 4_000
#: Of an error; the records have all.
_MOST_CHARACTERS = 300
_UNREMARKABLE = ("passed", "infeasible")

_METRICS = (
    "name",
    "part",
    "sample",
    "agreement",
    "cosine",
    "max_abs",
    "mean_abs",
    "rmse",
    "max_rel",
    "snr_db",
    "required_atol",
    "margin",
    "noise_floor",
)

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")


def render(view: ScanView) -> str:
    """Return the whole scan as JSON."""
    many = sum(len(cell.cases) for cell in view.cells) > _MANY
    left_out = _UNREMARKABLE if many else ()
    errors: dict[tuple[str, str], int] = {}
    cells = [_cell(cell, left_out, errors) for cell in sorted(view.cells, key=lambda cell: cell.id)]
    document = {
        "schema_version": SCHEMA_VERSION,
        "matrix": view.matrix,
        "judged": list(view.judged),
        "warnings": list(view.warnings),
        "left_out": list(left_out),
        "explanations": [_explanation(each) for each in view.explanations],
        "controls": {
            "passed": list(view.controlled),
            "not_run": list(view.uncontrolled),
            "quarantined": [_doubt(doubt) for doubt in view.quarantine],
        },
        "errors": [{"type": kind, "message": line} for kind, line in errors],
        "cells": cells,
    }
    return layout(rounded(document)) + "\n"


def rounded(value: Any) -> Any:
    """Return the value with every float at six significant digits; JSON has no word for NaN, so null."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value


def _explanation(each: Explanation) -> dict[str, Any]:
    diagnosis = each.diagnosis
    return {
        "cell": each.cell,
        "case": each.case,
        "cases": each.cases,
        "whose": each.blame.whose,
        "rule": each.blame.rule,
        "because": list(each.blame.because),
        "place": place_text(diagnosis.first) if diagnosis and diagnosis.first else None,
        "causes": [{"id": match.cause.id, "certainty": match.certainty} for match in each.causes],
        "advice": [{"kind": advice.kind, "text": advice.text, "cell": advice.cell} for advice in each.advice],
    }


def _cell(cell: CellView, left_out: Collection[str], errors: dict[tuple[str, str], int]) -> dict[str, Any]:
    announced = {
        case: known.reason for finding in cell.findings.values() for known in finding.announced for case in known.cases
    }
    cases = sorted((case for case in cell.cases if case.outcome not in left_out), key=case_order)
    return {
        "id": cell.id,
        "axes": cell.axes,
        "resolved": dict(sorted(cell.resolved.items())),
        "torch_index": cell.torch_index,
        "evidence": cell.evidence,
        "verdict": cell.verdict,
        "verdicts": cell.verdicts,
        "stage": cell.stage,
        "outcome": cell.outcome,
        "reason": cell.reason,
        "error": _error(cell.error),
        "counts": dict(sorted(Counter(case.outcome for case in cell.cases).items())),
        "cases": [_case(case, announced, errors) for case in cases],
    }


def _doubt(doubt: Doubt) -> dict[str, Any]:
    names = ("exporter", "opset", "precision", "runner")
    lanes = [dict(zip(names, lane, strict=True)) for lane in doubt.lanes]
    return {"id": doubt.id, "words": doubt.words, "lanes": lanes}


def _case(case: CaseRecord, announced: Mapping[str, str], errors: dict[tuple[str, str], int]) -> dict[str, Any]:
    worst = _worst(case.outputs)
    remarks = {"announced": announced.get(case.id), "pruned_inputs": case.facts.get("pruned_inputs")}
    return {
        "probe": case.probe,
        "variant": case.variant,
        "exporter": case.exporter,
        "opset": case.opset,
        "precision": case.precision,
        "runner": case.runner,
        "size": case.size,
        "stage": case.stage,
        "outcome": case.outcome,
        "reason": case.reason,
        "error": None if case.error is None else _place(case.error, errors),
        "witness": case.witness,
        # What there is of these; most cases have none.
        **{name: value for name, value in remarks.items() if value},
        "metrics": None if worst is None else {name: getattr(worst, name) for name in _METRICS},
    }


def _place(error: Error, errors: dict[tuple[str, str], int]) -> int:
    """Return where the line of an error stands among all, where it is put if it is new."""
    line = _ADDRESS.sub("0x...", first_line(error.message))
    line = line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 3] + "..."
    return errors.setdefault((error.type, line), len(errors))


def _worst(outputs: tuple[OutputMetrics, ...]) -> OutputMetrics | None:
    failed = [output for output in outputs if not output.passed]
    if failed:
        return failed[0]
    return min(outputs, key=lambda out: math.inf if out.margin is None else out.margin, default=None)


def _error(error: Error | None) -> dict[str, str] | None:
    if error is None:
        return None
    # An address differs from run to run and says nothing.
    return {"type": error.type, "message": _ADDRESS.sub("0x...", error.message)}
