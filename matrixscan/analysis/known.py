"""Failures a probe announces: where they happen, where they no longer do, and which are out of date."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence

import msgspec

from matrixscan.analysis.judge import BAD_OUTCOMES
from matrixscan.matrix.conditions import holds
from matrixscan.records.types import CaseRecord, ExpectedFailure, Record

#: Conditions on how a case failed; the others say which cases are meant.
_OF_THE_FAILURE = ("stage", "outcome", "reason")


class Known(msgspec.Struct, frozen=True):
    """One announced failure in one cell."""

    reason: str
    until: dt.date
    expired: bool
    cases: tuple[str, ...]  # ids of the cases that failed as announced
    passed: int  # cases that were meant and passed


def known_failures(record: Record, probe: str, cases: Sequence[CaseRecord]) -> tuple[Known, ...]:
    """Return what became of every announced failure of a probe that concerns these settled cases.

    Args:
        record: The cell's record; its versions and its date count.
        probe: Name of the probe.
        cases: Settled cases of one (probe, variant).
    """
    described = record.probes.get(probe)
    today = dt.date.fromisoformat(record.finished[:10]) if record.finished else dt.date.min
    found = []
    for announced in described.expected if described else ():
        # A witness decides nothing, so what it does neither fulfils an announcement nor outdates one.
        meant = [case for case in cases if not case.witness and _is_meant(announced, case, record.resolved)]
        hits = tuple(case.id for case in meant if _failed_so(announced, case))
        passed = sum(case.outcome == "passed" for case in meant)
        if hits or passed:
            found.append(Known(announced.reason, announced.until, announced.until < today, hits, passed))
    return tuple(found)


def _is_meant(announced: ExpectedFailure, case: CaseRecord, versions: Mapping[str, str]) -> bool:
    when = {key: condition for key, condition in announced.when.items() if key not in _OF_THE_FAILURE}
    facts: dict[str, str | int] = {**versions, **case.size, "opset": case.opset}
    facts |= {key: getattr(case, key) for key in ("variant", "exporter", "precision", "runner")}
    return holds(when, facts)


def _failed_so(announced: ExpectedFailure, case: CaseRecord) -> bool:
    if case.outcome not in BAD_OUTCOMES:
        return False
    when = {key: condition for key, condition in announced.when.items() if key in _OF_THE_FAILURE}
    facts = {"stage": case.stage or "", "outcome": case.outcome, "reason": case.reason or ""}
    said = f"{case.error.type}: {case.error.message}" if case.error else ""
    return holds(when, facts) and any(re.search(announced.match, text) for text in (case.reason or "", said))
