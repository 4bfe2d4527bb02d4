"""Pins worth publishing. Only what was installed and run together counts; a factored result never does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from packaging.version import InvalidVersion, Version

from matrixscan.analysis.findings import Finding, LaneView
from matrixscan.analysis.judge import GOOD
from matrixscan.analysis.view import CellView, ScanView

JOINT = "joint"

_RANKED_AXES = ("torch", "onnxruntime", "onnx")


class Pick(msgspec.Struct, frozen=True):
    """One combination for one (probe, variant), with what was measured."""

    id: str
    python: str
    pins: dict[str, str]  # package axes only, without local version labels
    constraints: str | None  # file name of all transitive pins; only a combination whose verdict is good has one
    lanes: tuple[str, ...]  # those that are good
    cases_passed: int  # in these lanes
    smallest_margin: float | None  # tolerance / error at the worst element seen in these lanes
    evidence: str
    platform: str


class ProbePicks(msgspec.Struct, frozen=True):
    """Newest torch first. `conditional` works with the named lanes only and is not known-good."""

    good: tuple[Pick, ...]
    conditional: tuple[Pick, ...]


class Recommendations(msgspec.Struct, frozen=True):
    """All that can be recommended from one scan. `good`: ids of the cells whose verdict is good."""

    matrix: str
    probes: dict[str, ProbePicks]  # probe/variant -> picks
    good: tuple[str, ...]
    warnings: tuple[str, ...]


def recommend(view: ScanView) -> Recommendations:
    """Choose from the cells whose packages were installed together."""
    cells = newest_first(cell for cell in view.cells if cell.evidence == JOINT)
    return Recommendations(
        matrix=view.matrix,
        probes={subject.key: _picks(cells, subject.key) for subject in view.subjects if subject.judged},
        good=tuple(cell.id for cell in cells if cell.verdict == GOOD),
        warnings=view.warnings,
    )


def newest_first(cells: Iterable[CellView]) -> list[CellView]:
    """Sort by torch, onnxruntime, onnx and python, newest first; equal ones by id."""
    by_id = sorted(cells, key=lambda cell: cell.id)
    return sorted(by_id, key=_age, reverse=True)


def pins(cell: CellView) -> dict[str, str]:
    """Return the resolved version of every package axis, as an index would know it."""
    return {axis: public(cell.resolved.get(axis, version)) for axis, version in cell.axes.items() if axis != "python"}


def public(version: str) -> str:
    """Drop the local label: no index offers `2.4.0+cpu` under that name to everyone."""
    return version.partition("+")[0]


def describe_platform(platform: Mapping[str, Any]) -> str:
    """Return system, machine, C library and processor in one line."""
    system = " ".join(str(platform[key]) for key in ("system", "machine") if platform.get(key))
    rest = [str(platform[key]) for key in ("libc", "cpu") if platform.get(key)]
    return ", ".join(filter(None, [system, *rest])) or "unknown platform"


def constraints_name(cell_id: str) -> str:
    """Return the file name of a combination's constraints."""
    return f"constraints-{cell_id}.txt"


def _picks(cells: Sequence[CellView], key: str) -> ProbePicks:
    good = [cell for cell in cells if cell.findings[key].verdict == GOOD]
    partly = [cell for cell in cells if cell.findings[key].verdict != GOOD and cell.findings[key].working_lanes()]
    return ProbePicks(
        good=tuple(_pick(cell, cell.findings[key], _constraints(cell)) for cell in good),
        conditional=tuple(_pick(cell, cell.findings[key], None) for cell in partly),
    )


def _constraints(cell: CellView) -> str | None:
    """Return the file of a combination that is good for all that decides; a file is taken without reading its head."""
    return constraints_name(cell.id) if cell.verdict == GOOD else None


def _pick(cell: CellView, finding: Finding, constraints: str | None) -> Pick:
    lanes: tuple[LaneView, ...] = finding.working_lanes()
    margins = [lane.smallest_margin for lane in lanes if lane.smallest_margin is not None]
    index = f", torch from the {cell.torch_index} index" if cell.torch_index else ""
    return Pick(
        id=cell.id,
        python=cell.resolved.get("python") or cell.axes.get("python", ""),
        pins=pins(cell),
        constraints=constraints,
        lanes=tuple(lane.label for lane in lanes),
        cases_passed=sum(lane.passed for lane in lanes),
        smallest_margin=min(margins, default=None),
        evidence=cell.evidence,
        platform=describe_platform(cell.platform) + index,
    )


def _age(cell: CellView) -> list[Version]:
    return [_version(cell.resolved.get(axis) or cell.axes.get(axis)) for axis in (*_RANKED_AXES, "python")]


def _version(text: str | None) -> Version:
    try:
        return Version(text or "0")
    except InvalidVersion:
        return Version("0")
