"""The index of a wide scan, and of any published matrix whose verdicts.json is missing or of another matrixscan."""

from __future__ import annotations

from pathlib import Path

from matrixscan.analysis.grid_files import read_published
from matrixscan.analysis.known_pins_index import Index
from matrixscan.analysis.known_pins_made import index_of_view
from matrixscan.analysis.view import build_view
from matrixscan.commands.reporting import current, view_of
from matrixscan.commands.request import Request, load_plans
from matrixscan.commands.wide import is_wide
from matrixscan.commands.wide_index import wide_index
from matrixscan.errors import MatrixNotFoundError, NotFactoredError
from matrixscan.store.published import published_records
from matrixscan.store.sides import EXPORTS

_JOINT = "_joint"  # what the reports of a factored matrix end with that was measured with everything in one environment


def read_index(folder: Path) -> tuple[Index, str]:
    """Return the index of `reports/<matrix>/` from what was measured, and a note that this was slow.

    What a planned case did not do counts as not run; only the matrix says what was planned.

    Raises:
        MatrixscanError: A file is damaged, or the matrix cannot be read.
    """
    name = folder.name
    words = f"{name}: read from its records; `matrixscan report {name.removesuffix(_JOINT)}` makes this fast"
    try:
        plan = load_plans(Request(name.removesuffix(_JOINT), joint=name.endswith(_JOINT))).full
    except (MatrixNotFoundError, NotFactoredError):
        plan = None
        words += f"; matrices/{name}.toml is not here, so cases that were planned and not run are not seen"
    if (folder / EXPORTS).is_file() or (plan is not None and is_wide(plan)):
        return wide_index(read_published(folder), name, folder, plan), words
    records = list(published_records(folder))
    if plan is not None:
        return index_of_view(view_of(plan, [current(record, plan) for record in records])), words
    planned = [(record.id, record.axes) for record in records]
    return index_of_view(build_view(name, "", planned, records)), words
