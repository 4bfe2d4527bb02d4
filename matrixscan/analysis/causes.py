"""Known causes: a failing case -> what goes wrong there, what to do, and where upstream that is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from packaging.utils import canonicalize_name

from matrixscan.analysis.cause_match import PLAIN, Cause, Certainty, Facts, First, match, weight
from matrixscan.analysis.causes_file import load_causes
from matrixscan.analysis.judge import BAD_OUTCOMES, lane_key
from matrixscan.harness.protocol import converted_to
from matrixscan.records.diagnosis import Diagnosis
from matrixscan.records.types import CaseRecord, Error, Record, StageRecord

__all__ = [
    "Match",
    "causes_of",
    "causes_of_cases",
    "causes_of_environment",
    "causes_of_stage",
    "load_causes",
    "versions_of",
]


class Match(msgspec.Struct, frozen=True):
    """A known cause of one failure."""

    cause: Cause
    certainty: Certainty


def causes_of(
    causes: Iterable[Cause],
    versions: Mapping[str, str],
    case: CaseRecord,
    diagnosis: Diagnosis | None = None,
    cases: Iterable[CaseRecord] = (),
) -> tuple[Match, ...]:
    """Return the known causes of one settled case, the most specific first; possible ones only where none is certain.

    Args:
        causes: What `load_causes` returned.
        versions: Package -> version, of the case's environment.
        case: A case as `settle_cases` returns it, so that derived reasons are there.
        diagnosis: What further runs of it showed.
        cases: The others of its environment; the operators of an artifact are noted in the one that wrote it.
    """
    if case.outcome not in BAD_OUTCOMES:
        return ()
    facts = Facts(
        plain=_plain({name: getattr(case, name) for name in PLAIN}),
        error=_said(case.error),
        probe=f"{case.probe}/{case.variant}",
        versions={canonicalize_name(name): version for name, version in versions.items()},
        operators=_operators(case, cases),
        first=_first(diagnosis),
    )
    return _ranked(causes, facts)


def causes_of_cases(
    causes: Sequence[Cause],
    versions: Mapping[str, str],
    cases: Sequence[CaseRecord],
    diagnoses: Mapping[str, Diagnosis] | None = None,
) -> dict[str, tuple[Match, ...]]:
    """Return case id -> the known causes of the settled cases of one environment, where there are any.

    Args:
        causes: What `load_causes` returned.
        versions: Package -> version.
        cases: All settled cases of the environment.
        diagnoses: By case id.
    """
    writers = [case for case in cases if case.facts.get("operators")]
    # Sizes of a lane mostly fail alike, and a size decides nothing here.
    alike: dict[tuple[object, ...], tuple[Match, ...]] = {}
    found = {}
    for case in (case for case in cases if case.outcome in BAD_OUTCOMES):
        diagnosis = (diagnoses or {}).get(case.id)
        key = (lane_key(case), case.stage, case.outcome, case.reason, _said(case.error), id(diagnosis))
        if key not in alike:
            alike[key] = causes_of(causes, versions, case, diagnosis, writers)
        if alike[key]:
            found[case.id] = alike[key]
    return found


def causes_of_stage(causes: Iterable[Cause], record: Record, stage: StageRecord) -> tuple[Match, ...]:
    """Return the known causes of an environment that could not be had."""
    said = f"{_said(stage.error)}\n{stage.log or ''}"
    return causes_of_environment(causes, versions_of(record), stage.stage, stage.outcome, said)


def causes_of_environment(
    causes: Iterable[Cause], versions: Mapping[str, str], stage: str, outcome: str, said: str
) -> tuple[Match, ...]:
    """Return the known causes of an environment that ended at a stage with these words."""
    if outcome not in BAD_OUTCOMES:
        return ()
    known: dict[str, str] = {canonicalize_name(name): version for name, version in versions.items()}
    return _ranked(causes, Facts(_plain({"stage": stage, "outcome": outcome}), said, "", known))


def versions_of(record: Record) -> dict[str, str]:
    """Return package -> version of all that is known to be installed, else asked for."""
    locked = record.lock.packages if record.lock else {}
    known = {**record.axes, **locked, **record.resolved}
    return {canonicalize_name(name): version for name, version in known.items()}


def _plain(found: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in found.items() if value}


def _said(error: Error | None) -> str:
    return f"{error.type}: {error.message}" if error else ""


def _first(diagnosis: Diagnosis | None) -> First | None:
    first = diagnosis.first if diagnosis is not None else None
    if first is None:
        return None
    node = first.node
    return First(
        operation=first.operation,
        arguments=frozenset(name for name, value in first.arguments.items() if not (value is None or value is False)),
        operator=None if node is None else node.op_type,
        attributes={} if node is None else node.attributes,
        nodes=tuple(each.op_type for each in first.nodes),
    )


def _ranked(causes: Iterable[Cause], facts: Facts) -> tuple[Match, ...]:
    found = [Match(cause, certainty) for cause in causes if (certainty := match(cause, facts)) is not None]
    certain = [each for each in found if each.certainty == "certain"]
    return tuple(sorted(certain or found, key=lambda each: weight(each.cause), reverse=True))


def _operators(case: CaseRecord, cases: Iterable[CaseRecord]) -> frozenset[str]:
    """Return the operators of a case's artifact, as far as they were noted."""
    artifact = _artifact(case)
    noted = (each.facts.get("operators") for each in (case, *cases) if _artifact(each) == artifact)
    return frozenset(next((operators for operators in noted if operators), ()))


def _artifact(case: CaseRecord) -> tuple[object, ...]:
    return case.probe, case.variant, case.exporter, case.opset, converted_to(case.precision)
