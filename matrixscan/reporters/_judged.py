"""What other tolerances would change: text for people, nothing of it is stored."""

from __future__ import annotations

from collections import Counter

import numpy as np

from matrixscan.analysis.grid import Grid
from matrixscan.analysis.rejudge import UNDECIDED, Rule
from matrixscan.analysis.table import Table, cell_text
from matrixscan.analysis.view import ScanView
from matrixscan.reporters.table_txt import plain_table, tables

_NO_CHANGE = "No verdict changes."
_MOST_CHANGES = 40


def render_views(before: ScanView, after: ScanView, rule: Rule) -> str:
    """Return the tables by the rule, and every verdict of a (probe, variant) that is another one by it."""
    changes = [
        f"{old.id} {key}: {old.verdicts[key]} -> {new.verdicts[key]} ({cell_text(new.findings[key])})"
        for old, new in zip(before.cells, after.cells, strict=True)
        for key in old.findings
        if old.verdicts[key] != new.verdicts[key]
    ]
    undecided = sum(case.error == UNDECIDED for cell in after.cells for case in cell.cases)
    lines = [_head(rule, undecided), "", *tables(after), "Changed verdicts", "----------------"]
    return "\n".join([*lines, *(changes or [_NO_CHANGE]), ""])


def render_grids(before: Grid, after: Grid, rule: Rule) -> str:
    """Return how many case results change, and to what, by (probe, variant)."""
    old, new = (np.array(grid.words)[grid.codes] for grid in (before, after))
    places = np.argwhere(old != new)
    found = Counter(
        ("/".join(before.cases[case][:2]), str(old[row, case]), str(new[row, case])) for row, case in places
    )
    rows = tuple((*key, str(count)) for key, count in found.most_common(_MOST_CHANGES))
    undecided = int((np.array([text.startswith(UNDECIDED.type) for text in after.texts])[after.errors]).sum())
    lines = [_head(rule, undecided), "", f"{len(places)} of {old[:, 1:].size} case results change.", ""]
    lines += plain_table("Changes", Table(("probe", "before", "by these", "times"), rows)) if rows else [_NO_CHANGE]
    rest = len(found) - len(rows)
    return "\n".join([*lines, *([f"and {rest} more kinds of change"] if rest > 0 else []), ""])


def _head(rule: Rule, undecided: int) -> str:
    said = [f"{name} {value:g}" for name, value in (("rtol", rule.rtol), ("atol", rule.atol)) if value is not None]
    said += [f"{name}: rtol {rtol:g}, atol {atol:g}" for name, (rtol, atol) in rule.outputs.items()]
    text = f"Judged again by {'; '.join(said)} in {'half' if rule.half else 'full'} precision; nothing was run."
    if undecided:
        text += f" {undecided} case results cannot be decided from what was kept of them: scan again."
    return text
