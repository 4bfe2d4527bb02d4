"""What all records together know about one failing case: where else the same thing is right, or wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from matrixscan.analysis.blame import Evidence
from matrixscan.analysis.grid import version_order
from matrixscan.analysis.judge import BAD_OUTCOMES, unoptimized
from matrixscan.harness.protocol import size_text
from matrixscan.matrix.backends import runners
from matrixscan.records.diagnosis import Diagnosis
from matrixscan.records.diagnosis import Seen as Run
from matrixscan.records.types import CaseRecord

#: Levels of ONNX Runtime's graph optimisation, as in harness/diagnosis.
_LEVELS = ("disabled", "basic", "extended", "all")
#: A node is right whose result is off by no more than this share of its ordinary magnitude.
NODE_SHARE = 1e-3
#: Two largest errors that differ by no more than this share are the same error.
AGREEMENT = 0.01


class Seen(msgspec.Struct, frozen=True):
    """A settled case and the releases it was measured with."""

    cell: str
    versions: Mapping[str, str]
    case: CaseRecord


class Experience:
    """Every settled case of a scan, by what it has in common with others."""

    def __init__(self, cells: Iterable[tuple[str, Mapping[str, str], Sequence[CaseRecord]]]) -> None:
        self._places: dict[tuple[object, ...], list[Seen]] = {}
        for cell, versions, cases in cells:
            for case in cases:
                if not case.witness:
                    self._places.setdefault(_place(case), []).append(Seen(cell, versions, case))

    def evidence(self, cell: str, case: CaseRecord) -> Evidence:
        """Return what is known about a failing case of a combination."""
        near = self._places.get(_place(case), [])
        own = next(seen for seen in near if seen.cell == cell and seen.case.id == case.id)
        here = [seen.case for seen in near if seen.cell == cell and seen.case.outcome == "passed"]
        lane = [seen for seen in near if _lane(seen.case) == _lane(case)]
        error = case.error
        right, wrong = _runners(own, lane)
        return Evidence(
            stage=case.stage or "",
            outcome=case.outcome,
            reason=case.reason,
            error=f"{error.type}: {error.message}" if error else "",
            exporter=case.exporter,
            opset=case.opset,
            unoptimized=unoptimized(case),
            exporters_right=tuple(sorted({other.exporter for other in here} - {case.exporter})),
            opsets_right=tuple(sorted({other.opset for other in here if other.exporter == case.exporter})),
            torch_right=_torch_right(own, lane),
            runners_right=right,
            runners_wrong=wrong,
        )


def with_diagnosis(known: Evidence, diagnosis: Diagnosis) -> Evidence:
    """Return the evidence with what further runs of the same case showed; those that did not fail again say nothing."""
    if not diagnosis.reproduced:
        return known
    plain, whole = diagnosis.levels.get(_LEVELS[0]), diagnosis.levels.get(_LEVELS[-1])
    wrong = [name for name in _LEVELS if name in diagnosis.levels and diagnosis.levels[name].passed is False]
    without = known.unoptimized if plain is None or plain.passed is None else plain.passed
    node = diagnosis.first.node if diagnosis.first is not None else None
    run = next((run for run in diagnosis.runs if node is not None and run.node.name == node.name), None)
    return msgspec.structs.replace(
        known,
        unoptimized=without,
        level=wrong[0] if wrong and without else "",
        reference=diagnosis.reference.passed if diagnosis.reference else None,
        reference_agrees=_agrees(diagnosis.reference, whole),
        operator=node.op_type if node else "",
        node_reference=None if run is None or run.reference_torch is None else run.reference_torch <= NODE_SHARE,
        node_runner=None if run is None or run.runner_torch is None else run.runner_torch <= NODE_SHARE,
    )


def _agrees(reference: Run | None, runner: Run | None) -> bool | None:
    """Return whether the evaluator is wrong by what the runner is wrong by; None where either was not seen."""
    if reference is None or runner is None or reference.passed is None or runner.passed is not False:
        return None
    if reference.passed:
        return False
    if reference.reason != runner.reason:
        return False
    if reference.max_abs is None or runner.max_abs is None:
        return None
    return abs(reference.max_abs - runner.max_abs) <= AGREEMENT * max(reference.max_abs, runner.max_abs)


def _place(case: CaseRecord) -> tuple[object, ...]:
    """Return what the same model on the same inputs has in common in every lane."""
    return case.probe, case.variant, case.precision, case.runner, size_text(case.size)


def _lane(case: CaseRecord) -> tuple[object, ...]:
    return case.exporter, case.opset


def _torch_right(own: Seen, lane: Sequence[Seen]) -> tuple[str, ...]:
    """Return the other releases of torch whose export is right in the same release of the runner."""
    package = _package(own)
    return _versions(
        "torch",
        own,
        (
            seen
            for seen in lane
            if seen.case.outcome == "passed" and seen.versions.get(package) == own.versions.get(package)
        ),
    )


def _runners(own: Seen, lane: Sequence[Seen]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the releases of the runner in which the very same artifact is right, and in which it is wrong."""
    package, artifact = _package(own), own.case.facts.get("artifact")
    mine = own.versions.get(package)
    if artifact is None or mine is None:
        return (), (mine,) if mine else ()
    same = [seen for seen in lane if seen.case.facts.get("artifact") == artifact]
    right = _versions(package, own, (seen for seen in same if seen.case.outcome == "passed"))
    wrong = _versions(package, own, (seen for seen in same if seen.case.outcome in BAD_OUTCOMES))
    return right, tuple(sorted({mine, *wrong}, key=version_order))


def _package(own: Seen) -> str:
    """Return the package whose release the runner is."""
    info = runners().get(own.case.runner)
    return next((name for name in info.packages if name in own.versions), "") if info else ""


def _versions(package: str, own: Seen, found: Iterable[Seen]) -> tuple[str, ...]:
    mine = own.versions.get(package)
    versions = {seen.versions[package] for seen in found if package in seen.versions} - {mine}
    return tuple(sorted((version for version in versions if version is not None), key=version_order))
