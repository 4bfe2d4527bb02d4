"""What a scan came to, for the page of a workflow's run. Reads what is published; `report` writes that."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec

from matrixscan.analysis.grid_files import read_published
from matrixscan.commands.reporting import current, view_of
from matrixscan.commands.request import Plans, Request, load_plans, places
from matrixscan.commands.wide import is_wide, joint_records
from matrixscan.errors import NothingSelectedError
from matrixscan.plan.ids import combination_id
from matrixscan.reporters._github import counted, not_run, notes_of, render_annotations, render_job_summary
from matrixscan.reporters._grid import FILE
from matrixscan.reporters.table_md import render
from matrixscan.store.reports import Reports


class Annotated(msgspec.Struct, frozen=True):
    """`commands` are for the log of the step, `summary` is Markdown."""

    commands: str
    summary: str


def annotate(request: Request) -> Annotated:
    """Return the annotations and the summary of what is published of a matrix."""
    plans = load_plans(request)
    if is_wide(plans.full):
        return _of_tables(plans)
    plan = plans.selected
    reports = Reports(places().reports, plans.full.matrix.name)
    view = view_of(plan, [current(record, plan) for record in joint_records(plans, reports)])
    file = Path(plan.matrix.path)
    expected = plan.matrix.expect.good if set(plan.judged) <= set(plans.full.judged) else ()
    notes = list(notes_of(view, expected, lines_of(file, expected)))
    head = f"{len(view.cells)} combinations of {plan.matrix.name}: {counted([cell.verdict for cell in view.cells])}"
    return Annotated(render_annotations(notes, _shown(file)), render_job_summary(head, render(view)))


def _of_tables(plans: Plans) -> Annotated:
    """Return the same of a scan that is too wide for a line a combination."""
    plan = plans.full
    folder = places().reports / plan.matrix.name
    try:
        rows = read_published(folder).grid.rows
    except NothingSelectedError:
        rows = ()
    known = {combination_id(row) for row in rows}
    missing = [cell.id for cell in plan.cells if cell.id not in known]
    page = folder / FILE
    head = f"{len(plan.cells)} combinations of {plan.matrix.name}: {len(missing)} not run"
    text = page.read_text(encoding="utf-8") if known and page.is_file() else ""
    file = _shown(Path(plan.matrix.path))
    return Annotated(render_annotations(list(not_run(missing)), file), render_job_summary(head, text))


def lines_of(file: Path, ids: Collection[str]) -> dict[str, int]:
    """Return the first line of a matrix file, from 1, that names each of these combinations."""
    found: dict[str, int] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        for name in ids:
            if f'"{name}"' in line or f"'{name}'" in line:
                found.setdefault(name, number)
    return found


def _shown(file: Path) -> str:
    """Return a path as it is in the repository; one elsewhere says its name alone."""
    try:
        return file.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        return file.name
