"""Why a cell is red: where it goes wrong, whose fault it is, what is known about it, and what works instead."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from matrixscan.analysis.blame import UNKNOWN, Evidence, blame
from matrixscan.analysis.cause_match import Cause
from matrixscan.analysis.causes import causes_of_cases, causes_of_environment
from matrixscan.analysis.evidence import Experience, with_diagnosis
from matrixscan.analysis.explained import ENVIRONMENT, Advice, Explanation
from matrixscan.analysis.findings import Finding
from matrixscan.analysis.grid import version_order
from matrixscan.analysis.judge import BAD, BAD_OUTCOMES, GOOD, first_problem
from matrixscan.analysis.packaging import broken_by
from matrixscan.analysis.view import CellView, ScanView
from matrixscan.harness.protocol import ENVIRONMENT_STAGES
from matrixscan.records.diagnosis import Diagnosis, DiagnosisRecord
from matrixscan.records.packaging import PackagingRecord
from matrixscan.records.types import CaseRecord


def explained(
    view: ScanView,
    diagnoses: Mapping[str, DiagnosisRecord],
    packaging: Mapping[str, PackagingRecord] | None = None,
    causes: Sequence[Cause] = (),
) -> ScanView:
    """Return a scan with an explanation for everything that is bad in it.

    Args:
        view: The judged scan.
        diagnoses: By combination.
        packaging: By combination, what was found out about packages that are no axis.
        causes: Known ones.
    """
    cells, broken = view.cells, packaging or {}
    experience = Experience((cell.id, {**cell.axes, **cell.resolved}, cell.cases) for cell in cells)
    explanations = tuple(
        explanation
        for cell in cells
        for explanation in _of_cell(cell, view, experience, diagnoses.get(cell.id), broken.get(cell.id), causes)
    )
    return msgspec.structs.replace(view, explanations=explanations)


def _of_cell(
    cell: CellView,
    view: ScanView,
    experience: Experience,
    diagnosed: DiagnosisRecord | None,
    broken: PackagingRecord | None,
    causes: Sequence[Cause],
) -> Iterable[Explanation]:
    versions = {**cell.axes, **cell.packages, **cell.resolved}
    if cell.verdict == BAD and cell.stage in ENVIRONMENT_STAGES:
        yield _of_environment(cell, versions, broken, causes)
        return
    looked = {each.case: each for each in diagnosed.diagnoses if each.reproduced} if diagnosed else {}
    known = causes_of_cases(causes, versions, cell.cases, looked)
    for finding in cell.findings.values():
        if finding.verdict == BAD and finding.bad:
            for found in _explanations(cell, finding, view, experience, diagnosed, broken):
                yield msgspec.structs.replace(found, causes=known.get(found.case, ()))


def _explanations(
    cell: CellView,
    finding: Finding,
    view: ScanView,
    experience: Experience,
    diagnosed: DiagnosisRecord | None,
    broken: PackagingRecord | None,
) -> Iterable[Explanation]:
    """Yield an explanation for every way in which a (probe, variant) fails in a combination."""
    ways: dict[tuple[object, ...], list[CaseRecord]] = {}
    for case in cell.cases:
        if (case.probe, case.variant) == (finding.probe, finding.variant) and not case.witness:
            ways.setdefault(_way(case), []).append(case)
    alternatives = {subject.key for subject in view.subjects if subject.judged and not subject.first}
    advice = (*_variants(cell, finding, alternatives), *_lanes(cell, finding), *_combination(cell, finding, view.cells))
    for cases in ways.values():
        if cases[0].outcome in BAD_OUTCOMES:
            diagnosis, case = _looked_at(cases, diagnosed) or (None, first_problem(cases))
            known = experience.evidence(cell.id, case)
            known = msgspec.structs.replace(known, packaging=broken_by(broken, case.stage, case.exporter, case.error))
            if diagnosis is not None:
                known = with_diagnosis(known, diagnosis)
            yield Explanation(
                cell=cell.id,
                probe=finding.probe,
                variant=finding.variant,
                case=case.id,
                cases=len(cases),
                blame=blame(known),
                diagnosis=diagnosis,
                advice=advice,
            )


def _of_environment(
    cell: CellView, versions: Mapping[str, str], broken: PackagingRecord | None, causes: Sequence[Cause]
) -> Explanation:
    said = f"{cell.error.type}: {cell.error.message}" if cell.error else ""
    stage = cell.stage or ""
    known = Evidence(stage, cell.outcome, cell.reason, said, packaging=broken_by(broken, stage, None, cell.error))
    found = causes_of_environment(causes, versions, stage, cell.outcome, said)
    return Explanation(cell.id, ENVIRONMENT, "", "", 0, blame(known), causes=found)


def _way(case: CaseRecord) -> tuple[object, ...]:
    """Return what cases have in common that fail in one way: who converted them, and what is said of them."""
    error = case.error.type if case.error else ""
    return case.exporter, case.precision, case.runner, case.outcome, case.stage, case.reason, error


def _looked_at(own: Sequence[CaseRecord], diagnosed: DiagnosisRecord | None) -> tuple[Diagnosis, CaseRecord] | None:
    """Return the diagnosis that says most of these cases, and its case; one with a place before one without."""
    failing = {case.id: case for case in own}
    found = [each for each in (diagnosed.diagnoses if diagnosed else ()) if each.case in failing and each.reproduced]
    if not found:
        return None
    best = min(found, key=lambda each: (each.first is None, not each.levels))
    return best, failing[best.case]


def _variants(cell: CellView, finding: Finding, alternatives: Collection[str]) -> list[Advice]:
    return [
        Advice("variant", f"variant {other.variant} is good here", cell.id)
        for key, other in cell.findings.items()
        if key in alternatives and other.probe == finding.probe and other.variant != finding.variant
        if other.verdict == GOOD
    ]


def _lanes(cell: CellView, finding: Finding) -> list[Advice]:
    return [Advice("lane", f"{lane.label} works here", cell.id) for lane in finding.working_lanes()]


def _combination(cell: CellView, finding: Finding, cells: Sequence[CellView]) -> list[Advice]:
    """Return the good combination that moves the fewest packages, the newest of several."""
    key = f"{finding.probe}/{finding.variant}"
    good = [other for other in cells if other.findings[key].verdict == GOOD] if cells else []
    if not good:
        return []
    nearest = max(good, key=lambda other: (-len(_moved(cell, other)), _newness(other)))
    moved = ", ".join(f"{axis} {nearest.axes.get(axis, 'none')}" for axis in _moved(cell, nearest))
    return [Advice("combination", f"good with {moved}", nearest.id)]


def _moved(cell: CellView, other: CellView) -> list[str]:
    return [axis for axis in {**cell.axes, **other.axes} if cell.axes.get(axis) != other.axes.get(axis)]


def _newness(cell: CellView) -> tuple[object, ...]:
    return tuple(version_order(cell.axes.get(axis, "")) for axis in ("torch", "onnxruntime", "onnx", "python"))


def blamed(explanations: Iterable[Explanation]) -> dict[str, int]:
    """Count explanations by whose fault they say it is, unknown last."""
    found: dict[str, int] = {}
    for explanation in explanations:
        found[explanation.blame.whose] = found.get(explanation.blame.whose, 0) + 1
    return dict(sorted(found.items(), key=lambda item: (item[0] == UNKNOWN, -item[1], item[0])))
