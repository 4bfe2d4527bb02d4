"""A wide matrix for people: a table a model, and what each operator can do. Not reporters of a ScanView."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
import numpy as np

from matrixscan.analysis.grid import ENVIRONMENT, Grid, version_order
from matrixscan.analysis.grid_verdicts import GridVerdicts, code_ranks, judge_grid
from matrixscan.analysis.judge import BAD, GOOD
from matrixscan.analysis.table import Table
from matrixscan.reporters._markdown import escape, table

FILE = "grid.md"

_LEGEND = (
    "good: every exporter and opset that exists there agrees with eager at every size, whatever the other axes are",
    "STAGE: REASON: the first stage that did not pass in the worst of these combinations",
    "infeasible: no exporter and opset exists there; not run: nothing is known; -: not in the matrix",
    "EXPORTER alone: the same for its cases only, where that says something else",
    "the newest releases stand first; neighbours that are alike throughout share a row or a column",
)


_NOTHING = frozenset({"infeasible", "-"})


class Flavour(msgspec.Struct, frozen=True):
    """The combinations of one table."""

    title: str
    rows: tuple[int, ...]


def render_tables(
    grid: Grid, title: str, judged: Collection[str], *, down: str = "torch", across: str = "onnxruntime"
) -> str:
    """Return a table for every variant of every judged probe, and one for each exporter where that says more.

    Args:
        grid: What was measured.
        title: Name of the matrix.
        judged: The probes to show.
        down: The axis of the rows.
        across: The axis of the columns.
    """
    whole = judge_grid(grid)
    exporters = sorted({case.exporter for case in grid.cases if case.probe in judged})
    alone = {exporter: judge_grid(grid, keep=_only(exporter)) for exporter in exporters}
    parts = [f"# {escape(title)}: {down} against {across}", "", *(f"- {line}" for line in _LEGEND), ""]
    for subject in whole.subjects:
        if subject[0] in judged:
            parts += [f"## {escape('/'.join(subject))}", "", *_subject(grid, whole, alone, subject, (down, across))]
    return "\n".join(parts).rstrip("\n") + "\n"


def _subject(
    grid: Grid, whole: GridVerdicts, alone: Mapping[str, GridVerdicts], subject: tuple[str, str], axes: tuple[str, str]
) -> list[str]:
    """Return the tables of one (probe, variant); flavours with the same tables share them."""
    blocks: dict[tuple[str, ...], list[str]] = {}
    for flavour in flavours(grid, axes[0]):
        all_of_it = _table(grid, whole, subject, flavour, axes)
        lines = table(all_of_it)
        for exporter, verdicts in alone.items():
            one = _table(grid, verdicts, subject, flavour, axes)
            # The first cell of a row is the release.
            says = any(cell not in _NOTHING for row in one.rows for cell in row[1:])
            if len(alone) > 1 and one != all_of_it and says:
                lines += ["", f"{exporter} alone:", "", *table(one)]
        blocks.setdefault(tuple(lines), []).append(flavour.title)
    parts: list[str] = []
    for drawn, titles in blocks.items():
        parts += [*([f"### {' and '.join(titles)}", ""] if any(titles) else []), *drawn, ""]
    return parts


def _only(exporter: str) -> Callable[[object], bool]:
    return lambda case: getattr(case, "exporter", None) == exporter


def flavours(grid: Grid, down: str) -> list[Flavour]:
    """Return the releases of onnx that stand with most releases of `down`, and all others as those of an era.

    One table of all combinations where there is no onnx, or one of it.
    """
    seen: dict[str, dict[str, list[int]]] = {}
    for index, row in enumerate(grid.rows):
        seen.setdefault(row.get("onnx", ""), {}).setdefault(row.get(down, ""), []).append(index)
    if len(seen) < 2:  # noqa: PLR2004
        return [Flavour("", tuple(range(len(grid.rows))))]
    many = len({row.get(down, "") for row in grid.rows}) / 2
    newest = sorted(seen, key=version_order, reverse=True)
    common = [onnx for onnx in newest if len(seen[onnx]) > many]
    found = [Flavour(f"onnx {onnx}", _indices(seen[onnx])) for onnx in common]
    rest = [onnx for onnx in newest if onnx not in common]
    if not rest:
        return found
    title = f"onnx {rest[0]}" if len(rest) == 1 else f"onnx of the time of each {down}, {rest[-1]} to {rest[0]}"
    return [*found, Flavour(title, tuple(index for onnx in rest for index in _indices(seen[onnx])))]


def _indices(found: dict[str, list[int]]) -> tuple[int, ...]:
    return tuple(index for rows in found.values() for index in rows)


def _table(
    grid: Grid, verdicts: GridVerdicts, subject: tuple[str, str], flavour: Flavour, axes: tuple[str, str]
) -> Table:
    """Return one table, newest first, with what is alike drawn together."""
    places: dict[tuple[str, str], list[int]] = {}
    for index in flavour.rows:
        row = grid.rows[index]
        places.setdefault((row.get(axes[0], "none"), row.get(axes[1], "none")), []).append(index)
    down, across = (_newest({place[side] for place in places}) for side in (0, 1))
    column = verdicts.of(subject)
    cells = [[_cell(grid, verdicts, places.get((one, other), []), column) for other in across] for one in down]
    spans = _spans(across, [[line[index] for line in cells] for index in range(len(across))])
    heads = [_span(across, start, end) for start, end in spans]
    short = [[line[start] for start, _ in spans] for line in cells]
    rows = tuple((_span(down, start, end), *short[start]) for start, end in _spans(down, short))
    return Table((f"{axes[0]} \\ {axes[1]}", *heads), rows)


def _cell(grid: Grid, verdicts: GridVerdicts, rows: Sequence[int], column: int) -> str:
    """Return the text of the worst of some combinations."""
    if not rows:
        return "-"
    existing = [row for row in rows if verdicts.applicable[row, column]]
    if not existing:
        return "infeasible"
    not_good = [row for row in existing if verdicts.verdict[row, column] != GOOD]
    if not not_good:
        return GOOD
    codes = [int(grid.codes[row, verdicts.problem[row, column]]) for row in not_good]
    worst = min(codes, key=lambda code: (code_ranks(grid)[code], code))
    return grid.words[worst] or "not run"


def _spans(names: Sequence[str], contents: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """Return first and last index of every run of equal contents."""
    spans: list[tuple[int, int]] = []
    for index in range(len(names)):
        if spans and contents[spans[-1][0]] == contents[index]:
            spans[-1] = (spans[-1][0], index)
        else:
            spans.append((index, index))
    return spans


def _span(names: Sequence[str], start: int, end: int) -> str:
    return names[start] if start == end else f"{names[start]} to {names[end]}"


def _newest(versions: Collection[str]) -> list[str]:
    return sorted(versions, key=version_order, reverse=True)


def render_catalogue(grid: Grid, title: str, *, by: str = "torch") -> str:
    """Return for every exporter what each operator can do, by release of one axis."""
    versions = _newest({row[by] for row in grid.rows if by in row})
    rows = {version: [index for index, row in enumerate(grid.rows) if row.get(by) == version] for version in versions}
    operators = sorted({case.probe for case in grid.cases if case != ENVIRONMENT and case.probe.startswith("op_")})
    parts = [f"# {escape(title)}: operators by {by}", "", _CATALOGUE, ""]
    for exporter in sorted({case.exporter for case in grid.cases if case.probe in operators}):
        verdicts = judge_grid(grid, keep=_only(exporter))
        own = {case[:2] for case in grid.cases if case.exporter == exporter}
        lines = []
        for operator in operators:
            columns = [
                index for index, subject in enumerate(verdicts.subjects) if subject in own and subject[0] == operator
            ]
            if columns:
                cells = [[_support(grid, verdicts, rows[version], columns)] for version in versions]
                lines.append((operator, *_by_version(versions, cells)))
        parts += [f"## {exporter}", "", *table(Table(("operator", f"newest {by}", "older ones"), tuple(lines))), ""]
    return "\n".join(parts).rstrip("\n") + "\n"


_CATALOGUE = """Counted are the variants of each operator. One works with a release when every opset, size, onnx and
onnxruntime measured with it agrees with eager; *partly*: all of them agree in some combinations only; it fails when
there is no such combination. *No eager*: PyTorch itself cannot, or cannot in this release. Variants that cannot exist
there are not counted, and *unknown* are those of which nothing is proven."""


def _by_version(versions: Sequence[str], cells: Sequence[Sequence[str]]) -> tuple[str, str]:
    spans = _spans(versions, cells)
    texts = [f"{_span(versions, start, end)}: {cells[start][0]}" for start, end in spans]
    return texts[0], "; ".join(texts[1:]) or "-"


def _support(grid: Grid, verdicts: GridVerdicts, rows: Sequence[int], columns: Sequence[int]) -> str:
    states: dict[str, list[str]] = {"works": [], "fails": [], "partly": [], "no eager": [], "unknown": []}
    for column in columns:
        state = _state(grid, verdicts, rows, column)
        if state is not None:
            states[state].append(verdicts.subjects[column][1])
    total = sum(map(len, states.values()))
    if not total:
        return "cannot exist"
    whole = next((state for state, names in states.items() if len(names) == total), None)
    if whole is not None:
        return f"all {total}" if whole == "works" else f"none of {total} ({whole})"
    named = [f"{state}: {', '.join(names)}" for state, names in states.items() if names and state != "works"]
    return f"{len(states['works']) or 'none'} of {total} ({'; '.join(named)})"


def _state(grid: Grid, verdicts: GridVerdicts, rows: Sequence[int], column: int) -> str | None:
    existing = [row for row in rows if verdicts.applicable[row, column]]
    found = {str(verdict) for verdict in np.unique(verdicts.verdict[existing, column])}
    if not existing:
        return None
    if found == {GOOD}:
        return "works"
    problems = {grid.words[grid.codes[row, verdicts.problem[row, column]]] for row in existing}
    if GOOD not in found and all(word.startswith(("build:", "eager:")) for word in problems):
        return "no eager"
    return "partly" if GOOD in found else "fails" if BAD in found else "unknown"
