"""The words of tables and finding lines. A figure never stands without its stage, size and lane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from matrixscan.analysis.drift import AMPLE
from matrixscan.analysis.findings import Figure, Finding
from matrixscan.analysis.first_line import first_line
from matrixscan.analysis.judge import BAD, GOOD, UNKNOWN
from matrixscan.analysis.view import CellView, ProbeVariant, ScanView
from matrixscan.harness.protocol import ENVIRONMENT_STAGES
from matrixscan.records.types import Error

#: Axes with a column of their own; every other axis is written "name version" in one column.
MAIN_AXES = ("python", "torch", "onnx", "onnxruntime")

_WIDTH = 90
_MOST_CELL_COLUMNS = 6
#: Reasons that a figure says more about.
_OF_VALUES = frozenset({"mismatch", "optimizer", "precision"})


class Table(msgspec.Struct, frozen=True):
    """Plain text, unescaped."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def cell_text(finding: Finding) -> str:
    """Return the text of one table cell."""
    if finding.verdict == GOOD:
        margin = finding.smallest_margin
        return "ok" if margin is None or margin >= AMPLE else f"ok, margin {number(margin)}"
    if not finding.applicable:
        return "n/a"
    if finding.verdict != BAD:
        return _with_lanes(_clip(_unknown(finding.stage, finding.outcome, finding.reason, finding.error)), finding)
    return _with_lanes(_announced(finding) + _problem_text(finding) + _count(finding), finding)


def models_table(view: ScanView) -> Table:
    """One row a cell: its axes, its verdict, then one column for every judged (probe, variant).

    The other way round where there are more of those than fit side by side.
    """
    judged = [subject for subject in view.subjects if subject.judged]
    if len(judged) > _MOST_CELL_COLUMNS >= len(view.cells):
        return _turned(view, judged)
    main = [axis for axis in MAIN_AXES if any(axis in cell.axes for cell in view.cells)]
    others = any(axis not in MAIN_AXES for cell in view.cells for axis in cell.axes)
    heads = [subject.key if subject.first else f"{subject.key} (alternative)" for subject in judged]
    return Table(
        headers=(*main, *(["others"] if others else []), "verdict", *heads),
        rows=tuple(
            (
                *(cell.axes.get(axis, "-") for axis in main),
                *([_other_axes(cell.axes)] if others else []),
                cell.verdict,
                *(cell_text(cell.findings[subject.key]) for subject in judged),
            )
            for cell in view.cells
        ),
    )


def _turned(view: ScanView, judged: Sequence[ProbeVariant]) -> Table:
    ids = short_ids([cell.id for cell in view.cells])
    rows = [("verdict", *(cell.verdict for cell in view.cells))]
    for subject in judged:
        name = subject.key if subject.first else f"{subject.key} (alternative)"
        rows.append((name, *(cell_text(cell.findings[subject.key]) for cell in view.cells)))
    return Table(("model", *ids), tuple(rows))


def pictures(view: ScanView) -> tuple[tuple[str, str], ...]:
    """Return what each difference picture shows, and its file in the report's folder; then those of diagnoses."""
    drawn = (
        (f"{each.cell} {each.case} {kind}", file)
        for each in view.explanations
        if each.diagnosis is not None
        for kind, file in each.diagnosis.pictures.items()
    )
    differences = (
        (f"{cell.id} {case.id}", str(case.facts["picture"]))
        for cell in view.cells
        for case in cell.cases
        if isinstance(case.facts.get("picture"), str)
    )
    return (*differences, *drawn)


def probes_table(view: ScanView) -> Table:
    """The probes that decide nothing: a row each and a column a cell, the other way round past six cells."""
    keys = [subject.key for subject in view.subjects if not subject.judged]
    if len(view.cells) > _MOST_CELL_COLUMNS:
        rows = [(cell.id, *(cell_text(cell.findings[key]) for key in keys)) for cell in view.cells]
        return Table(("combination", *keys), tuple(rows))
    ids = short_ids([cell.id for cell in view.cells])
    rows = [(key, *(cell_text(cell.findings[key]) for cell in view.cells)) for key in keys]
    return Table(("probe", *ids), tuple(rows))


def finding_lines(view: ScanView) -> tuple[str, ...]:
    """One line for every judged (probe, variant) of a cell that is bad, or unknown for a reason.

    Only one line where the environment failed.
    """
    lines: list[str] = []
    for cell in view.cells:
        judged = [cell.findings[subject.key] for subject in view.subjects if subject.judged]
        if cell.stage in ENVIRONMENT_STAGES:
            lines.append(f"{cell.id}: {_cell_problem(cell)}")
        else:
            lines.extend(_finding_line(cell.id, finding) for finding in judged if _worth_a_line(finding))
    return tuple(lines)


def drift_lines(view: ScanView) -> tuple[str, ...]:
    """One line for everything that moves between combinations without failing."""
    eager = (drift.describe() for drift in view.eager_drifts)
    return (*eager, *(drift.describe() for drift in view.margin_drifts))


def _worth_a_line(finding: Finding) -> bool:
    return finding.verdict == BAD or (finding.verdict == UNKNOWN and finding.stage is not None)


def short_ids(ids: Sequence[str]) -> list[str]:
    """Drop the parts that every id has; whole ids where that would leave nothing or name two alike."""
    parts = [cell_id.split("-") for cell_id in ids]
    shared = set.intersection(*(set(each) for each in parts)) if len(ids) > 1 else set()
    short = ["-".join(part for part in each if part not in shared) for each in parts]
    return short if all(short) and len(set(short)) == len(ids) else list(ids)


def figure_text(figure: Figure) -> str:
    """Return `max_abs 0.45 at t=345`."""
    return f"max_abs {number(figure.max_abs)}{_at(figure.size)}"


def number(value: float) -> str:
    """Return a figure with at most three significant digits."""
    return f"{value:.3g}"


def _problem_text(finding: Finding) -> str:
    figure = finding.figure
    if finding.stage == "compare" and finding.reason in _OF_VALUES and figure is not None:
        where = _figure_lane(finding, figure)
        return f"compare: {finding.reason}, {figure_text(figure)} ({where}{_needs(figure)})"
    where = f" ({_where(finding.lane)})" if finding.lane else ""
    stage = finding.stage or "stage unknown"
    if finding.reason == "shape_frozen" or (finding.stage == "compare" and finding.reason not in {None, "error"}):
        return f"{stage}: {finding.reason}{_at(finding.size)}{where}"
    return _clip(f"{stage}: {_words(finding.outcome, finding.reason, finding.error)}", len(where)) + where


def _needs(figure: Figure) -> str:
    """Return with which tolerance the worst output would have passed, and how far it is from the one it has."""
    parts = [("needs atol", figure.required_atol), ("margin", figure.margin)]
    said = ", ".join(f"{name} {number(value)}" for name, value in parts if value is not None)
    return f"; {said}" if said else ""


def _figure_lane(finding: Finding, figure: Figure) -> str:
    for lane in finding.lanes:
        if (lane.exporter, lane.opset, lane.precision, lane.runner) == (
            figure.exporter,
            figure.opset,
            figure.precision,
            figure.runner,
        ):
            return _where(lane.label)
    return f"{figure.exporter}, opset {figure.opset}"


def _words(outcome: str, reason: str | None, error: Error | None) -> str:
    parts = [word for word in (outcome, reason) if word in {"crashed", "timed_out", "infeasible", "memory"}]
    if error is not None:
        kind = error.type.rpartition(".")[2]
        parts.append(f"{kind}: {error.message}" if error.message else kind)
    elif reason is not None:
        parts.append(reason)
    return ": ".join(parts) or outcome


def _unknown(stage: str | None, outcome: str, reason: str | None, error: Error | None) -> str:
    if error is not None and error.type == "NotRun":
        return "unknown: not run"
    at = f" at {stage}" if stage else ""
    why = (reason if reason != "error" else None) or (error.type.rpartition(".")[2] if error else "")
    return f"unknown: {outcome}{at}{f': {why}' if why else ''}"


def _cell_problem(cell: CellView) -> str:
    return f"{cell.stage}: {_quoted(cell.outcome, cell.reason, cell.error)}"


def _quoted(outcome: str, reason: str | None, error: Error | None) -> str:
    said = ", ".join(part for part in ("" if outcome == "failed" and reason else outcome, reason) if part)
    if error is None:
        return said
    message = first_line(error.message)
    return f"{said}; {error.type}: {message}" if message else f"{said}; {error.type}"


def _finding_line(cell_id: str, finding: Finding) -> str:
    where = f" ({_where(finding.lane)}{_at(finding.size)})" if finding.lane else ""
    said = _quoted(finding.outcome, finding.reason, finding.error)
    line = f"{cell_id} {finding.probe}/{finding.variant}: {finding.stage}: {said}{where}"
    if finding.figure is not None:
        line += (
            f"; worst {figure_text(finding.figure)} ({_figure_lane(finding, finding.figure)}{_needs(finding.figure)})"
        )
    known = "".join(f"; announced until {entry.until}: {entry.reason}" for entry in finding.announced)
    return _with_lanes(line + _count(finding), finding) + known


def _announced(finding: Finding) -> str:
    """Return a mark for a finding all of whose bad cases were announced."""
    return "as announced: " if finding.bad and not finding.surprising else ""


def _where(lane: str) -> str:
    exporter, _, opset = lane.partition(" ")
    return f"{exporter}, opset {opset}" if opset[:1].isdigit() else lane


def _count(finding: Finding) -> str:
    return f"; {finding.bad} of {finding.counted} cases bad" if finding.bad else ""


def _with_lanes(text: str, finding: Finding) -> str:
    working = finding.working_lanes()
    return f"{text}; ok with {', '.join(lane.label for lane in working)}" if working else text


def _other_axes(axes: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in axes.items() if name not in MAIN_AXES) or "-"


def _at(size: Mapping[str, int]) -> str:
    return f" at {', '.join(f'{axis}={length}' for axis, length in size.items())}" if size else ""


def _clip(text: str, taken: int = 0) -> str:
    room = _WIDTH - taken
    return text if len(text) <= room else text[: room - 3].rstrip() + "..."
