"""Reports of a scan that is too wide for one record and one line a combination: tables, flips and the grid."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from matrixscan.analysis.causes import load_causes
from matrixscan.analysis.causes_file import OF_PROJECT
from matrixscan.analysis.factored import RunSide, join, lent
from matrixscan.analysis.flips import flips
from matrixscan.analysis.grid_evidence import experience_of
from matrixscan.analysis.grid_files import Published, read_published
from matrixscan.analysis.grid_why import grid_whys, with_blame
from matrixscan.analysis.rules_file import rules_text
from matrixscan.analysis.rules_grid import rulebook
from matrixscan.commands.factored import is_factored, side_record, sides_of
from matrixscan.commands.request import Plans, measured_places
from matrixscan.commands.wide_index import wide_index_text
from matrixscan.matrix.backends import runners
from matrixscan.plan.factor import Sides
from matrixscan.plan.load import JOINT_SUFFIX
from matrixscan.plan.types import Cell, Plan
from matrixscan.records.factored import Combination
from matrixscan.records.types import Record
from matrixscan.reporters._controls import TITLE, control_lines
from matrixscan.reporters._flips import render_flips
from matrixscan.reporters._grid import render_catalogue, render_tables
from matrixscan.reporters._grid_why import render_whys
from matrixscan.reporters._markdown import escape
from matrixscan.reporters._rules import render_markdown
from matrixscan.store.diagnoses import Diagnoses
from matrixscan.store.files import write_atomically
from matrixscan.store.packaging import PackagingReports
from matrixscan.store.parquet_cases import MANY_CASES, records_from_parquet, records_to_parquet
from matrixscan.store.published import CASES
from matrixscan.store.reports import Reports
from matrixscan.store.sides import write_sides

#: Case results (combinations times cases) up to which every combination gets a record and a line of its own.
WIDE = 50_000


def is_wide(plan: Plan) -> bool:
    """Return whether a plan has too many case results for the ordinary reports."""
    return plan.matrix.artifact is None and len(plan.cells) * len(plan.cases) > WIDE


def environments_of(plan: Plan, *others: Plan) -> tuple[Cell, ...]:
    """Return the environments of a plan: its combinations, or the sides of a factored one (see `sides_of`)."""
    if plan.matrix.plan != "factored":
        return plan.cells
    sides = sides_of(plan, *others)
    return (*sides.exports, *sides.runs)


def publish_sides(plans: Plans, reports: Reports) -> None:
    """Put what the sides of a factored plan did into the published folder: as tables, or as records if it is little."""
    plan = plans.full
    sides = sides_of(plan, plans.selected)
    if not any(side_record(plan, cell.id) for cell in (*sides.exports, *sides.runs)):
        return  # what is published was measured elsewhere
    _publish_locks(plan, sides, reports)
    if is_wide(plan):
        _publish_tables(plan, sides, reports.folder)
        return
    for record in joined(plan, sides):
        reports.write(record)


def joined(plan: Plan, sides: Sides, only: Collection[str] | None = None) -> Iterator[Record]:
    """Yield the record of every combination whose sides were measured; those of one run side one after the other.

    Args:
        plan: whose combinations.
        sides: theirs.
        only: ids of combinations; all when None.
    """
    exported = {cell.id: side_record(plan, cell.id) for cell in sides.exports}
    put_together = join if plan.matrix.artifact is None else lent
    for run in sides.runs:
        ran = RunSide(side_record(plan, run.id))
        for cell in plan.cells:
            export, other = sides.pairs[cell.id]
            wanted = other == run.id and (only is None or cell.id in only)
            record = put_together(cell.id, cell.axes, exported[export], ran) if wanted else None
            if record is not None:
                yield record


def combination_records(plans: Plans, reports: Reports) -> Iterator[Record]:
    """Yield the record of every combination that was measured, whichever way."""
    if plans.full.matrix.plan == "factored":
        return joined(plans.full, sides_of(plans.full, plans.selected))
    return iter(joint_records(plans, reports))


def has_many_cases(plan: Plan) -> bool:
    """Return whether the cases of a joint plan are published as one table instead of a record a combination."""
    return plan.matrix.plan != "factored" and len(plan.cells) * len(plan.cases) > MANY_CASES


def joint_records(plans: Plans, reports: Reports) -> list[Record]:
    """Return the records of a joint plan; many cases are put into the published folder on the way."""
    plan = plans.full
    if not has_many_cases(plan):
        return [record for cell in plan.cells if (record := reports.read(cell.id)) is not None]
    table = reports.folder / CASES
    # A matrix that grew has published records until now.
    apart = {cell.id: record for cell in plan.cells if (record := reports.read(cell.id)) is not None}
    known = apart | {record.id: record for record in (records_from_parquet(table) if table.is_file() else ())}
    measured = {record.id: record for record in _records(plan, _there(plan, plan.cells))}
    records = [(known | measured)[cell.id] for cell in plan.cells if cell.id in known or cell.id in measured]
    if measured or apart:
        made = Reports(measured_places().reports, plan.matrix.name)
        made.hand_over(measured, reports)
        records_to_parquet(records, table)
        reports.drop_records()
    return records


def report_wide(plans: Plans, reports: Reports) -> str:
    """Write what can be derived from the published tables, and return a few words about it."""
    published = read_published(reports.folder)
    grid, name = published.grid, plans.full.matrix.name
    # The sides of a factored scan are no environments to look into; whole ones beside it are.
    looked = f"{name}{JOINT_SUFFIX}" if is_factored(plans) else name
    broken = PackagingReports(reports.folder.parent, looked).read_all().values()
    experience = experience_of(grid, Diagnoses(reports.folder.parent, looked).every(), broken)
    found = with_blame(flips(grid), experience)
    judged = [str(probe) for probe in published.about.get("judged", plans.full.judged)]
    whys = grid_whys(experience, judged, load_causes(Path(plans.full.matrix.path).parent / OF_PROJECT))
    book = rulebook(grid, judged)
    reports.write_texts(
        {
            "flips.json": render_flips(found),
            "grid.md": render_tables(grid, name, judged) + render_whys(whys, grid) + _controls(published),
            "operators.md": render_catalogue(grid, name),
            "verdicts.json": wide_index_text(published, plans.full, reports.folder),
            "rules.json": rules_text(book, name),
            "rules.md": render_markdown(book, name),
        }
    )
    quarantined = f", {len(published.doubts)} quarantined" if published.doubts else ""
    return f"{len(grid.rows)} combinations, {len(grid.cases) - 1} cases, {len(found)} flips{quarantined}\n"


def _controls(published: Published) -> str:
    lines = control_lines(published.doubts, published.controlled, published.uncontrolled)
    return f"\n## {TITLE}\n\n" + "".join(f"- {escape(line)}\n" for line in lines) if lines else ""


def _publish_tables(plan: Plan, sides: Sides, folder: Path) -> None:
    exports, runs = (_there(plan, cells) for cells in (sides.exports, sides.runs))
    known = {cell.id for cell in (*exports, *runs)}
    pairs = ((cell, *sides.pairs[cell.id]) for cell in plan.cells)
    combinations = [Combination(cell.axes, export, run) for cell, export, run in pairs if {export, run} <= known]
    about = _about(plan, [*exports, *runs])
    folder.mkdir(parents=True, exist_ok=True)
    order = [case.id for case in plan.measured]
    write_sides(folder, _records(plan, exports), _records(plan, runs), order, combinations, about)


def _there(plan: Plan, cells: Sequence[Cell]) -> list[Cell]:
    folder = Reports(measured_places().reports, plan.matrix.name)
    return [cell for cell in cells if folder.record_path(cell.id).is_file()]


def _records(plan: Plan, cells: Sequence[Cell]) -> Iterator[Record]:
    for cell in cells:
        record = side_record(plan, cell.id)
        if record is not None:
            yield record


def _about(plan: Plan, cells: Sequence[Cell]) -> dict[str, object]:
    """Return what reports quote of a scan."""
    facts = [(record.started, record.finished, record.harness) for record in _records(plan, cells)]
    return {
        "matrix": plan.matrix.name,
        "started": min(started for started, _, _ in facts),
        "finished": max(finished for _, finished, _ in facts),
        "harness": sorted({harness for _, _, harness in facts}),
        "judged": list(plan.judged),
        "witnesses": [name for name, info in runners().items() if info.witness],
        "infeasible": len(plan.infeasible),
    }


def _publish_locks(plan: Plan, sides: Sides, reports: Reports) -> None:
    """Keep the locks of the sides with what was measured with them.

    What the packages of a wide plan print is too much to publish; what they said of a failure is in the tables.
    """
    made = Reports(measured_places().reports, plan.matrix.name)
    made.hand_over([cell.id for cell in (*sides.exports, *sides.runs)], reports, logs=not is_wide(plan))


def adopt_locks(plans: Plans, reports: Reports) -> None:
    """Let environments be installed from the published locks where this machine has none of its own."""
    made = Reports(measured_places().reports, plans.full.matrix.name)
    own = (None, *(probe.name for probe in plans.full.probes if probe.dependencies))
    for cell, probe in itertools.product(environments_of(plans.full, plans.selected), own):
        source, target = reports.lock_path(cell.id, probe), made.lock_path(cell.id, probe)
        if source.is_file() and not target.is_file():
            write_atomically(target, source.read_bytes())
