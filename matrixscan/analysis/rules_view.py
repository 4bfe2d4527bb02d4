"""The rules of an ordinary scan: its view as a grid, which is all they need."""

from __future__ import annotations

import numpy as np

from matrixscan.analysis.grid import ENVIRONMENT, NOT_RUN, OK, Grid, Words, axis_names, key_of
from matrixscan.analysis.rules_grid import Rulebook, rulebook
from matrixscan.analysis.view import CellView, ScanView
from matrixscan.harness.protocol import ENVIRONMENT_STAGES


def rulebook_of_view(view: ScanView) -> Rulebook:
    """Return the rules of every probe of a scan."""
    return rulebook(grid_of_view(view), view.judged)


def grid_of_view(view: ScanView) -> Grid:
    """Return the combinations of a view that were tried, as a grid."""
    cells = [cell for cell in view.cells if cell.evidence != "none"]
    words = Words()
    order = {(subject.probe, subject.variant): place for place, subject in enumerate(view.subjects)}
    found = dict.fromkeys(key_of(case) for cell in cells for case in cell.cases)
    columns = {key: place for place, key in enumerate([ENVIRONMENT, *sorted(found, key=lambda key: order[key[:2]])])}
    codes = np.full((len(cells), len(columns)), NOT_RUN, np.int16)
    errors = np.zeros(codes.shape, np.int32)
    for row, cell in enumerate(cells):
        codes[row, 0], errors[row, 0] = _environment(cell, words)
        for case in cell.cases:
            column = columns[key_of(case)]
            codes[row, column] = words.code(case.stage, case.outcome, case.reason)
            errors[row, column] = words.text(case.error)
    return Grid(
        axes=axis_names(cell.axes for cell in cells),
        rows=tuple(cell.axes for cell in cells),
        evidence=tuple(cell.evidence for cell in cells),
        cases=tuple(columns),
        words=words.words,
        outcomes=words.outcomes,
        codes=codes,
        texts=words.texts,
        errors=errors,
        witnesses=frozenset(case.runner for cell in cells for case in cell.cases if case.witness),
    )


def _environment(cell: CellView, words: Words) -> tuple[int, int]:
    if cell.stage in ENVIRONMENT_STAGES:
        return words.code(cell.stage, cell.outcome, cell.reason), words.text(cell.error)
    return OK, 0
