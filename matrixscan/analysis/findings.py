"""What is to be said about one (probe, variant) in one cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from matrixscan.analysis.first_line import first_line
from matrixscan.analysis.judge import (
    BAD_OUTCOMES,
    GOOD,
    NOT_APPLICABLE,
    Judgement,
    case_order,
    first_problem,
    group_lanes,
    judge_cases,
    judge_lane,
)
from matrixscan.analysis.known import Known
from matrixscan.records.types import CaseRecord, Error


class Figure(msgspec.Struct, frozen=True):
    """The worst mismatch: the largest max_abs, with all that is needed to see it again."""

    output: str
    max_abs: float
    size: dict[str, int]
    exporter: str
    opset: int
    precision: str
    runner: str
    required_atol: float | None = None  # with which it would have passed at the probe's rtol
    margin: float | None = None  # tolerance / error at the worst element


class LaneView(msgspec.Struct, frozen=True):
    """One way through the exporters and runners. `label` is unique within its finding."""

    label: str
    exporter: str
    opset: int
    precision: str
    runner: str
    verdict: str
    passed: int
    counted: int  # infeasible cases do not count
    smallest_margin: float | None = None
    witness: bool = False


class Finding(msgspec.Struct, frozen=True):
    """A verdict with its first stage not passed, its worst figure and how many cases are concerned."""

    probe: str
    variant: str
    verdict: str
    stage: str | None
    outcome: str
    reason: str | None = None
    error: Error | None = None  # message cut to its first line
    lane: str | None = None  # label of the lane of the case that names the failure
    size: dict[str, int] = {}  # of that case
    figure: Figure | None = None
    bad: int = 0
    counted: int = 0
    lanes: tuple[LaneView, ...] = ()
    known: tuple[Known, ...] = ()  # announced failures that concern these cases

    @property
    def announced(self) -> tuple[Known, ...]:
        """Return the announced failures that happened and are not out of date."""
        return tuple(known for known in self.known if known.cases and not known.expired)

    @property
    def surprising(self) -> int:
        """Count the bad cases nobody announced."""
        return self.bad - len({case for known in self.announced for case in known.cases})

    @property
    def applicable(self) -> bool:
        """Whether anything of this probe exists in the environment."""
        lanes = [lane for lane in self.lanes if not lane.witness]
        return not lanes or any(lane.verdict != NOT_APPLICABLE for lane in lanes)

    @property
    def smallest_margin(self) -> float | None:
        """Return the smallest margin of what passed, None where nothing differs at all; witnesses do not count."""
        margins = [lane.smallest_margin for lane in self.working_lanes()]
        return min((margin for margin in margins if margin is not None), default=None)

    def working_lanes(self) -> tuple[LaneView, ...]:
        """Return the lanes whose verdict is good; a witness's lane is none to recommend."""
        return tuple(lane for lane in self.lanes if lane.verdict == GOOD and not lane.witness)


def build_finding(
    probe: str,
    variant: str,
    cases: Sequence[CaseRecord],
    environment: Judgement | None,
    known: tuple[Known, ...] = (),
) -> Finding:
    """Describe the settled cases of one (probe, variant); an unusable environment describes itself."""
    if environment is not None:
        return _plain(probe, variant, environment)
    judgement = judge_cases(cases)
    finding = _plain(probe, variant, judgement)
    lanes = lane_views(cases)
    counting = [case for case in cases if not case.witness]
    if not counting:
        return msgspec.structs.replace(finding, lanes=lanes)
    # What nobody announced is the news.
    expected = {case for entry in known if not entry.expired for case in entry.cases}
    news = [case for case in counting if case.id not in expected]
    leading = None if judgement.verdict == GOOD else first_problem(news if _any_problem(news) else counting)
    return msgspec.structs.replace(
        finding,
        lane=None if leading is None else _label(leading, cases),
        size={} if leading is None else leading.size,
        figure=worst_figure(counting),
        bad=sum(case.outcome in BAD_OUTCOMES for case in counting),
        counted=sum(case.outcome != "infeasible" for case in counting),
        lanes=lanes,
        known=known,
        **_named(leading),
    )


def _any_problem(cases: Sequence[CaseRecord]) -> bool:
    return any(case.outcome in BAD_OUTCOMES for case in cases)


def _named(leading: CaseRecord | None) -> dict[str, Any]:
    """Return the fields that say what went wrong in the case that names the failure."""
    if leading is None:
        return {}
    error = leading.error
    short = None if error is None else Error(error.type, first_line(error.message))
    return {"stage": leading.stage, "outcome": leading.outcome, "reason": leading.reason, "error": short}


def lane_views(cases: Sequence[CaseRecord]) -> tuple[LaneView, ...]:
    """Return every lane of one (probe, variant), by exporter and opset."""
    lanes = group_lanes(sorted(cases, key=case_order))
    return tuple(_lane_view(lane, cases) for lane in lanes.values())


def worst_figure(cases: Sequence[CaseRecord]) -> Figure | None:
    """Return the mismatching output with the largest max_abs, None if no values mismatch."""
    figures = [
        Figure(
            output.name,
            output.max_abs,
            case.size,
            case.exporter,
            case.opset,
            case.precision,
            case.runner,
            output.required_atol,
            output.margin,
        )
        for case in sorted(cases, key=case_order)
        for output in case.outputs
        if not output.passed and output.reason == "mismatch" and output.max_abs is not None
    ]
    return max(figures, key=lambda figure: figure.max_abs, default=None)


def _lane_view(lane: Sequence[CaseRecord], cases: Sequence[CaseRecord]) -> LaneView:
    first = lane[0]
    passed = [case for case in lane if case.outcome == "passed"]
    margins = [output.margin for case in passed for output in case.outputs if output.margin is not None]
    return LaneView(
        label=_label(first, cases),
        exporter=first.exporter,
        opset=first.opset,
        precision=first.precision,
        runner=first.runner,
        verdict=judge_lane(lane),
        passed=len(passed),
        counted=sum(case.outcome != "infeasible" for case in lane),
        smallest_margin=min(margins, default=None),
        witness=first.witness,
    )


def _label(case: CaseRecord, cases: Sequence[CaseRecord]) -> str:
    # Two runners of one export may disagree: a label that leaves the runner out would then name both.
    parts = [f"{case.exporter} {case.opset}" if case.opset else case.exporter]
    if len({other.precision for other in cases}) > 1:
        parts.append(case.precision)
    if len({other.runner for other in cases}) > 1:
        parts.append(case.runner)
    return " ".join(parts)


def _plain(probe: str, variant: str, judgement: Judgement) -> Finding:
    error = judgement.error
    short = None if error is None else Error(error.type, first_line(error.message))
    return Finding(probe, variant, judgement.verdict, judgement.stage, judgement.outcome, judgement.reason, short)
