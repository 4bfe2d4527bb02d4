"""What a bisection found, for a terminal, for a tracker, and for programs. Not a reporter of a ScanView."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import msgspec

from matrixscan.analysis.bisection import Located
from matrixscan.plan.ids import combination_id

SCHEMA_VERSION = 1


class Measured(msgspec.Struct, frozen=True):
    """One combination that was looked at, and what it was each time."""

    id: str
    axes: dict[str, str]
    verdicts: tuple[str, ...]
    words: str  # of what is not good, in parentheses
    reused: bool  # from a record that was there, and not measured for this


class BisectReport(msgspec.Struct, frozen=True):
    """A bisection, whole."""

    probe: str
    variant: str
    lanes: tuple[str, ...]
    finding: str  # what the bad end shows
    located: Located
    steps: tuple[Measured, ...]
    confirmed: bool  # both neighbours came out the same when they were measured again
    releases: int  # of the package that was found, between the ends and with them; 0 where that means nothing
    bound: int  # combinations that such a search needs at most where each of them answers


def render_bisection(report: BisectReport, *, as_json: bool = False) -> str:
    """Return the text, or JSON."""
    if as_json:
        document = {"schema_version": SCHEMA_VERSION, "words": change(report), **msgspec.to_builtins(report)}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    found = report.located
    lines = [f"{report.probe}/{report.variant} with {', '.join(report.lanes)}: {report.finding}", ""]
    width = max(len(step.id) for step in report.steps)
    lines += [f"  {step.id:<{width}}  {verdicts_text(step)}" for step in report.steps]
    reused = sum(step.reused for step in report.steps)
    told = f"{len(report.steps)} combinations, {reused} of them from records that were there"
    limit = f"; of {report.releases} releases, at most {report.bound} were to be expected" if report.bound else ""
    lines += ["", f"{told}{limit}.", "", change(report)]
    if found.silent:
        lines.append(f"Between the two nothing could be told: {', '.join(map(combination_id, found.silent))}.")
    lines.append(_confirmation(report))
    return "\n".join(lines) + "\n"


def change(report: BisectReport) -> str:
    """Return one line for a tracker: what changes, between which releases, with what beside them."""
    found = report.located
    name = f"{report.probe}/{report.variant}"
    if len(found.axes) != 1:
        ends = " and ".join(_versions(row, found.axes) for row in (found.good, found.bad))
        return f"{name}: {report.finding} somewhere between {ends}, which moved together; beside {_rest(found)}."
    (axis,) = found.axes
    good, bad = found.good.get(axis), found.bad.get(axis)
    if good is None or bad is None:
        there, state = (bad, "with") if good is None else (good, "without")
        return f"{name}: {report.finding} {state} {axis} {there}; beside {_rest(found)}."
    return f"{name}: {report.finding} with {axis} {bad}, not with {axis} {good}; beside {_rest(found)}."


def _confirmation(report: BisectReport) -> str:
    if report.confirmed:
        return "Both neighbours were measured again and came out the same."
    return "NOT CONFIRMED: measured again, a neighbour came out otherwise; this is flaky, or something else moved."


def _rest(found: Located) -> str:
    return _versions(found.bad, [axis for axis in found.bad if axis not in found.axes])


def _versions(row: Mapping[str, str], axes: Iterable[str]) -> str:
    return ", ".join(f"{axis} {row[axis]}" if axis in row else f"no {axis}" for axis in axes)


def verdicts_text(step: Measured) -> str:
    """Return what a combination was each time, and why it is not good."""
    seen = " then ".join(step.verdicts) if len(set(step.verdicts)) > 1 else step.verdicts[0]
    again = f", {len(step.verdicts)} times" if len(step.verdicts) > 1 and len(set(step.verdicts)) == 1 else ""
    return f"{seen}{again}{step.words}{' (from a record)' if step.reused else ''}"
