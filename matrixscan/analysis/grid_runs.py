"""What became of each artifact on each run side: judge.settle_cases for millions of outputs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.grid import NOT_ASKED, Words
from matrixscan.analysis.judge import OF_VALUES
from matrixscan.errors import MatrixscanError
from matrixscan.harness.protocol import OUTCOMES
from matrixscan.records.factored import Labels, Table, shape_of
from matrixscan.records.types import Error

_Ints = NDArray[Any]

_ROOM = 1 << 62  # numbers of 64 bits end a little above
_JOIN = ("artifact", "reference", "runner", "precision")
_SHAPES = frozenset({"shape", "truncated"})


class UnknownSideError(MatrixscanError):
    """Something names a side that the metadata of its table lacks."""

    def __init__(self, side: str) -> None:
        super().__init__(f"no side {side!r} in the metadata of the table; delete the table and publish it again")


class Runs(msgspec.Struct, frozen=True, eq=False):
    """Runs, each over all its outputs; a group is one run of one artifact on one reference."""

    table: Table
    order: _Ints  # rows by group, and by position in each
    start: _Ints  # group -> its first place in `order`; one more at the end
    group: _Ints  # [side, join key] -> group, -1; the last column is that of join key -1
    join: _Ints  # export row -> join key, -1
    code: _Ints  # of each group; NOT_RUN at the end, for group -1
    text: _Ints
    frozen: _Ints  # code -> the same at its stage with the reason shape_frozen; 0 where that cannot be
    about_shapes: NDArray[np.bool_]  # code -> whether it is only frozen if the shapes are those of the export
    plain: _Ints  # of each group: right without graph optimisations 1, wrong 0, not asked -1
    rounded: _Ints  # code -> the same with the reason precision; 0 where that cannot be

    def has_shapes_of(self, group: int, first: int) -> bool:
        """Return whether every output of another shape than eager's has that of another run."""
        known = {name: shape for name, shape, *_ in _outputs(self.table, self.order, self.start, first)}
        return all(
            shape == known.get(name, shape)
            for name, shape, _, reason, passed in _outputs(self.table, self.order, self.start, group)
            if passed == 0 and reason in _SHAPES
        )


def runs_of(exports: Table, runs: Table, words: Words) -> Runs:
    """Return the runs of the artifacts that the export rows name."""
    join_exports, join_runs, number = _join_keys(exports, runs)
    key = side_codes(runs).astype(np.int64) * (number + 1) + join_runs
    order = np.lexsort((runs.numbers("position"), key))
    order = order[join_runs[order] >= 0]
    distinct, start = np.unique(key[order], return_index=True)
    group = np.full((max(len(runs.meta.sides), 1), number + 1), -1, np.intp)
    group[distinct // (number + 1), distinct % (number + 1)] = np.arange(len(distinct))
    starts = np.append(start, len(order)).astype(np.intp)
    code, text = outcome_codes(runs, order[start], words, _settled_outputs(runs, order, starts))
    frozen, about_shapes = _frozen_codes(words)
    rounded = _rounded_codes(words)
    frozen = np.append(frozen, np.zeros(len(rounded) - len(frozen), np.intp))
    about_shapes = np.append(about_shapes, np.zeros(len(rounded) - len(about_shapes), np.bool_))
    # Group -1 is what was not run.
    code, text = np.append(code, 0), np.append(text, 0)
    plain = np.append(runs.numbers("unoptimized")[order[start]], NOT_ASKED).astype(np.int8)
    return Runs(runs, order, starts, group, join_exports, code, text, frozen, about_shapes, plain, rounded)


def outcome_codes(
    table: Table, rows: _Ints, words: Words, outputs: tuple[_Ints, tuple[str | None, ...]] | None = None
) -> tuple[_Ints, _Ints]:
    """Return code and text of some rows as the analysis sees them.

    Args:
        table: Export rows or run rows.
        rows: The row that leads each run.
        words: Where codes come from.
        outputs: Of each run an index into what its outputs say; None where there are none, as for exports.
    """
    names = ("stage", "outcome", "reason", "error_type", "error_message")
    columns = [table.texts(name).codes[rows] for name in names]
    said, ends = outputs or (np.zeros(len(rows), np.int32), (None,))
    plain = table.numbers("unoptimized")[rows].astype(np.int32) if "unoptimized" in table.columns else 0 * said
    start, index = distinct_rows([*columns, said, plain])
    found = []
    for *codes, end, unoptimized in np.stack([*columns, said, plain], axis=1)[start]:
        stage, outcome, reason, kind, message = (
            _label(table.texts(name), code) for name, code in zip(names, codes, strict=True)
        )
        error = None if kind is None else Error(kind, message or "")
        found.append(_settle(words, (stage, outcome or "", reason), error, ends[end], unoptimized=unoptimized == 1))
    pairs = np.array(found, np.int32).reshape(-1, 2)
    return pairs[index, 0], pairs[index, 1]


def distinct_rows(columns: Sequence[_Ints]) -> tuple[_Ints, _Ints]:
    """Return of each distinct row of some columns its first place, and of each row which of them it is."""
    key = np.zeros(len(columns[0]), np.int64)
    room = 1
    for column in columns:
        width = int(column.max(initial=0)) + 2
        if room * width > _ROOM:
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
            room = int(key.max(initial=0)) + 1
        key = key * width + column + 1
        room *= width
    _, start, index = np.unique(key, return_index=True, return_inverse=True)
    return start, index


def side_codes(table: Table) -> _Ints:
    """Return of each row the place of its side in the metadata.

    Raises:
        UnknownSideError: It is not there.
    """
    places = {side.id: index for index, side in enumerate(table.meta.sides)}
    column = table.texts("side")
    lookup = np.full(len(column.labels) + 1, -1, np.intp)
    for code in np.unique(column.codes):
        label = _label(column, int(code)) or ""
        lookup[code] = places[label] if label in places else unknown_side(label)
    return lookup[column.codes]


def unknown_side(side: str) -> NoReturn:
    """Raise UnknownSideError."""
    raise UnknownSideError(side)


def _settle(
    words: Words, said: tuple[str | None, str, str | None], error: Error | None, end: str | None, *, unoptimized: bool
) -> list[int]:
    """Return code and text. `end`: None without a comparison, "" when all passed, "-" when nothing was compared."""
    stage, outcome, reason = said
    if outcome not in OUTCOMES:
        outcome, error = "infra", Error("UnknownOutcome", f"the record says {outcome!r}")
    elif outcome == "passed" and end not in {None, "", "-"}:
        stage, outcome, reason = "compare", "failed", end
    elif outcome == "passed" and stage is not None:
        outcome, error = "infra", Error("ContradictoryRecord", f"passed, yet stopped at {stage}")
    elif outcome == "passed" and end == "-":
        stage, outcome, error = "compare", "skipped", Error("NothingCompared", "no output was compared with eager")
    elif outcome == "failed" and reason == "shape" and end == "truncated":
        reason = "truncated"
    elif outcome == "failed" and unoptimized:
        reason = "optimizer"
    return [words.code(stage, outcome, reason), words.text(error)]


def _settled_outputs(runs: Table, order: _Ints, start: _Ints) -> tuple[_Ints, tuple[str | None, ...]]:
    """Return of each group an index, and by index: the reason of its first wrong output, "" or "-"."""
    passed, reasons = runs.numbers("passed")[order], runs.texts("output_reason")
    wrong = reasons.codes[order]
    size = np.diff(start)
    group = np.repeat(np.arange(len(size)), size)
    labels: list[str | None] = ["", "-", *reasons.labels, "wrong", "truncated"]
    said = np.zeros(len(size), np.int32)
    any_output = np.zeros(len(size), np.bool_)
    any_output[group[passed >= 0]] = True
    said[~any_output] = 1
    failing = np.flatnonzero(passed == 0)[::-1]  # backwards, so that the first one of a group is written last
    said[group[failing]] = np.where(wrong[failing] >= 0, wrong[failing] + 2, len(labels) - 2)
    for index in np.flatnonzero(said == (labels.index("shape") if "shape" in labels else -1)):
        if _is_truncated(runs, order, start, int(index)):
            said[index] = len(labels) - 1
    return said, tuple(labels)


def _is_truncated(runs: Table, order: _Ints, start: _Ints, group: int) -> bool:
    wrong = [(shape, expected) for _, shape, expected, reason, passed in _outputs(runs, order, start, group)
             if passed == 0 and reason == "shape"]  # fmt: skip
    return bool(wrong) and all(_is_shorter(shape_of(shape), shape_of(expected)) for shape, expected in wrong)


def _is_shorter(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    pairs = [pair for pair in zip(shape, expected, strict=False) if pair[0] != pair[1]]
    return len(shape) == len(expected) and len(pairs) == 1 and pairs[0][0] < pairs[0][1]


def _outputs(runs: Table, order: _Ints, start: _Ints, group: int) -> list[tuple[str, str, str, str, int]]:
    """Return name, shape, shape of the reference, reason and whether it passed, of every output of a group."""
    names = ("output", "shape", "reference_shape", "output_reason")
    rows = [int(row) for row in order[start[group] : start[group + 1]]]
    passed = runs.numbers("passed")
    texts = [[runs.texts(name).at(row) or "" for name in names] for row in rows]
    return [
        (name, shape, expected, reason, int(passed[row]))
        for row, (name, shape, expected, reason) in zip(rows, texts, strict=True)
    ]


def _frozen_codes(words: Words) -> tuple[_Ints, NDArray[np.bool_]]:
    frozen: dict[int, int] = {}
    for code, (word, outcome) in enumerate(list(zip(words.words, words.outcomes, strict=True))):
        stage, _, reason = word.partition(": ")
        if outcome == "failed" and (stage == "run" or reason in _SHAPES):
            frozen[code] = words.code(stage, "failed", "shape_frozen")
    count = len(words.words)
    return (
        np.array([frozen.get(code, 0) for code in range(count)], np.intp),
        np.array([code in frozen and not word.startswith("run:") for code, word in enumerate(words.words)]),
    )


def _rounded_codes(words: Words) -> _Ints:
    rounded: dict[int, int] = {}
    for code, (word, outcome) in enumerate(list(zip(words.words, words.outcomes, strict=True))):
        stage, _, reason = word.partition(": ")
        if outcome == "failed" and reason in OF_VALUES:
            rounded[code] = words.code(stage, "failed", "precision")
    return np.array([rounded.get(code, 0) for code in range(len(words.words))], np.intp)


def _join_keys(exports: Table, runs: Table) -> tuple[_Ints, _Ints, int]:
    """Return the join key of every export row and of every run row, -1 where it has no partner, and their number."""
    left = np.zeros(len(exports), np.int64)
    right = np.zeros(len(runs), np.int64)
    lost_left, lost_right = np.zeros(len(exports), np.bool_), np.zeros(len(runs), np.bool_)
    for name in _JOIN:
        ours, theirs = exports.texts(name), runs.texts(name)
        known = {label: index for index, label in enumerate(ours.labels)}
        lookup = np.array([*(known.get(label, -1) for label in theirs.labels), -1], np.int64)
        found = lookup[theirs.codes]
        left = left * (len(known) + 1) + ours.codes
        right = right * (len(known) + 1) + found
        lost_left |= ours.codes < 0
        lost_right |= found < 0
    distinct = np.unique(left[~lost_left])
    join_left = np.searchsorted(distinct, left)
    place = np.minimum(np.searchsorted(distinct, right), max(len(distinct) - 1, 0))
    lost_right |= (distinct[place] != right) if len(distinct) else True
    join_left[lost_left] = -1
    return join_left, np.where(lost_right, -1, place), len(distinct)


def _label(column: Labels, code: int) -> str | None:
    return None if code < 0 else column.labels[code]
