"""What an upgrade found, for a terminal and for programs. Not a reporter of a ScanView."""

from __future__ import annotations

import json

import msgspec

from matrixscan.analysis.upgrade_path import Upgrade
from matrixscan.plan.ids import combination_id
from matrixscan.reporters._bisection import Measured, verdicts_text

SCHEMA_VERSION = 1


class UpgradeReport(msgspec.Struct, frozen=True):
    """A search for the way up, whole."""

    source: str
    package: str
    probes: tuple[str, ...]
    present: str  # verdict of the present pins
    upgrade: Upgrade
    measured: tuple[Measured, ...]
    written: tuple[str, ...]  # files that were changed
    unwritten: tuple[str, ...] = ()  # packages that move and that the file does not mention


def render_upgrade(report: UpgradeReport, *, as_json: bool = False) -> str:
    """Return the text, or JSON."""
    found = report.upgrade
    if as_json:
        document = {"schema_version": SCHEMA_VERSION, "steps": found.steps, **msgspec.to_builtins(report)}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    start = found.path[0]
    lines = [f"{report.source}, for {', '.join(report.probes)}", ""]
    lines += [f"now: {_versions(start)}: {report.present}", "", *_steps(report)]
    lines += [*_closed(found, report.package), ""]
    width = max(len(step.id) for step in report.measured)
    lines += ["what was looked at:", *(f"  {each.id:<{width}}  {verdicts_text(each)}" for each in report.measured)]
    if report.written:
        lines += ["", f"wrote {', '.join(report.written)}"]
    if report.unwritten:
        lines += ["", f"not in the file, so add by hand: {', '.join(report.unwritten)}"]
    return "\n".join(lines) + "\n"


def _steps(report: UpgradeReport) -> list[str]:
    found = report.upgrade
    if len(found.path) == 1:
        if not (found.ruled_out or found.open):
            return [f"{report.package} {found.path[0].get(report.package)} is the newest there is for this Python."]
        return [f"{report.package} stays at {found.path[0].get(report.package)}: no newer release was seen to work."]
    last = found.path[-1]
    at_once = "one package at a time" if found.at_once == 1 else f"up to {found.at_once} packages at once"
    lines = [f"{report.package} can go to {last[report.package]}, {at_once}:"]
    for number, (step, row) in enumerate(zip(found.steps, found.path[1:], strict=True), 1):
        moved = ", ".join(f"{axis} {version or 'removed'}" for axis, version in step.items())
        lines.append(f"  {number}. {moved}   (good: {combination_id(row)})")
    pins = " ".join(f"{axis}=={version}" for axis, version in last.items() if axis != "python")
    return [*lines, f"pins: {pins}"]


def _closed(found: Upgrade, package: str) -> list[str]:
    lines = []
    if found.ruled_out:
        lines.append(f"Nothing good leads to {package} {', '.join(found.ruled_out)}.")
    if found.open:
        lines.append(f"Not settled: {package} {', '.join(found.open)}; a larger --budget goes on from here.")
    return lines


def _versions(row: dict[str, str]) -> str:
    return ", ".join(f"{axis} {version}" for axis, version in row.items())
