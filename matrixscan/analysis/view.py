"""A scan as reporters see it: every planned cell with its meaning. Nothing is measured again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from matrixscan.analysis.conflicts import DataConflict, data_conflicts, describe_conflicts
from matrixscan.analysis.controls import Doubt, trusted
from matrixscan.analysis.drift import EagerDrift, MarginDrift, eager_drifts, margin_drifts
from matrixscan.analysis.explained import Explanation
from matrixscan.analysis.findings import Finding, build_finding
from matrixscan.analysis.judge import (
    BAD,
    NO_RECORD,
    Judgement,
    deciding_variants,
    judge_environment,
    judge_record,
    settle_cases,
)
from matrixscan.analysis.known import known_failures
from matrixscan.analysis.merge import one_record_each, probe_summaries
from matrixscan.harness.protocol import CASE_STAGES, ENVIRONMENT_STAGES
from matrixscan.matrix.types import Advises
from matrixscan.plan.types import Case, Excluded
from matrixscan.records.types import CaseRecord, Error, Record

_RESOLVE = ENVIRONMENT_STAGES[0]
_BEFORE_EXPORT = CASE_STAGES[: CASE_STAGES.index("export")]


class ProbeVariant(msgspec.Struct, frozen=True):
    """What a column or a row of a table is about."""

    probe: str
    variant: str
    judged: bool  # its probe is one that decides verdicts
    first: bool  # it is a variant that does; the others are alternatives

    @property
    def key(self) -> str:
        """`probe/variant`, as in every report."""
        return f"{self.probe}/{self.variant}"


class CellView(msgspec.Struct, frozen=True):
    """One planned cell, judged. `cases` hold derived reasons; the record itself is untouched."""

    id: str
    axes: dict[str, str]
    resolved: dict[str, str]
    evidence: str  # "joint", "factored", or "none" where nothing was run
    verdict: str
    stage: str | None
    outcome: str
    reason: str | None
    error: Error | None
    verdicts: dict[str, str]  # probe/variant -> verdict
    findings: dict[str, Finding]
    cases: tuple[CaseRecord, ...]
    torch_index: str | None
    platform: dict[str, Any]
    packages: dict[str, str]  # every pin of the lock
    finished: str = ""  # UTC, ISO 8601; empty where nothing was run


class ScanView(msgspec.Struct, frozen=True):
    """A whole scan, cells in plan order."""

    matrix: str
    description: str
    cells: tuple[CellView, ...]
    subjects: tuple[ProbeVariant, ...]  # judged ones first
    probes: dict[str, str]  # name -> summary
    judged: tuple[str, ...]
    warnings: tuple[str, ...]
    conflicts: tuple[DataConflict, ...]
    eager_drifts: tuple[EagerDrift, ...] = ()
    margin_drifts: tuple[MarginDrift, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    quarantine: tuple[Doubt, ...] = ()
    controlled: tuple[str, ...] = ()  # combinations whose controls came out as they had to
    uncontrolled: tuple[str, ...] = ()  # combinations in which no control was run
    advises: Advises = True  # whether what the scan found says something about pins


class _Scope(msgspec.Struct, frozen=True):
    judged: tuple[str, ...]
    deciding: dict[str, tuple[str, ...]]
    subjects: tuple[ProbeVariant, ...]
    cases: tuple[Case, ...]


def build_view(
    matrix: str,
    description: str,
    planned: Sequence[tuple[str, Mapping[str, str]]],
    records: Iterable[Record],
    *,
    judged: Sequence[str] = (),
    cases: Sequence[Case] = (),
    families: Collection[str] = (),
    infeasible: Sequence[Excluded] = (),
) -> ScanView:
    """Judge a scan.

    Args:
        matrix: Name of the matrix.
        description: What the matrix says about itself.
        planned: (id, axes) of every planned cell, in plan order.
        records: The records that exist, in any order, with their controls.
        judged: Probes that decide; without any, those the records name.
        cases: The plan's cases. With them a case that a record lacks counts as not run, and the first variant
            of a probe is the plan's; without them a record's own cases are all there is.
        families: Probes whose variants are different models, besides those the records call so.
        infeasible: Combinations that cannot be, for a reason known without trying; they come last.
    """
    order = {cell_id: position for position, (cell_id, _) in enumerate(planned)}
    trust = trusted(records)
    chosen, warnings = one_record_each(trust.records, order)
    kept = sorted(chosen.values(), key=lambda record: order[record.id])
    conflicts = data_conflicts(kept)
    scope = _scope(kept, tuple(judged), tuple(cases), families)
    cells = tuple(_cell(cell_id, axes, chosen.get(cell_id), scope) for cell_id, axes in planned)
    cells += tuple(_cell_not_run(excluded.id, excluded.axes, scope, _why(excluded)) for excluded in infeasible)
    return ScanView(
        matrix=matrix,
        description=description,
        cells=cells,
        subjects=scope.subjects,
        probes=probe_summaries(kept),
        judged=scope.judged,
        warnings=(
            *describe_conflicts(conflicts),
            *warnings,
            *_suspects(cells, scope.subjects),
            *_announcements(cells),
        ),
        conflicts=conflicts,
        eager_drifts=eager_drifts(kept, conflicts),
        margin_drifts=margin_drifts((cell.id, cell.cases) for cell in cells),
        quarantine=trust.doubts,
        controlled=trust.controlled,
        uncontrolled=trust.uncontrolled,
    )


def _suspects(cells: Sequence[CellView], subjects: Sequence[ProbeVariant]) -> list[str]:
    """Return a warning for every probe that fails before any export wherever it ran: it is more likely the probe."""
    found = []
    for subject in subjects:
        findings = [cell.findings[subject.key] for cell in cells if cell.findings[subject.key].lanes]
        if findings and all(finding.stage in _BEFORE_EXPORT for finding in findings):
            stage = findings[0].stage
            found.append(f"{subject.key} stops at {stage} in every combination: look at the probe itself first")
    return found


def _announcements(cells: Sequence[CellView]) -> list[str]:
    """Return a warning for every announced failure that no longer happens or whose date has passed."""
    lines = []
    for cell in cells:
        for key, finding in cell.findings.items():
            for known in finding.known:
                if not known.cases and known.passed:
                    lines.append(f"{cell.id} {key}: announced to fail ({known.reason}), and all {known.passed} passed")
                elif known.cases and known.expired:
                    lines.append(f"{cell.id} {key}: the announcement ({known.reason}) ran out on {known.until}")
    return lines


def _cell(cell_id: str, axes: Mapping[str, str], record: Record | None, scope: _Scope) -> CellView:
    if record is None:
        return _cell_not_run(cell_id, axes, scope)
    environment = judge_environment(record)
    whole = record if environment else _with_missing_cases(record, scope.cases)
    judgement = judge_record(whole, judged=scope.judged, deciding=scope.deciding)
    cases = settle_cases(whole.cases)
    findings = _findings(scope, cases, environment, record)
    return CellView(
        id=cell_id,
        axes=dict(axes),
        resolved=record.resolved,
        evidence=record.evidence,
        verdict=judgement.verdict,
        stage=judgement.stage,
        outcome=judgement.outcome,
        reason=judgement.reason,
        error=judgement.error,
        verdicts={key: finding.verdict for key, finding in findings.items()},
        findings=findings,
        cases=cases,
        torch_index=record.lock.torch_index if record.lock else None,
        platform=record.platform,
        packages=dict(record.lock.packages) if record.lock else {},
        finished=record.finished,
    )


def _why(excluded: Excluded) -> Judgement:
    """Return the judgement that the resolver would have come to."""
    return Judgement(BAD, _RESOLVE, "infeasible", error=Error(excluded.rule, excluded.words))


def _cell_not_run(cell_id: str, axes: Mapping[str, str], scope: _Scope, why: Judgement = NO_RECORD) -> CellView:
    findings = _findings(scope, (), why)
    return CellView(
        id=cell_id,
        axes=dict(axes),
        resolved={},
        evidence="none",
        verdict=why.verdict,
        stage=why.stage,
        outcome=why.outcome,
        reason=why.reason,
        error=why.error,
        verdicts=dict.fromkeys(findings, why.verdict),
        findings=findings,
        cases=(),
        torch_index=None,
        platform={},
        packages={},
    )


def _findings(
    scope: _Scope, cases: Sequence[CaseRecord], environment: Judgement | None, record: Record | None = None
) -> dict[str, Finding]:
    groups: dict[tuple[str, str], list[CaseRecord]] = {}
    for case in cases:
        groups.setdefault((case.probe, case.variant), []).append(case)
    found = {}
    for subject in scope.subjects:
        own = groups.get((subject.probe, subject.variant), [])
        known = known_failures(record, subject.probe, own) if record else ()
        found[subject.key] = build_finding(subject.probe, subject.variant, own, environment, known)
    return found


def _with_missing_cases(record: Record, planned: Sequence[Case]) -> Record:
    present = {case.id for case in record.cases}
    missing = tuple(
        CaseRecord(
            **msgspec.structs.asdict(case),
            stage=None,
            outcome="skipped",
            error=Error("NotRun", "the record has nothing about this case"),
        )
        for case in planned
        if case.id not in present
    )
    return msgspec.structs.replace(record, cases=record.cases + missing)


def _scope(
    records: Sequence[Record], judged: tuple[str, ...], planned: tuple[Case, ...], families: Collection[str]
) -> _Scope:
    names = judged or tuple(dict.fromkeys(name for record in records for name in record.judged))
    cases: list[Any] = [*planned, *(case for record in records for case in record.cases)]
    families = {name for record in records for name, probe in record.probes.items() if probe.family} | set(families)
    deciding = deciding_variants(cases, families)
    pairs = dict.fromkeys((case.probe, case.variant) for case in cases)
    subjects = [ProbeVariant(probe, variant, probe in names, variant in deciding[probe]) for probe, variant in pairs]
    subjects.sort(key=lambda subject: names.index(subject.probe) if subject.judged else len(names))
    return _Scope(names, deciding, tuple(subjects), planned)
