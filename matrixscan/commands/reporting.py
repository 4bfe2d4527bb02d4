"""Reports: everything derived from the records, nothing measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from matrixscan.analysis.causes import load_causes
from matrixscan.analysis.causes_file import OF_PROJECT
from matrixscan.analysis.explanation import explained
from matrixscan.analysis.judge import GOOD, UNKNOWN
from matrixscan.analysis.packaging import holds
from matrixscan.analysis.view import ScanView
from matrixscan.commands.factored import is_factored, side_record
from matrixscan.commands.publishing import publish_recommended
from matrixscan.commands.request import Outcome, Plans, Request, load_plans, places
from matrixscan.commands.views import compared_with, current, plain_view
from matrixscan.commands.wide import environments_of, is_wide, joint_records, publish_sides, report_wide
from matrixscan.errors import EXIT_INFRASTRUCTURE, EXIT_UNEXPECTED
from matrixscan.plan.types import Plan
from matrixscan.records.diagnosis import DiagnosisRecord
from matrixscan.records.packaging import PackagingRecord
from matrixscan.records.types import Record
from matrixscan.reporters import all_reporters
from matrixscan.reporters._summary import render_summary
from matrixscan.store.diagnoses import Diagnoses
from matrixscan.store.packaging import PackagingReports
from matrixscan.store.reports import Reports
from matrixscan.store.work import CellWork

__all__ = ["current", "report", "view_of"]


def report(request: Request, *, scanned: bool = True) -> Outcome:
    """Derive every report from the records and say how the selected part came out.

    Args:
        request: what was asked for.
        scanned: whether a scan precedes; then its cost is part of the text.
    """
    plans = load_plans(request)
    reports = Reports(places().reports, plans.full.matrix.name)
    if is_factored(plans):
        publish_sides(plans, reports)
    records = joint_records(plans, reports)
    if is_wide(plans.full):
        text = report_wide(plans, reports)
        certified = publish_recommended(plans.full, records)
        return Outcome(text + (f"{len(certified)} certified\n" if certified else ""), 0)
    published = _with_extras(plans)
    _publish(reports, view_of(published, [current(record, published) for record in records]))
    certified = publish_recommended(plans.full, records)
    view = view_of(plans.selected, [current(record, plans.selected) for record in records])
    cost = _cost(request, plans, records) if scanned else f"derived from {len(records)} records"
    cost = "\n".join(filter(None, [compared_with(plans.full), cost]))
    text = render_summary(view, reports.folder.relative_to(Path.cwd()).as_posix(), cost, certified)
    unexpected = _unexpected(plans, view)
    if all(cell.verdict == UNKNOWN for cell in view.cells):
        return Outcome(text + "\nNothing could be judged.\n", EXIT_INFRASTRUCTURE)
    if unexpected:
        return Outcome(text + "\nExpected to be good, and is not: " + ", ".join(unexpected) + "\n", EXIT_UNEXPECTED)
    return Outcome(text, 0)


def _with_extras(plans: Plans) -> Plan:
    """Return the whole plan with the probes that were named on top of the matrix; those decide nothing in it."""
    known = {probe.name for probe in plans.full.probes}
    probes = tuple(probe for probe in plans.selected.probes if probe.name not in known)
    names = {probe.name for probe in probes}
    cases = tuple(case for case in plans.selected.cases if case.probe in names)
    return msgspec.structs.replace(plans.full, probes=plans.full.probes + probes, cases=plans.full.cases + cases)


def view_of(plan: Plan, records: Sequence[Record]) -> ScanView:
    """Return what the records of a plan's combinations mean."""
    matrix = plan.matrix
    planned = {cell.id for cell in plan.cells}
    wanted = [record for record in records if record.id in planned]
    view = plain_view(plan, wanted)
    causes = load_causes(Path(matrix.path).parent / OF_PROJECT)
    view = msgspec.structs.replace(view, advises=matrix.advises)
    return explained(view, _diagnoses(plan), _packaging(plan, wanted), causes)


def _packaging(plan: Plan, records: Sequence[Record]) -> dict[str, PackagingRecord]:
    """Return what was tried for combinations that die in a package that is no axis, where it is of their records."""
    known = PackagingReports(places().reports, plan.matrix.name)
    found = ((record, known.read(record.id)) for record in records)
    return {record.id: made for record, made in found if made is not None and holds(made, record)}


def _diagnoses(plan: Plan) -> dict[str, DiagnosisRecord]:
    """Return what failing cases showed when they were looked into, as far as their probes are still the same."""
    known = Diagnoses(places().reports, plan.matrix.name)
    digests = {probe.name: probe.digest for probe in plan.probes}
    found = {cell.id: record for cell in plan.cells if (record := known.read(cell.id)) is not None}
    return {
        cell: msgspec.structs.replace(
            record,
            diagnoses=tuple(
                each
                for each in record.diagnoses
                if record.probes.get(name := each.case.partition("/")[0]) == digests.get(name)
            ),
        )
        for cell, record in found.items()
    }


def _publish(reports: Reports, view: ScanView) -> None:
    reports.write_texts({name: module.render(view) for name, module in all_reporters().items()})


def _cost(request: Request, plans: Plans, records: Sequence[Record]) -> str:
    """Say what this scan measured and what that took; cells with a complete record were not measured again."""
    cells = environments_of(plans.selected, plans.full)
    if is_factored(plans):
        records = [record for cell in cells if (record := side_record(plans.full, cell.id)) is not None]
    found = {cell.id: CellWork(places().work, plans.full.matrix.name, cell.id).done() for cell in cells}
    measured = [cell for cell, done in found.items() if done is not None and done.scan == request.options.scan]
    unfinished = [cell for cell, done in found.items() if done is None]
    lines = []
    if measured:
        spent = sum(r.timings["environment"] + r.timings["cases"] for r in records if r.id in measured)
        wall = time.time() - float(request.options.scan)
        what = "environments" if is_factored(plans) else "combinations"
        lines.append(
            f"measured {len(measured)} {what} in {wall:.0f} s; their installs, imports, exports and runs "
            f"themselves took {spent:.0f} s; ratio {wall / spent if spent else 0:.2f}"
        )
    if unfinished:
        lines.append(f"could not be measured here, and will be tried again: {', '.join(unfinished)}")
    return "\n".join(lines) or "nothing to do: every record is complete and its inputs did not change"


def _unexpected(plans: Plans, view: ScanView) -> list[str]:
    """Return the combinations under `[expect] good` that are not; only asked when judged probes were selected."""
    if not set(plans.selected.judged) <= set(plans.full.judged):
        return []
    expected = plans.full.matrix.expect.good
    return [cell.id for cell in view.cells if cell.id in expected and cell.verdict != GOOD]
