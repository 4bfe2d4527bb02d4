"""Flips: where a case changes between two neighbouring releases of one axis, all other axes being equal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.grid import NOT_RUN, CaseKey, Grid, case_sort_key, version_order

#: Axes of what runs an artifact, and axes that are part of both sides. Every other axis is of the export side.
RUN_AXES = frozenset({"onnxruntime", "ncnn", "openvino"})
SHARED_AXES = frozenset({"python", "numpy"})


#: None of these is written where it is this.
USUAL = {"precision": "fp32", "runner": "onnxruntime-cpu", "whose": {}}


class Flip(msgspec.Struct, frozen=True):
    """One case that changes."""

    probe: str
    variant: str
    exporter: str
    opset: int
    size: str
    axis: str
    from_: str = msgspec.field(name="from")
    to: str
    before: str
    after: str
    at: dict[str, str]
    precision: str = "fp32"
    runner: str = "onnxruntime-cpu"
    whose: dict[str, str] = {}  # before, after -> whose fault it is, on the sides on which it is wrong

    @property
    def case(self) -> CaseKey:
        """The case that changes."""
        return CaseKey(self.probe, self.variant, self.exporter, self.opset, self.precision, self.runner, self.size)


class Line(msgspec.Struct, frozen=True):
    """Rows that differ in one axis, in version order."""

    axis: str
    at: dict[str, str]
    rows: tuple[int, ...]


def side_of(axis: str) -> str:
    """Return which side an axis belongs to: "export", "run" or "both"."""
    if axis in SHARED_AXES:
        return "both"
    return "run" if axis in RUN_AXES else "export"


def lines(grid: Grid, axis: str) -> list[Line]:
    """Return every line of two or more combinations along an axis, ordered by the versions of the other axes."""
    found: dict[tuple[str, ...], list[int]] = {}
    others = [name for name in grid.axes if name != axis]
    for index, row in enumerate(grid.rows):
        if axis in row:
            found.setdefault(tuple(row.get(name, "") for name in others), []).append(index)
    ordered = sorted(found.items(), key=lambda item: [version_order(version) for version in item[0]])
    return [
        Line(
            axis=axis,
            at={name: version for name, version in zip(others, key, strict=True) if version},
            rows=tuple(sorted(rows, key=lambda row: version_order(grid.rows[row][axis]))),
        )
        for key, rows in ordered
        if len(rows) > 1
    ]


def flips(grid: Grid) -> list[Flip]:
    """Return every flip, sorted by case, axis, the other axes and version.

    Neighbours are those among the combinations of a line in which the case was measured: what was not run, skipped,
    infeasible or lost to the machine says nothing, and is passed over.
    """
    names = word_numbers(grid)
    every = [(line, *_changes(names, line.rows)) for axis in grid.axes for line in lines(grid, axis)]
    order = np.argsort(_case_ranks(grid.cases))  # rank -> case
    ranks = _case_ranks(grid.cases)
    size = [len(cases) for _, cases, _, _ in every]
    if not sum(size):
        return []
    place = np.repeat(np.arange(len(every)), size)
    cases = ranks[np.concatenate([cases for _, cases, _, _ in every])]
    before = np.concatenate([rows for _, _, rows, _ in every])
    after = np.concatenate([rows for _, _, _, rows in every])
    # Lines come by axis and other versions, and each of them by version: a stable sort by case keeps that.
    wanted = np.argsort(cases, kind="stable")
    return [
        _flip(grid, every[place[index]][0], int(order[cases[index]]), int(before[index]), int(after[index]))
        for index in wanted
    ]


def word_numbers(grid: Grid) -> NDArray[np.int16]:
    """Return the grid with equal numbers for equal words, and 0 for what is not measured."""
    first: dict[str, int] = {}
    measured = grid.measured()
    numbers = [first.setdefault(word, code) if measured[code] else NOT_RUN for code, word in enumerate(grid.words)]
    return np.array(numbers, np.int16)[grid.codes]


def _changes(
    names: NDArray[np.int16], rows: Sequence[int]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return case, row before and row after of every change along a line."""
    last = np.full(names.shape[1], -1, np.intp)
    columns = np.arange(names.shape[1])
    parts: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]] = []
    for row in rows:
        here = names[row]
        seen = here != NOT_RUN
        changed = np.flatnonzero(seen & (last >= 0) & (names[last, columns] != here))
        parts.append((changed, last[changed], np.full(len(changed), row, np.intp)))
        last[seen] = row
    cases, before, after = (np.concatenate(part) for part in zip(*parts, strict=True))
    return cases, before, after


def _case_ranks(cases: Sequence[CaseKey]) -> NDArray[np.intp]:
    order = sorted(range(len(cases)), key=lambda index: case_sort_key(cases[index]))
    ranks = np.empty(len(cases), np.intp)
    ranks[order] = np.arange(len(cases))
    return ranks


def _flip(grid: Grid, line: Line, case: int, before: int, after: int) -> Flip:
    key = grid.cases[case]
    return Flip(
        probe=key.probe,
        variant=key.variant,
        exporter=key.exporter,
        opset=key.opset,
        size=key.size,
        axis=line.axis,
        from_=grid.rows[before][line.axis],
        to=grid.rows[after][line.axis],
        before=grid.words[grid.codes[before, case]],
        after=grid.words[grid.codes[after, case]],
        at=line.at,
        precision=key.precision,
        runner=key.runner,
    )


def flips_of_json(text: bytes) -> list[Flip]:
    """Read what the reporter `flips.json` wrote."""
    return msgspec.json.decode(text, type=list[Flip])


def changed_cases(found: Iterable[Flip]) -> int:
    """Count the cases that change anywhere."""
    return len({flip.case for flip in found})
