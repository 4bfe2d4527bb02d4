"""Whether what an environment says can be trusted: its controls came out as they had to, or it is quarantined.

Records keep what was measured. What comes out of here is a copy for the analysis: without the controls, which are about
no model, and with the cases of what is quarantined as `infra`, which proves nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from matrixscan.analysis.judge import BAD_OUTCOMES, judge_environment, settle_cases
from matrixscan.matrix.conditions import holds
from matrixscan.matrix.controls import CONTROL, KNOWN_BAD, KNOWN_GOOD
from matrixscan.records.types import CaseRecord, Error, ExpectedFailure, Record

#: The type of the error that stands for a quarantine in cases.
QUARANTINED = "Quarantined"
#: What to do about it, in every report.
ADVICE = "look at its log; measure it again with --fresh --cell; nothing of it counts until then"

#: Outcomes of a control that say nothing about it: it does not exist there, or something else was in the way.
_MUTE = frozenset({"infeasible", "skipped", "infra", "not_run"})
#: How many probes have to fail in one way before that is suspicious by itself.
_MANY = 3

Lane = tuple[str, int, str, str]


class Doubt(msgspec.Struct, frozen=True):
    """Why an environment, or some of its lanes, is quarantined."""

    id: str  # of the combination
    words: str
    lanes: tuple[Lane, ...] = ()  # exporter, opset, precision, runner; all where there are none


class Seen(NamedTuple):
    """How one case of a control ended."""

    stage: str | None
    outcome: str
    reason: str | None
    said: str  # ErrorType: message


class LaneState(NamedTuple):
    """What the controls of one lane say: "controlled", "mute", "honest", "doubted"; or "blind", in all lanes."""

    state: str
    words: str = ""


class Trusted(msgspec.Struct, frozen=True):
    """Records as far as they can be trusted."""

    records: tuple[Record, ...]
    doubts: tuple[Doubt, ...]
    controlled: tuple[str, ...]  # combinations in which some lane's controls came out as they had to
    uncontrolled: tuple[str, ...]  # combinations that could be used and in which no control was run


def lane_state(good: Sequence[Seen], bad: Sequence[Seen], is_honest: Callable[[Seen], bool]) -> LaneState:
    """Return what the two controls of a lane say about it.

    Args:
        good: The cases of the one that has to pass.
        bad: The cases of the one that has to be found wrong at `compare`.
        is_honest: Whether a failure of the good one was looked at and is known to be that of the versions.
    """
    missed = next((case for case in bad if case.outcome == "passed"), None)
    if missed is not None:
        return LaneState("blind", "the control with an altered constant passed: what is wrong is not found here")
    failed = next((case for case in good if case.outcome not in {"passed", *_MUTE}), None)
    if failed is not None:
        if is_honest(failed):
            return LaneState("honest")
        return LaneState("doubted", f"even the control that converts everywhere fails {_at(failed)}")
    if not any(case.outcome == "passed" for case in good):
        return LaneState("mute")
    lost = next((case for case in bad if case.outcome in BAD_OUTCOMES and case.stage != "compare"), None)
    if lost is not None and not lost.said.startswith("NoControlError"):
        return LaneState(
            "doubted", f"the control with an altered constant did not get as far as `compare`: {_at(lost)}"
        )
    found = any(case.outcome in BAD_OUTCOMES and case.stage == "compare" for case in bad)
    return LaneState("controlled" if found else "mute")


def _at(case: Seen) -> str:
    said = ": ".join(filter(None, (case.outcome if case.outcome != "failed" else "", case.said or case.reason)))
    return f"at {case.stage}: {said}"


def whole_doubt(states: Mapping[Lane, LaneState], silent: Collection[str]) -> tuple[str, tuple[Lane, ...]] | None:
    """Return why an environment is doubted and in which lanes, none meaning all; None where it is not.

    Args:
        states: Of every lane with controls.
        silent: Runners that decide nothing.
    """
    blind = next((state for state in states.values() if state.state == "blind"), None)
    if blind is not None:
        return blind.words, ()
    doubted = [lane for lane, state in states.items() if state.state == "doubted"]
    if not doubted:
        return None
    spoke = [lane for lane, state in states.items() if state.state not in {"mute", "honest"} and lane[3] not in silent]
    everything = bool(spoke) and all(lane in doubted for lane in spoke)
    return states[doubted[0]].words, () if everything else tuple(doubted)


def honest(case: Seen, facts: Mapping[str, str | int], announced: Iterable[ExpectedFailure], today: dt.date) -> bool:
    """Return whether a failure of the good control is announced: somebody looked, and it is that of the versions."""
    said = (case.reason or "", case.said)
    known = {**facts, "stage": case.stage or "", "outcome": case.outcome, "reason": case.reason or ""}
    return any(
        today <= each.until and holds(each.when, known) and any(re.search(each.match, text) for text in said)
        for each in announced
    )


def trusted(records: Iterable[Record]) -> Trusted:
    """Return the records of a scan without controls, and with nothing in them that is quarantined."""
    every = sorted(records, key=lambda record: record.id)
    doubts, kept, controlled, uncontrolled = [], [], [], []
    users = [_without_controls(record) for record in every]
    passed = _who_passed(users)
    for record, own in zip(every, users, strict=True):
        states = control_states(record)
        doubt = _doubt(record, states) or _all_at_once(own, states, passed)
        kept.append(own if doubt is None else withdrawn(own, doubt))
        doubts += [] if doubt is None else [doubt]
        if any(state.state == "controlled" for state in states.values()):
            controlled.append(record.id)
        elif not states and own.cases and judge_environment(record) is None:
            uncontrolled.append(record.id)
    return Trusted(tuple(kept), tuple(doubts), tuple(dict.fromkeys(controlled)), tuple(dict.fromkeys(uncontrolled)))


def control_states(record: Record) -> dict[Lane, LaneState]:
    """Return what the controls of a record say of each lane."""
    announced = record.probes[CONTROL].expected if CONTROL in record.probes else ()
    today = dt.date.fromisoformat(record.finished[:10]) if record.finished else dt.date.min
    found: dict[Lane, dict[str, list[Seen]]] = {}
    for case in settle_cases(case for case in record.cases if case.probe == CONTROL):
        sides = found.setdefault(lane_of(case), {KNOWN_GOOD: [], KNOWN_BAD: []})
        sides.setdefault(case.variant, []).append(_seen(case))

    def state(lane: Lane, sides: Mapping[str, Sequence[Seen]]) -> LaneState:
        facts = {**record.resolved, **lane_facts(lane)}
        return lane_state(sides[KNOWN_GOOD], sides[KNOWN_BAD], lambda seen: honest(seen, facts, announced, today))

    return {lane: state(lane, sides) for lane, sides in found.items()}


def lane_facts(lane: Lane) -> dict[str, str | int]:
    """Return what conditions of announcements may ask of a lane."""
    exporter, opset, precision, runner = lane
    return {"exporter": exporter, "opset": opset, "precision": precision, "runner": runner}


def lane_of(case: CaseRecord) -> Lane:
    """Return the way of a case through exporter and runner."""
    return (case.exporter, case.opset, case.precision, case.runner)


def withdrawn(record: Record, doubt: Doubt) -> Record:
    """Return the record with the doubted cases as infrastructure trouble; what does not exist there still does not."""
    error = Error(QUARANTINED, doubt.words)
    cases = tuple(
        msgspec.structs.replace(case, stage=None, outcome="infra", reason=None, error=error)
        if case.outcome != "infeasible" and (not doubt.lanes or lane_of(case) in doubt.lanes)
        else case
        for case in record.cases
    )
    return msgspec.structs.replace(record, cases=cases)


def _without_controls(record: Record) -> Record:
    cases = tuple(case for case in record.cases if case.probe != CONTROL)
    probes = {name: probe for name, probe in record.probes.items() if name != CONTROL}
    return msgspec.structs.replace(record, cases=cases, probes=probes)


def _seen(case: CaseRecord) -> Seen:
    said = f"{case.error.type}: {case.error.message}" if case.error else ""
    return Seen(case.stage, case.outcome, case.reason, said)


def _doubt(record: Record, states: Mapping[Lane, LaneState]) -> Doubt | None:
    silent = {case.runner for case in record.cases if case.witness}
    found = whole_doubt(states, silent)
    return None if found is None else Doubt(record.id, *found)


def _who_passed(records: Iterable[Record]) -> dict[str, set[str]]:
    passed: dict[str, set[str]] = {}
    for record in records:
        for case in record.cases:
            if case.outcome == "passed":
                passed.setdefault(case.id, set()).add(record.id)
    return passed


def _all_at_once(record: Record, states: Mapping[Lane, LaneState], passed: Mapping[str, set[str]]) -> Doubt | None:
    """Return the doubt about an environment where everything fails for one reason, and elsewhere it does not."""
    cases = [case for case in record.cases if not case.witness and case.outcome not in _MUTE]
    kinds = {
        failure_kind(case.stage, case.outcome, case.reason, case.error.type if case.error else None) for case in cases
    }
    probes = {case.probe for case in cases}
    alone = not any(passed.get(case.id, set()) - {record.id} for case in cases)
    if len(kinds) != 1 or None in kinds or len(probes) < _MANY or alone:
        return None
    kind = str(kinds.pop())
    words = f"all {len(probes)} probes fail for one reason ({kind}), and elsewhere they do not"
    vouched = any(state.state in {"controlled", "honest"} for state in states.values())
    return None if vouched and not of_the_machine(cases[0].outcome, cases[0].reason) else Doubt(record.id, words)


def failure_kind(stage: str | None, outcome: str, reason: str | None, error: str | None) -> str | None:
    """Return stage and kind of a failure, the same for all that fail alike; None where it is none."""
    return f"{stage}: {error or reason or outcome}" if outcome in BAD_OUTCOMES else None


def of_the_machine(outcome: str, reason: str | None) -> bool:
    """Return whether a failure is as likely one of the machine: too slow, or too little memory."""
    return outcome == "timed_out" or reason == "memory"
