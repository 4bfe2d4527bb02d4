"""Verdicts. Every doubt falls on the side of unknown: a wrong `good` is the worst this project can say.

A lane of a cell is one (probe, variant, exporter, opset, precision, runner) with all its sizes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from matrixscan.harness.protocol import FILE_EXPORTER, HALF, OUTCOMES, STAGES
from matrixscan.records.types import CaseRecord, Error, OutputMetrics, Record

GOOD = "good"
BAD = "bad"
UNKNOWN = "unknown"
NOT_APPLICABLE = "not_applicable"

#: Outcomes that prove something wrong. Every other one but `passed` proves nothing.
BAD_OUTCOMES = frozenset({"failed", "crashed", "timed_out"})

_SHAPES = frozenset({"shape", "truncated"})

#: What rounding can do to values, and an optimisation of a graph.
OF_VALUES = frozenset({"mismatch", "nonfinite"})

LaneKey = tuple[str, str, str, int, str, str]


class Judgement(msgspec.Struct, frozen=True):
    """A verdict and the first thing that did not pass, in stage order. A good one has nothing to name."""

    verdict: str
    stage: str | None = None
    outcome: str = "passed"
    reason: str | None = None
    error: Error | None = None


NO_CASE = Judgement(UNKNOWN, outcome="skipped", error=Error("NotRun", "no case of this probe was run"))
NO_JUDGE = Judgement(UNKNOWN, outcome="skipped", error=Error("NotRun", "no probe decides this verdict"))
NO_RECORD = Judgement(UNKNOWN, outcome="skipped", error=Error("NotRun", "this combination was not run"))


def lane_key(case: CaseRecord) -> LaneKey:
    """Return what a case shares with the other sizes of its lane."""
    return (case.probe, case.variant, case.exporter, case.opset, case.precision, case.runner)


def group_lanes(cases: Iterable[CaseRecord]) -> dict[LaneKey, list[CaseRecord]]:
    """Return the cases of each lane, in case order."""
    lanes: dict[LaneKey, list[CaseRecord]] = {}
    for case in cases:
        lanes.setdefault(lane_key(case), []).append(case)
    return lanes


def settle_cases(cases: Iterable[CaseRecord]) -> tuple[CaseRecord, ...]:
    """Return the cases as the analysis sees them: unproven passes withdrawn, derived reasons filled in."""
    settled = [_settle(case) for case in cases]
    frozen = {id(case) for lane in group_lanes(settled).values() for case in _shape_frozen(lane)}
    full = {_place(case) for case in settled if case.outcome == "passed" and case.precision not in HALF}
    return tuple(
        msgspec.structs.replace(case, reason=_derived(case, frozen=id(case) in frozen, full=_place(case) in full))
        for case in settled
    )


def _place(case: CaseRecord) -> tuple[object, ...]:
    """Return what a case shares with its like in other precisions."""
    return case.probe, case.variant, case.exporter, case.opset, case.runner, tuple(sorted(case.size.items()))


def _derived(case: CaseRecord, *, frozen: bool, full: bool) -> str | None:
    """Return the reason that says most: what the case's neighbours and a second look at it tell.

    Args:
        case: A settled case.
        frozen: It passes at the size of the export alone.
        full: It passes in full precision.
    """
    if case.outcome != "failed":
        return case.reason
    if frozen:
        return "shape_frozen"
    if case.reason == "shape" and _is_truncated(case):
        return "truncated"
    if works_unoptimized(case):
        return "optimizer"
    if full and case.precision in HALF and case.reason in OF_VALUES:
        return "precision"
    return case.reason


def works_unoptimized(case: CaseRecord) -> bool:
    """Return whether the artifact is known to do right in the same runner once nothing optimises its graph."""
    return unoptimized(case) is True


def unoptimized(case: CaseRecord) -> bool | None:
    """Return whether the artifact does right once nothing optimises its graph; None where that was not asked."""
    found = case.facts.get("unoptimized")
    passed = found.get("passed") if isinstance(found, dict) else None
    return passed if isinstance(passed, bool) else None


def judge_lane(cases: Sequence[CaseRecord]) -> str:
    """Return the verdict of one lane's settled cases: good, bad, unknown or not_applicable."""
    outcomes = {case.outcome for case in cases}
    if outcomes & BAD_OUTCOMES:
        return BAD
    if outcomes == {"infeasible"}:
        return NOT_APPLICABLE
    return GOOD if outcomes == {"passed"} else UNKNOWN


def judge_cases(cases: Sequence[CaseRecord]) -> Judgement:
    """Judge the settled cases of one (probe, variant) in one cell; what a witness says counts for nothing."""
    cases = [case for case in cases if not case.witness]
    if not cases:
        return NO_CASE
    verdict = _join(judge_lane(lane) for lane in group_lanes(cases).values())
    if verdict == GOOD:
        return Judgement(GOOD)
    case = first_problem(cases)
    return Judgement(verdict, case.stage, case.outcome, case.reason, case.error)


def judge_environment(record: Record) -> Judgement | None:
    """Return what keeps a whole environment from being judged by its cases, None if nothing does."""
    problems = [stage for stage in record.stages if stage.outcome != "passed"]
    if not problems:
        return None
    first = min(problems, key=lambda stage: _stage_index(stage.stage))
    proven = first.outcome in BAD_OUTCOMES or first.outcome == "infeasible"
    outcome = first.outcome if first.outcome in OUTCOMES else "infra"
    return Judgement(BAD if proven else UNKNOWN, first.stage, outcome, error=first.error)


def judge_record(
    record: Record, *, judged: Sequence[str] | None = None, deciding: Mapping[str, Sequence[str]] | None = None
) -> Judgement:
    """Judge one cell over the deciding variants of each judged probe.

    Args:
        record: What the environment did.
        judged: Names of the probes that decide; the record's own when None.
        deciding: Probe -> the variants that count: the first, or all of a family; the record's own when None.
    """
    environment = judge_environment(record)
    if environment is not None:
        return environment
    names = dict.fromkeys(record.judged if judged is None else judged)
    if not names:
        return NO_JUDGE
    cases = settle_cases(record.cases)
    families = {name for name, probe in record.probes.items() if probe.family}
    known = deciding_variants(cases, families) if deciding is None else deciding
    pairs = [(name, variant) for name in names for variant in known.get(name, ("",))]
    parts = [judge_cases([case for case in cases if (case.probe, case.variant) == pair]) for pair in pairs]
    verdict = _join(part.verdict for part in parts)
    if verdict == GOOD:
        return Judgement(GOOD)
    first = min((part for part in parts if part.verdict != GOOD), key=_judgement_rank)
    return msgspec.structs.replace(first, verdict=verdict)


def deciding_variants(cases: Iterable[CaseRecord], families: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return probe -> the variant that stands first in case order, the others being alternatives; all of a family."""
    found: dict[str, dict[str, None]] = {}
    for case in cases:
        variants = found.setdefault(case.probe, {})
        if not variants or case.probe in families:
            variants[case.variant] = None
    return {probe: tuple(variants) for probe, variants in found.items()}


def first_problem(cases: Iterable[CaseRecord]) -> CaseRecord:
    """Return the not passed case that names the failure, whatever order the cases come in."""
    return min((case for case in cases if case.outcome != "passed"), key=_case_rank)


def case_order(case: CaseRecord) -> tuple[object, ...]:
    """Sort key of a case that does not depend on how a record happened to be written."""
    return (*lane_key(case), sorted(case.size.items()), case.id, case.outcome, case.reason or "")


def _join(verdicts: Iterable[str]) -> str:
    found = set(verdicts)
    if BAD in found:
        return BAD
    return GOOD if GOOD in found and found <= {GOOD, NOT_APPLICABLE} else UNKNOWN


def _settle(case: CaseRecord) -> CaseRecord:
    if case.outcome not in OUTCOMES:
        error = Error("UnknownOutcome", f"the record says {case.outcome!r}")
        return msgspec.structs.replace(case, outcome="infra", error=error)
    if case.outcome != "passed":
        return case
    wrong = [output for output in case.outputs if not output.passed]
    if wrong:
        return msgspec.structs.replace(case, outcome="failed", stage="compare", reason=wrong[0].reason)
    if case.stage is not None:
        error = Error("ContradictoryRecord", f"passed, yet stopped at {case.stage}")
        return msgspec.structs.replace(case, outcome="infra", error=error)
    if not case.outputs:
        error = Error("NothingCompared", "no output was compared with eager")
        return msgspec.structs.replace(case, outcome="skipped", stage="compare", error=error)
    return case


def _shape_frozen(lane: Sequence[CaseRecord]) -> list[CaseRecord]:
    if lane[0].exporter == FILE_EXPORTER:
        return []  # nothing was exported, and its sizes number samples
    exported = [case for case in lane if case.size == lane[0].size]  # the harness runs the export size first
    if any(case.outcome != "passed" for case in exported):
        return []
    shapes = {output.name: output.shape for output in exported[0].outputs}
    return [
        case
        for case in lane
        if case not in exported and case.outcome == "failed" and (case.stage == "run" or _has_shapes(case, shapes))
    ]


def _has_shapes(case: CaseRecord, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Return whether the outputs of another shape than eager's have that of the export, as far as shapes are known."""
    wrong = [output for output in case.outputs if output.reason in _SHAPES]
    return case.reason in _SHAPES and all(output.shape == shapes.get(output.name, output.shape) for output in wrong)


def _is_truncated(case: CaseRecord) -> bool:
    """Return whether outputs of another shape lack something along one axis, and have all else."""
    wrong = [output for output in case.outputs if output.reason == "shape"]
    return bool(wrong) and all(map(_is_shorter, wrong))


def _is_shorter(output: OutputMetrics) -> bool:
    pairs = [pair for pair in zip(output.shape, output.reference_shape, strict=False) if pair[0] != pair[1]]
    return len(output.shape) == len(output.reference_shape) and len(pairs) == 1 and pairs[0][0] < pairs[0][1]


def _stage_index(stage: str | None) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def _blame(outcome: str) -> int:
    if outcome in BAD_OUTCOMES:
        return 0
    return 2 if outcome == "infeasible" else 1


def _judgement_rank(judgement: Judgement) -> tuple[int, int, int]:
    # An environment-wide `bad` never comes here, so a bad verdict always has a bad outcome to name.
    return (_blame(judgement.outcome), _stage_index(judgement.stage), OUTCOMES.index(judgement.outcome))


def _case_rank(case: CaseRecord) -> tuple[int, int, tuple[object, ...]]:
    return (_blame(case.outcome), _stage_index(case.stage), case_order(case))
