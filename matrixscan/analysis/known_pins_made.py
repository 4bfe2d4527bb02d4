"""The index of a scan, from its view or from its grid."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name

from matrixscan.analysis.grid import Grid, axis_names
from matrixscan.analysis.grid_verdicts import judge_grid
from matrixscan.analysis.judge import GOOD
from matrixscan.analysis.known_pins_index import UNKNOWN_PLATFORM, Index, IndexBuilder, Judged, Platform, Subject
from matrixscan.analysis.recommend import describe_platform
from matrixscan.analysis.table import cell_text
from matrixscan.analysis.view import CellView, ScanView
from matrixscan.matrix.types import Advises

#: Of a tool's own words in a wide scan; whoever wants all of them has the tables.
_LONGEST = 160


class Facts(NamedTuple):
    """What is known of how a combination of a grid was measured."""

    platform: Platform
    date: str
    packages: Mapping[str, str]


NO_FACTS = Facts(UNKNOWN_PLATFORM, "", {})


def index_of_view(view: ScanView) -> Index:
    """Return what an ordinary scan says. What was not run, or ruled out without being tried, is no row."""
    subjects = [Subject(subject.key, subject.judged and subject.first) for subject in view.subjects]
    ordered = sorted(subjects, key=lambda subject: not subject.decides)
    builder = IndexBuilder(view.matrix, ordered, advises=view.advises)
    measured = [cell for cell in view.cells if cell.evidence != "none"]
    for cell in measured:
        builder.add(
            cell.axes,
            {key: _judged(cell, key) for key in cell.findings},
            evidence=cell.evidence,
            platform=platform_of(cell.platform, cell.torch_index),
            date=cell.finished[:10],
            packages=installed(cell.packages, cell.resolved),
        )
    return builder.build(axis_names(cell.axes for cell in measured))


def _judged(cell: CellView, key: str) -> Judged:
    verdict = cell.verdicts[key]
    return Judged(verdict, "" if verdict == GOOD else cell_text(cell.findings[key]))


def platform_of(platform: Mapping[str, Any], torch_index: str | None) -> Platform:
    """Return where a record was measured."""
    source = f", torch from the {torch_index} index" if torch_index else ""
    names = (str(platform.get(key, "")) for key in ("system", "machine"))
    return Platform(describe_platform(platform) + source, *names)


def installed(packages: Mapping[str, str], resolved: Mapping[str, str]) -> dict[str, str]:
    """Return canonical name -> version of everything that was in an environment, its Python among it."""
    return {canonicalize_name(name): version for name, version in {**packages, **resolved}.items()}


def index_of_grid(
    grid: Grid,
    matrix: str,
    deciding: Collection[tuple[str, str]],
    facts: Mapping[frozenset[tuple[str, str]], Facts],
    *,
    advises: Advises = True,
) -> Index:
    """Return what a wide scan says.

    Args:
        grid: Its cases, with nothing that is quarantined.
        matrix: Its name.
        deciding: The (probe, variant) that decide.
        facts: By the items of a combination's axes.
        advises: See Index.
    """
    judged = judge_grid(grid)
    subjects = [Subject("/".join(subject), subject in deciding) for subject in judged.subjects]
    builder = IndexBuilder(matrix, sorted(subjects, key=lambda subject: not subject.decides), advises=advises)
    for row, axes in enumerate(grid.rows):
        known = facts.get(frozenset(axes.items()), NO_FACTS)
        verdicts = {
            subject.key: _of_grid(grid, row, str(judged.verdict[row, column]), int(judged.problem[row, column]))
            for column, subject in enumerate(subjects)
        }
        builder.add(
            axes,
            verdicts,
            evidence=grid.evidence[row],
            platform=known.platform,
            date=known.date,
            packages=known.packages,
        )
    return builder.build(grid.axes)


def _of_grid(grid: Grid, row: int, verdict: str, problem: int) -> Judged:
    if verdict == GOOD or problem < 0:
        return Judged(verdict)
    said = grid.words[grid.codes[row, problem]] or "not run"
    case = grid.cases[problem]
    where = f" ({case.exporter}, opset {case.opset}, {case.size})" if problem else ""
    text = grid.texts[grid.errors[row, problem]].partition("\n")[0][:_LONGEST]
    return Judged(verdict, said + where + (f": {text}" if text else ""))
