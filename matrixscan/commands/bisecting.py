"""Finds the release at which a model breaks, or is mended: measures combinations between a good one and a bad one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import msgspec
from packaging.requirements import Requirement

from matrixscan.analysis.bisection import Located, Side, bound, moved, search
from matrixscan.analysis.judge import BAD, GOOD, Judgement
from matrixscan.catalog.selectors import is_exact
from matrixscan.commands.bench import Bench, words_of
from matrixscan.commands.releases import usable_releases
from matrixscan.commands.request import Outcome, Plans, Request, load_plans
from matrixscan.errors import MatrixscanError, NothingSelectedError, UnknownNameError, did_you_mean
from matrixscan.execution.task import Listener, Notice
from matrixscan.matrix.backends import exporters, runners
from matrixscan.plan.expand import make_cell
from matrixscan.plan.ids import combination_id
from matrixscan.plan.types import Plan
from matrixscan.reporters._bisection import BisectReport, render_bisection

#: Ends the name under which a bisection keeps what it measures, beside what scans of the matrix do.
SUFFIX = "_bisect"


class EndsError(MatrixscanError):
    """The two ends are not a good and a bad one, or are the same."""


def bisect(
    request: Request,
    good: str,
    bad: str,
    listener: Listener,
    *,
    lane: str = "",
    pre: bool = False,
    as_json: bool = False,
) -> Outcome:
    """Find the release between two combinations at which a probe changes from good to bad.

    Args:
        request: The matrix, and the probe as `probes`: a name, or PROBE/VARIANT.
        good: A combination in which it is good: an id of the matrix, or `python=3.11,torch=2.1.2,...`.
        bad: One in which it is not.
        listener: Told about progress.
        lane: EXPORTER or EXPORTER:OPSET, to ask about this alone.
        pre: Try pre-releases too.
        as_json: Return JSON.

    Raises:
        EndsError: The ends are alike, lack a package, or do not come out as they should.
        UnknownNameError: The probe has no such variant or lane.
        IndexUnreachableError: An index does not answer, did not earlier, and the matrix has no lock that helps.
    """
    asked, variant = _subject(request)
    plans = _narrowed(load_plans(asked), variant, lane)
    ends = _end(good, plans.full), _end(bad, plans.full)
    for text, row in zip((good, bad), ends, strict=True):
        _check_whole(text, row, plans.full)
    if not moved(*ends):
        raise EndsError(f"{good} and {bad} are the same combination; name two that differ in a release")
    listener(_notice("index", f"which releases of {', '.join(moved(*ends))} lie between the ends"))
    pythons = {end["python"] for end in ends}
    releases = {
        axis: tuple(
            release.version
            for release in usable_releases(
                axis, plans.full, pythons, named={end[axis] for end in ends if axis in end}, pre=pre
            )
        )
        for axis in moved(*ends)
        if axis != "python"
    }
    bench = Bench(asked, plans.selected, SUFFIX, listener)
    first, last = bench.judge(ends[0]), bench.judge(ends[1])
    _check_ends(ends, first, last)
    found = _drive(ends, lambda axis: releases.get(axis, ()), lambda row: _side(bench.judge(row), last))
    confirmed = [bench.judge(row, again=True) for row in (found.good, found.bad)]
    report = _report(plans, ends, found, bench, last, confirmed, releases)
    return Outcome(render_bisection(report, as_json=as_json), 0 if report.confirmed else 1)


def _subject(request: Request) -> tuple[Request, str]:
    if len(request.probes) != 1:
        raise NothingSelectedError("a bisection follows one probe", "name it with --probe")
    name, variant = request.probes[0], ""
    if "/" in name and not Path(name).exists():
        name, _, variant = name.partition("/")
    # A bisection of a factored matrix measures what its packages do together.
    joint = load_plans(msgspec.structs.replace(request, probes=(name,))).full.matrix.plan == "factored"
    return msgspec.structs.replace(request, probes=(name,), joint=joint), variant


def _narrowed(plans: Plans, variant: str, lane: str) -> Plans:
    """Return plans whose cases are those of one (probe, variant), and of one lane where that was asked for."""
    plan = plans.selected
    probe = plan.probes[0]
    variants = dict.fromkeys(case.variant for case in plan.cases)
    chosen = variant or next(iter(variants))
    if chosen not in variants:
        raise UnknownNameError(f"variant of {probe.name}", variant, variants)
    exporter, _, opset = lane.partition(":")
    kept = [
        case
        for case in plan.cases
        if case.variant == chosen and (not lane or (case.exporter == exporter and opset in {"", str(case.opset)}))
    ]
    if not kept:
        raise UnknownNameError(f"lane of {probe.name}", lane, {f"{case.exporter}:{case.opset}" for case in plan.cases})
    named = msgspec.structs.replace(plan.matrix, name=f"{plan.matrix.name}{SUFFIX}")
    used = {(case.exporter, case.opset) for case in kept}
    controls = tuple(case for case in plan.controls if (case.exporter, case.opset) in used)
    one = msgspec.structs.replace(plan, matrix=named, cases=tuple(kept), judged=(probe.name,), controls=controls)
    return Plans(msgspec.structs.replace(one, cells=plans.full.cells, rows=plans.full.rows), one)


def _end(text: str, plan: Plan) -> dict[str, str]:
    """Return the combination that a text names."""
    if "=" in text:
        axes = dict(part.partition("=")[::2] for part in text.replace("==", "=").split(",") if part)
        wrong = [name for name, value in axes.items() if not is_exact(value)]
        if wrong or "python" not in axes:
            what = f"{wrong[0]} has no exact version" if wrong else "python is missing"
            raise EndsError(f"{text!r}: {what}; write it like python=3.11,torch=2.3.1,onnx=1.16.1,onnxruntime=1.18.1")
        return {name.strip(): value.strip() for name, value in axes.items()}
    known = {combination_id(row): dict(row) for row in (*(cell.axes for cell in plan.cells), *plan.rows)}
    if text not in known:
        raise EndsError(f"{plan.matrix.path} has no combination {text!r}; {did_you_mean(text, known)}")
    return known[text]


def _check_whole(text: str, row: Mapping[str, str], plan: Plan) -> None:
    """Refuse an end without a package that its lanes need, of those that the matrix has anywhere."""
    used = [case for case in plan.cases if not case.witness]
    # A converter that is a package itself is called like it.
    groups: list[tuple[str, ...]] = [("torch",), *((name,) for name in dict.fromkeys(case.exporter for case in used))]
    groups += [("onnx",)] if any(exporters()[case.exporter].format == "onnx" for case in used) else []
    groups += [runners()[name].packages for name in dict.fromkeys(case.runner for case in used)]
    axes = {axis for known in (*(cell.axes for cell in plan.cells), *plan.rows) for axis in known}
    there = {Requirement(wanted).name for wanted in make_cell(row, plan.matrix).requirements}
    lacking = [" or ".join(group) for group in groups if axes & set(group) and not there & set(group)]
    if lacking:
        raise EndsError(f"{text!r} lacks what is needed to run {plan.judged[0]}: {', '.join(lacking)}; add its version")


def _side(found: Judgement, bad: Judgement) -> Side:
    if found.verdict == GOOD:
        return "good"
    same = (found.verdict, found.stage, found.reason) == (bad.verdict, bad.stage, bad.reason)
    # What fails in another way hides whether this failure is there.
    return "bad" if same else "silent"


def _check_ends(ends: Sequence[Mapping[str, str]], first: Judgement, last: Judgement) -> None:
    for row, found, wanted in ((ends[0], first, GOOD), (ends[1], last, BAD)):
        if found.verdict != wanted:
            raise EndsError(
                f"{combination_id(row)} was to be {wanted} and is {found.verdict}{words_of(found)}; "
                f"choose another combination for --{wanted}"
            )


def _drive(
    ends: tuple[dict[str, str], dict[str, str]],
    releases: Callable[[str], Sequence[str]],
    side: Callable[[Mapping[str, str]], Side],
) -> Located:
    going = search(*ends, releases)
    try:
        row = next(going)
        while True:
            row = going.send(side(row))
    except StopIteration as end:
        found: Located = end.value
        return found


def _report(
    plans: Plans,
    ends: tuple[dict[str, str], dict[str, str]],
    found: Located,
    bench: Bench,
    last: Judgement,
    confirmed: Collection[Judgement],
    releases: Mapping[str, Sequence[str]],
) -> BisectReport:
    case = plans.selected.cases[0]
    again = [_side(judged, last) for judged in confirmed]
    axis = found.axes[0] if len(found.axes) == 1 else ""
    between = list(releases.get(axis, ()))
    places_of = [between.index(end[axis]) for end in ends if end.get(axis) in between] if axis else []
    span = max(places_of) - min(places_of) + 1 if len(places_of) == len(ends) else 0
    lanes = sorted({f"{each.exporter} {each.opset}" for each in plans.selected.cases})
    return BisectReport(
        probe=case.probe,
        variant=case.variant,
        lanes=tuple(lanes),
        finding=words_of(last).strip(" ()"),
        located=found,
        steps=tuple(bench.steps.values()),
        confirmed=again == ["good", "bad"],
        releases=span,
        bound=bound(len(moved(*ends)), span) if span else 0,
    )


def _notice(stage: str, text: str) -> Notice:
    return Notice("bisect", stage, text, 0.0)
