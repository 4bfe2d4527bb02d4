"""Judges recorded outputs by other tolerances, without running anything again.

A record keeps of each output its envelope: the elements that decide at any rtol and atol (harness/compare.py). Where
there is none, two points of f(rtol) = max(error - rtol * |eager|) are known, f(0) = max_abs and f(recorded rtol) =
required_atol; f falls and is convex, which bounds it everywhere. What neither decides stays undecided.

What passed also passes by wider tolerances, and what did not fails by narrower ones: each element's allowance is the
larger of atol + rtol * |eager| and a floor that follows the noise alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from matrixscan.harness.protocol import HALF
from matrixscan.records.types import CaseRecord, Error, OutputMetrics, Record

#: As in harness/compare.py.
NOISE_FACTOR = 10.0

UNDECIDED = Error(
    "NeedsANewRun",
    "the record does not hold what these tolerances need; scan again with this matrixscan, which keeps it",
)
_OF_TOLERANCES = frozenset({None, "mismatch"})


class Rule(msgspec.Struct, frozen=True):
    """The tolerances to judge by. None keeps what the record was judged with.

    `outputs` holds rtol and atol of single outputs, by name. `half` says which lanes are meant.
    """

    rtol: float | None = None
    atol: float | None = None
    outputs: Mapping[str, tuple[float, float]] = {}
    half: bool = False

    def bounds(self, output: OutputMetrics) -> tuple[float, float] | None:
        """Return rtol and atol for an output, None where nothing says them."""
        own = self.outputs.get(output.name)
        if own is not None:
            return own
        rtol = output.rtol if self.rtol is None else self.rtol
        atol = output.atol if self.atol is None else self.atol
        return None if rtol is None or atol is None else (rtol, atol)


def rejudge(record: Record, rule: Rule) -> Record:
    """Return a record whose cases came out as they would have with other tolerances; the figures stay."""
    return msgspec.structs.replace(record, cases=tuple(rejudge_case(case, rule) for case in record.cases))


def rejudge_case(case: CaseRecord, rule: Rule) -> CaseRecord:
    """Return a case by other tolerances: untouched, passed, failed, or skipped where that cannot be told."""
    if (case.precision in HALF) != rule.half or not _by_values(case):
        return case
    outputs = tuple(_rejudged(output, rule) for output in case.outputs)
    verdicts = [_passes(output, rule) for output in case.outputs]
    # What a run without optimisations gave was judged by the old tolerances.
    facts = {name: fact for name, fact in case.facts.items() if name != "unoptimized"}
    said: tuple[str | None, str, str | None, Error | None]
    wrong = [output.reason for output, passes in zip(outputs, verdicts, strict=True) if passes is False]
    if wrong:
        said = ("compare", "failed", wrong[0], None)
    elif None in verdicts:
        said = ("compare", "skipped", None, UNDECIDED)
    else:
        said = (None, "passed", None, None)
    judged = msgspec.structs.replace(case, outputs=outputs, facts=facts)
    if said[1:3] == (case.outcome, case.reason):
        return judged
    return msgspec.structs.replace(judged, **dict(zip(("stage", "outcome", "reason", "error"), said, strict=True)))


def _by_values(case: CaseRecord) -> bool:
    """Return whether values alone decided how a case ended."""
    if not case.outputs:
        return False
    return case.outcome == "passed" or (case.stage == "compare" and case.reason in {"mismatch", "pipeline"})


def _passes(output: OutputMetrics, rule: Rule) -> bool | None:
    """Return whether an output passes by a rule; None where the record does not tell."""
    bounds = rule.bounds(output)
    if output.reason not in _OF_TOLERANCES or output.agreement is not None or bounds is None:
        return output.passed
    rtol, atol = bounds
    if output.rtol is not None and output.atol is not None:
        if output.passed and rtol >= output.rtol and atol >= output.atol:
            return True
        if not output.passed and rtol <= output.rtol and atol <= output.atol:
            return False
    if output.floor is not None:
        return all(error <= atol + rtol * size for size, error in output.envelope)
    return _by_bounds(output, rtol, atol)


def _by_bounds(output: OutputMetrics, rtol: float, atol: float) -> bool | None:
    """Decide by f(0) and f(recorded rtol) alone."""
    most, known, at = output.max_abs, output.required_atol, output.rtol
    if most is None or known is None or at is None:
        return None
    slope = (most - known) / at if at else 0.0
    line = max(0.0, most - slope * rtol)
    lower, upper = (known, line) if rtol < at else (line, known)
    if atol >= upper:
        return True
    # An error that noise explains passes at any tolerance; below this no noise can explain it.
    explained = NOISE_FACTOR * (output.noise_floor or 0.0)
    return False if lower > atol >= explained else None


def _rejudged(output: OutputMetrics, rule: Rule) -> OutputMetrics:
    """Return an output with what the rule makes of it; undecided ones count as not passed."""
    bounds, passes = rule.bounds(output), _passes(output, rule)
    if bounds is None or output.reason not in _OF_TOLERANCES or output.agreement is not None:
        return output
    rtol, atol = bounds
    changed = {"rtol": rtol, "atol": atol, "passed": passes is True, "reason": None if passes else "mismatch"}
    if (rtol, atol) != (output.rtol, output.atol):
        changed |= _figures(output, rtol, atol, passes=passes)
    return msgspec.structs.replace(output, **changed)


def _figures(output: OutputMetrics, rtol: float, atol: float, *, passes: bool | None) -> dict[str, float | None]:
    """Return the figures that follow the tolerances, None what the record cannot tell."""
    if output.floor is None:
        known = {output.rtol: output.required_atol, 0.0: output.max_abs}
        return {"margin": None, "required_atol": known.get(rtol)}
    margin = min((max(atol + rtol * size, output.floor) / error for size, error in output.envelope), default=None)
    if passes and margin is not None and margin < 1:
        return {"margin": None, "required_atol": None}  # merged points of an envelope are stricter than the elements
    return {"margin": margin, "required_atol": max([0.0, *(error - rtol * size for size, error in output.envelope)])}
