"""Which versions separate good from bad: from what is published, nothing is run and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from matrixscan.analysis.grid import ENVIRONMENT, Grid
from matrixscan.analysis.grid_files import read_published
from matrixscan.analysis.rules_grid import Rulebook, rulebook
from matrixscan.commands.request import Outcome, places
from matrixscan.errors import UnknownNameError
from matrixscan.matrix.reader import find_matrix
from matrixscan.reporters._rules import render_text

_OTHERS = "\nother probes, and all lanes of each, are in rules.md; or name one with --probe, such as --probe 'op_*'\n"


def explain(
    matrix: str = "default", probes: Sequence[str] = (), finding: str | None = None, *, lanes: bool = False
) -> Outcome:
    """Say by which rules over versions the published results of a matrix are good or bad.

    Args:
        matrix: its name, its file, or the folder of its reports.
        probes: names, `probe/variant` or globs; the probes that decide where there are none.
        finding: only what shows this: "compare: mismatch", "mismatch", "compare" or "bad".
        lanes: speak of every lane by itself.

    Raises:
        MatrixNotFoundError: there is neither a matrix nor a report of that name.
        NothingSelectedError: nothing is published for the matrix.
        UnknownNameError: no probe or finding is called so.
    """
    name = Path(matrix).stem if matrix.endswith(".toml") else Path(matrix).name
    folder = places().reports / name
    if not folder.is_dir():
        find_matrix(matrix)  # refuses a name that none has
    published = read_published(folder)
    judged = [str(probe) for probe in published.about.get("judged", ())]
    chosen = _subjects(published.grid, probes, judged)
    book = rulebook(published.grid, judged, subjects=chosen, every_lane=lanes)
    if finding is not None:
        book = _only(book, finding)
    rest = {subject[0] for subject in published.grid.subjects()} - {subject[0] for subject in chosen}
    return Outcome(render_text(book, name) + (_OTHERS if rest and not probes else ""), 0)


def _subjects(grid: Grid, wanted: Sequence[str], judged: Sequence[str]) -> set[tuple[str, str]]:
    every = [*grid.subjects(), ENVIRONMENT[:2]]
    if not wanted:
        return {subject for subject in every if subject[0] in judged or subject == ENVIRONMENT[:2] or not judged}
    found: set[tuple[str, str]] = set()
    for pattern in wanted:
        own = {each for each in every if fnmatchcase(each[0], pattern) or fnmatchcase("/".join(each), pattern)}
        if not own:
            raise UnknownNameError("probe", pattern, {subject[0] for subject in every})
        found |= own
    return found


def _only(book: Rulebook, finding: str) -> Rulebook:
    kept = tuple(told for told in book.told if finding in {told.finding, *told.finding.split(": ")})
    if not kept:
        raise UnknownNameError("finding", finding, {told.finding for told in book.told})
    return msgspec.structs.replace(book, told=kept)
