"""Whether a combination is certified: rebuilt from its lock and run again, with the same result. Shown, never averaged.

What counts is what was written down: the record of the scan, and that of each certification.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from matrixscan.analysis.first_line import first_line
from matrixscan.analysis.grid import Grid, words_of
from matrixscan.analysis.judge import GOOD, UNKNOWN
from matrixscan.analysis.recommend import JOINT
from matrixscan.analysis.view import CellView
from matrixscan.harness.protocol import ENVIRONMENT_STAGES
from matrixscan.plan.ids import case_id
from matrixscan.records.types import CaseRecord, Record

_NOT_RUN = ""
_LONGEST = 500


class Measured(msgspec.Struct, frozen=True):
    """One measurement of one combination. Empty where what was kept does not say."""

    evidence: str
    finished: str
    lock: str  # SHA-256
    harness: tuple[str, ...]
    probes: dict[str, str]  # probe -> digest, as far as its cases hold
    data: dict[str, str]  # what of which probe -> digest of weights or inputs, or its own packages
    verdicts: dict[str, str]  # probe/variant -> verdict
    problem: str  # the first thing that did not pass, in words
    cases: dict[str, str]  # id -> words, as in `grid.Grid`
    errors: dict[str, str] = {}  # id -> the tool's own words


class Disagreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case that did not end alike."""

    case: str
    scan: str
    certification: str
    scan_error: str = ""
    certification_error: str = ""


class Certification(msgspec.Struct, frozen=True):
    """What the certifications of one combination amount to."""

    id: str
    certified: tuple[str, ...]  # probe/variants that are; none where a reason says why
    finished: str  # the last one; UTC, ISO 8601
    reasons: tuple[str, ...]  # why it is not certified
    disagreements: tuple[Disagreement, ...]
    times: int = 1  # certifications that agree


def measured(record: Record, cell: CellView, keys: Sequence[str]) -> Measured:
    """Return one measurement.

    Args:
        record: what was written down.
        cell: the record as a view judges it.
        keys: the probe/variants that matter.
    """
    problem = "" if cell.verdict == GOOD else words_of(cell.stage, cell.outcome, cell.reason)
    said = f" ({_said(cell.stage, cell.error.message)})" if cell.error and problem else ""
    return Measured(
        evidence=record.evidence,
        finished=record.finished,
        lock=record.lock.sha256 if record.lock else "",
        harness=(record.harness,),
        probes={name: probe.digest for name, probe in record.probes.items()},
        data=_data(record),
        verdicts={key: cell.verdicts[key] for key in keys if key in cell.verdicts},
        problem=problem + said,
        cases={case.id: _words(case) for case in cell.cases},
        errors={case.id: f"{case.error.type}: {first_line(case.error.message)}" for case in cell.cases if case.error},
    )


def _said(stage: str | None, message: str) -> str:
    """Return the first line of an error, or all lines of an installer's, whose reason stands in the last ones."""
    whole = " ".join(message.split())
    return whole[:_LONGEST] if stage in ENVIRONMENT_STAGES else first_line(message)


def _words(case: CaseRecord) -> str:
    """Return what a case did; nothing where nobody ran it."""
    missing = case.outcome == "skipped" and case.error is not None and case.error.type == "NotRun"
    return _NOT_RUN if missing else words_of(case.stage, case.outcome, case.reason)


def _data(record: Record) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, probe in record.probes.items():
        found |= {f"weights of {name}/{variant}": digest for variant, digest in probe.weights.items()}
        found |= {f"inputs of {name} {size}": digest for size, digest in probe.inputs.items()}
        if record.evidence == JOINT:  # beside one side there is other company to resolve with
            found[f"packages of {name}"] = " ".join(sorted(probe.requirements))
    return found


def measured_in_grid(grid: Grid, row: int, verdicts: Mapping[str, str], about: Mapping[str, object]) -> Measured:
    """Return what a scan too wide for records says of the combination in a row."""
    harness = about.get("harness", ())
    cases = {}
    for column, case in enumerate(grid.cases[1:], start=1):
        parts = case_id(**{**case._asdict(), "size": {}})
        cases[f"{parts}{case.size}"] = grid.words[grid.codes[row, column]]
    return Measured(
        evidence=grid.evidence[row],
        finished=str(about.get("finished", "")),
        lock="",
        harness=tuple(map(str, harness)) if isinstance(harness, list) else (),
        probes={},
        data={},
        verdicts=dict(verdicts),
        problem=grid.words[grid.codes[row, 0]],
        cases=cases,
    )


def certification(name: str, scan: Measured, again: Sequence[Measured]) -> Certification:
    """Return what the certifications of a combination amount to.

    Args:
        name: id of the combination.
        scan: what its scan said.
        again: its certifications, in the order in which they were made; at least one.
    """
    last = again[-1]
    comparable = [each for each in again if not _differing(scan, each) and each.lock == last.lock]
    reasons = [*_differing(scan, last), *_not_good(scan, comparable)]
    good = [key for key, verdict in scan.verdicts.items() if verdict == GOOD]
    proven = [key for key in good if all(each.verdicts.get(key) == GOOD for each in comparable)]
    if not proven and not reasons:
        reasons = ["nothing was good in the scan"]
    return Certification(
        id=name,
        certified=() if reasons else tuple(proven),
        finished=last.finished,
        reasons=tuple(reasons),
        disagreements=disagreements(scan, last),
        times=len(comparable),
    )


def _not_good(scan: Measured, again: Sequence[Measured]) -> list[str]:
    """Say what was good in the scan and in no, or not in every, certification: a reason where nothing is left."""
    good = [key for key, verdict in scan.verdicts.items() if verdict == GOOD]
    lost = {key: sum(each.verdicts.get(key, UNKNOWN) != GOOD for each in again) for key in good}
    if not lost or not all(lost.values()):
        return []
    problems = ", ".join(dict.fromkeys(filter(None, (each.problem for each in again))))
    times = "" if len(again) == 1 else f" in {min(lost.values())} of {len(again)} certifications"
    return [f"good in the scan and not again{times}: {problems or 'nothing was proven'}"]


def _differing(scan: Measured, again: Measured) -> list[str]:
    """Say what keeps two measurements from being of the same thing."""
    return [words for check in _CHECKS for words in check(scan, again)]


def _lock(scan: Measured, again: Measured) -> list[str]:
    if scan.evidence != JOINT or again.lock == scan.lock:
        return []
    return ["it was installed from another lock than the scan's (their SHA-256 differ): certify it again"]


def _harness(scan: Measured, again: Measured) -> list[str]:
    same = not scan.harness or set(again.harness) <= set(scan.harness)
    return [] if same else ["the harness has changed since the scan or the certification: scan and certify again"]


def _probes(scan: Measured, again: Measured) -> list[str]:
    changed = [name for name, digest in scan.probes.items() if again.probes.get(name, digest) != digest]
    return [f"changed since: probe {name}; scan and certify again" for name in changed]


def _same_data(scan: Measured, again: Measured) -> list[str]:
    changed = [what for what, digest in scan.data.items() if again.data.get(what, digest) != digest]
    return [f"not the same: {', '.join(changed)}"] if changed else []


#: What has to be the same before results are compared.
_CHECKS: tuple[Callable[[Measured, Measured], list[str]], ...] = (_lock, _harness, _probes, _same_data)


def disagreements(scan: Measured, again: Measured) -> tuple[Disagreement, ...]:
    """Return the cases that both ran and that did not end alike."""
    return tuple(
        Disagreement(case, words, again.cases[case], scan.errors.get(case, ""), again.errors.get(case, ""))
        for case, words in scan.cases.items()
        if words != _NOT_RUN and again.cases.get(case, _NOT_RUN) not in {_NOT_RUN, words}
    )
