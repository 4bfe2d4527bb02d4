"""Why the models of a wide scan fail, in words. Not a reporter of a ScanView."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matrixscan.analysis.blame import UNKNOWN
from matrixscan.analysis.flip_groups import where_words
from matrixscan.analysis.grid import Grid
from matrixscan.analysis.grid_why import CauseThere, GridWhy, Works
from matrixscan.analysis.why import cause_text, place_text
from matrixscan.reporters._markdown import escape

TITLE = "Why"


def render_whys(whys: Sequence[GridWhy], grid: Grid) -> str:
    """Return a section, empty where nothing fails."""
    lines = "".join(f"- {escape(_line(why, grid))}\n" for why in whys)
    return f"\n## {TITLE}\n\n{lines}" if lines else ""


def _line(why: GridWhy, grid: Grid) -> str:
    opsets = [str(opset) for opset in why.opsets if opset]
    lane = " ".join([why.exporter, *([f"opset {', '.join(opsets)}"] if opsets else [])])
    failing = {_place(grid.rows[row]) for row in why.rows}
    every = {_place(row) for row in grid.rows}
    where = where_words(failing, every, grid.axes)
    place = f" ({where})" if where and not where.startswith("in ") else ""
    parts = [f"{why.probe}/{why.variant}: {lane}, {why.word}, in {len(why.rows)} of {why.of} combinations{place}"]
    if why.diagnosis is not None and why.diagnosis.first is not None:
        parts.append(f"first wrong: {place_text(why.diagnosis.first)}")
    rule = "" if why.blame.whose == UNKNOWN else f"{why.blame.rule}: "
    because = "; ".join(why.blame.because)
    parts.append(f"whose: {why.blame.whose}{f' ({rule}{because})' if because else ''}")
    if why.causes:
        parts.append(_cause(why.causes[0]))
    if why.works:
        parts.append("works: " + "; ".join(map(_works, why.works)))
    return ". ".join(parts)


def _cause(one: CauseThere) -> str:
    where = "" if one.count == one.of else f" in {one.count} of these {one.of}"
    return f"known cause{where}: {cause_text(one.match)}"


def _works(one: Works) -> str:
    return f"{one.text} (good in {one.count} of these {one.of})"


def _place(row: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(row.items()))
