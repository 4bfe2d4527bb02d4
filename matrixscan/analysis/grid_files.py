"""The grid of a published matrix, whichever files it was published as."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.analysis.controls import Doubt
from matrixscan.analysis.grid import Grid, grid_of_records
from matrixscan.analysis.grid_controls import trusted_grid
from matrixscan.analysis.grid_factored import grid_of_factored
from matrixscan.errors import NothingSelectedError
from matrixscan.records.factored import Table
from matrixscan.records.types import Record
from matrixscan.store.parquet import read_exports, read_runs
from matrixscan.store.published import published_records
from matrixscan.store.sides import EXPORTS, RUNS


class Published(msgspec.Struct, frozen=True, eq=False):
    """A grid and what is known of its scan: started, finished, harness, and whatever else the tables say."""

    grid: Grid  # without controls, and with nothing that is quarantined
    about: dict[str, Any]
    doubts: tuple[Doubt, ...] = ()
    controlled: tuple[str, ...] = ()
    uncontrolled: tuple[str, ...] = ()


def read_published(folder: Path) -> Published:
    """Read `reports/<matrix>/`: the two tables of a factored scan, else cases.parquet, else the records.

    Raises:
        NothingSelectedError: None of them is there.
        MatrixscanError: A file is damaged or from a newer matrixscan, or pyarrow is missing.
    """
    if (folder / EXPORTS).is_file() and (folder / RUNS).is_file():
        return trusted_tables(read_exports(folder / EXPORTS), read_runs(folder / RUNS))
    notes: list[Record] = []
    grid = grid_of_records(_noted(published_records(folder), notes))
    if not notes:
        raise NothingSelectedError(f"{folder.name} has no results", "scan the matrix first")
    about = {
        "started": min(note.started for note in notes),
        "finished": max(note.finished for note in notes),
        "harness": sorted({note.harness for note in notes}),
        "judged": list(dict.fromkeys(name for note in notes for name in note.judged)),
    }
    return _trusted(grid, about)


def trusted_tables(exports: Table, runs: Table) -> Published:
    """Return the grid of the two tables of a factored scan as far as it can be trusted."""
    about = exports.meta.about
    return _trusted(grid_of_factored(exports, runs, witnesses=about.get("witnesses", ())), about)


def _trusted(grid: Grid, about: dict[str, Any]) -> Published:
    finished = str(about.get("finished", ""))[:10]
    trust = trusted_grid(grid, dt.date.fromisoformat(finished) if finished else dt.date.min)
    return Published(trust.grid, about, trust.doubts, trust.controlled, trust.uncontrolled)


def _noted(records: Iterable[Record], notes: list[Record]) -> Iterator[Record]:
    """Hand records on, and keep all of them but their cases."""
    for record in records:
        notes.append(msgspec.structs.replace(record, cases=(), stages=()))
        yield record
