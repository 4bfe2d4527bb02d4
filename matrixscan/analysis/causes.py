"""Known causes: a failing case -> what goes wrong there, what to do, and where upstream that is known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from packaging.utils import canonicalize_name

from matrixscan.analysis.cause_match import PLAIN, Cause, Certainty, Facts, First, match, weight
from matrixscan.analysis.causes_file import load_causes
from matrixscan.analysis.judge import BAD_OUTCOMES, lane_key
from matrixscan.harness.protocol import share_key
from matrixscan.records.types import CaseRecord, Error, Record, StageRecord

__all__ = ["Match", "causes_of", "causes_of_record", "causes_of_stage", "load_causes", "versions_of"]


class Node(Protocol):
    """An ONNX node, as far as a cause asks."""

    @property
    def op_type(self) -> str: ...

    @property
    def attributes(self) -> dict[str, Any]: ...


class Divergence(Protocol):
    """Where the values of torch and ONNX part, as far as a cause asks."""

    @property
    def operation(self) -> str: ...

    @property
    def arguments(self) -> Mapping[str, Any]: ...

    @property
    def node(self) -> Node | None: ...

    @property
    def nodes(self) -> Sequence[Node]: ...


class Diagnosis(Protocol):
    """A diagnosis, as far as a cause asks."""

    @property
    def first(self) -> Divergence | None: ...


class Match(msgspec.Struct, frozen=True):
    """A known cause of one failure."""

    cause: Cause
    certainty: Certainty


def causes_of(
    causes: Iterable[Cause],
    versions: Mapping[str, str],
    case: CaseRecord,
    diagnosis: Diagnosis | None = None,
    operators: Collection[str] = (),
) -> tuple[Match, ...]:
    """Return the known causes of one settled case, the most specific first; possible ones only where none is certain.

    Args:
        causes: What `load_causes` returned.
        versions: Package -> version, of the case's environment.
        case: A case as `settle_cases` returns it, so that derived reasons are there.
        diagnosis: What further runs of it showed.
        operators: ONNX operators of its artifact, where another case of the artifact has them.
    """
    if case.outcome not in BAD_OUTCOMES:
        return ()
    facts = Facts(
        plain=_plain({name: getattr(case, name) for name in PLAIN}),
        error=_said(case.error),
        probe=f"{case.probe}/{case.variant}",
        versions={canonicalize_name(name): version for name, version in versions.items()},
        operators=frozenset(operators or case.facts.get("operators") or ()),
        first=_first(diagnosis),
    )
    return _ranked(causes, facts)


def causes_of_record(
    causes: Sequence[Cause],
    record: Record,
    cases: Sequence[CaseRecord],
    diagnoses: Mapping[str, Diagnosis] | None = None,
) -> dict[str, tuple[Match, ...]]:
    """Return case id -> the known causes of the settled cases of one record, where there are any."""
    versions, operators = versions_of(record), _operators(cases)
    # Sizes of a lane mostly fail alike, and a size decides nothing here.
    alike: dict[tuple[object, ...], tuple[Match, ...]] = {}
    found = {}
    for case in (case for case in cases if case.outcome in BAD_OUTCOMES):
        diagnosis = (diagnoses or {}).get(case.id)
        key = (lane_key(case), case.stage, case.outcome, case.reason, _said(case.error), id(diagnosis))
        if key not in alike:
            held = operators.get(_artifact(case), frozenset())
            alike[key] = causes_of(causes, versions, case, diagnosis, held)
        if alike[key]:
            found[case.id] = alike[key]
    return found


def causes_of_stage(causes: Iterable[Cause], record: Record, stage: StageRecord) -> tuple[Match, ...]:
    """Return the known causes of an environment that could not be had."""
    if stage.outcome not in BAD_OUTCOMES:
        return ()
    plain = _plain({"stage": stage.stage, "outcome": stage.outcome})
    error = f"{_said(stage.error)}\n{stage.log or ''}"
    return _ranked(causes, Facts(plain, error, "", versions_of(record)))


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


def _operators(cases: Iterable[CaseRecord]) -> dict[str, frozenset[str]]:
    """Return artifact -> its operators: they are noted in the one case that wrote it."""
    return {_artifact(case): frozenset(case.facts["operators"]) for case in cases if case.facts.get("operators")}


def _artifact(case: CaseRecord) -> str:
    return str(share_key(msgspec.structs.asdict(case), "export"))
