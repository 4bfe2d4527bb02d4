"""The grid of a factored scan: every export row joined to what each run side made of its artifact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.grid import ENVIRONMENT, NOT_ASKED, OK, CaseKey, Grid, Words, axis_names, refuse_duplicates
from matrixscan.analysis.grid_runs import Runs, distinct_rows, outcome_codes, runs_of, side_codes, unknown_side
from matrixscan.harness.protocol import HALF
from matrixscan.records.factored import Combination, Side, Table

_Ints = NDArray[Any]

_CASE = ("probe", "variant", "exporter", "opset", "precision", "runner", "size")


class _Exports(msgspec.Struct, frozen=True, eq=False):
    """Export rows, and which of them a case is on each side."""

    cases: tuple[CaseKey, ...]
    row: _Ints  # [side, case] -> export row, -1
    code: _Ints  # of each export row; OK where there is an artifact to run
    text: _Ints
    first: _Ints  # case -> the case of the size its lane was exported with
    full: _Ints  # case in half -> the same in full precision; itself where there is none


def grid_of_factored(exports: Table, runs: Table, *, witnesses: Iterable[str] = ()) -> Grid:
    """Join the two tables of a factored scan, by the rules of judge.settle_cases.

    Args:
        exports: Rows as ExportRow; its meta names the sides and, unless every fitting pair counts, the combinations.
        runs: Rows as RunRow; its meta names the sides.
        witnesses: Runners that decide nothing.

    Raises:
        DuplicateCombinationError: Two combinations have the same axes.
        UnknownSideError: A combination or a row names a side that neither table's meta has.
    """
    words = Words()
    exported, ran = _exports(exports, words), runs_of(exports, runs, words)
    places = [{side.id: (index, side) for index, side in enumerate(table.meta.sides)} for table in (exports, runs)]
    pairs = exports.meta.combinations or _fitting(exports.meta.sides, runs.meta.sides)
    refuse_duplicates([pair.axes for pair in pairs])
    codes = np.zeros((len(pairs), len(exported.cases) + 1), np.int16)
    errors = np.zeros(codes.shape, np.int32)
    plain = np.full(codes.shape, NOT_ASKED, np.int8)
    for index, pair in enumerate(pairs):
        export, export_side = places[0].get(pair.export) or unknown_side(pair.export)
        run, run_side = places[1].get(pair.run) or unknown_side(pair.run)
        broken = next((side for side in (export_side, run_side) if side.stage is not None), None)
        if broken is None:
            codes[index, 0] = OK
            codes[index, 1:], errors[index, 1:], plain[index, 1:] = _row(exported, ran, export, run)
        else:
            codes[index, 0] = words.code(broken.stage, broken.outcome, broken.reason)
            errors[index, 0] = words.text(broken.error)
    return Grid(
        axes=axis_names(pair.axes for pair in pairs),
        rows=tuple(dict(pair.axes) for pair in pairs),
        evidence=("factored",) * len(pairs),
        cases=(ENVIRONMENT, *exported.cases),
        words=words.words,
        outcomes=words.outcomes,
        codes=codes,
        texts=words.texts,
        errors=errors,
        witnesses=frozenset(witnesses),
        plain=plain,
    )


def _fitting(exports: Sequence[Side], runs: Sequence[Side]) -> list[Combination]:
    """Return every pair of sides that do not disagree about an axis."""
    return [
        Combination({**export.axes, **run.axes}, export.id, run.id)
        for export in exports
        for run in runs
        if all(export.axes.get(axis, version) == version for axis, version in run.axes.items())
    ]


def _row(exported: _Exports, ran: Runs, export: int, run: int) -> tuple[_Ints, _Ints, _Ints]:
    """Return codes and texts of one combination, and what became of its artifacts without graph optimisations."""
    rows = exported.row[export]
    group = np.where(rows >= 0, ran.group[run, ran.join[rows]], -1)
    to_run = exported.code[rows] == OK
    code = np.where(to_run, ran.code[group], exported.code[rows])
    text = np.where(to_run, ran.text[group], exported.text[rows])
    code[rows < 0] = text[rows < 0] = 0
    frozen = np.where(to_run & (group >= 0) & (rows >= 0), ran.frozen[code], 0)
    frozen[(code[exported.first] != OK) | (exported.first == np.arange(len(code)))] = 0
    for case in np.flatnonzero((frozen > 0) & ran.about_shapes[code]):
        if not ran.has_shapes_of(int(group[case]), int(group[exported.first[case]])):
            frozen[case] = 0
    full = (exported.full != np.arange(len(code))) & (code[exported.full] == OK)
    rounded = np.where(to_run & (group >= 0) & (rows >= 0) & full & (frozen == 0), ran.rounded[code], 0)
    plain = np.where(to_run & (rows >= 0), ran.plain[group], NOT_ASKED)
    return np.where(frozen > 0, frozen, np.where(rounded > 0, rounded, code)), text, plain


def _exports(table: Table, words: Words) -> _Exports:
    names = [table.numbers(name) if name == "opset" else table.texts(name).codes for name in _CASE]
    start, case = distinct_rows(names)
    lowest = np.full(len(start), np.iinfo(np.int32).max)
    np.minimum.at(lowest, case, table.numbers("position"))
    order = np.argsort(lowest, kind="stable")
    number = np.empty(len(order), np.intp)
    number[order] = np.arange(len(order))
    cases = tuple(_case_key(table, int(row)) for row in start[order])
    row = np.full((len(table.meta.sides), len(cases)), -1, np.intp)
    row[side_codes(table), number[case]] = np.arange(len(table))
    code, text = outcome_codes(table, np.arange(len(table)), words)
    lanes: dict[tuple[object, ...], int] = {}
    first = np.array([lanes.setdefault(key[:6], index) for index, key in enumerate(cases)], np.intp)
    return _Exports(cases, row, code, text, first, _full(cases))


def _full(cases: Sequence[CaseKey]) -> _Ints:
    places = {key: index for index, key in enumerate(cases)}
    return np.array(
        [
            places.get(key._replace(precision="fp32"), index) if key.precision in HALF else index
            for index, key in enumerate(cases)
        ],
        np.intp,
    )


def _case_key(table: Table, row: int) -> CaseKey:
    texts = {name: table.texts(name).at(row) or "" for name in _CASE if name != "opset"}
    return CaseKey(opset=int(table.numbers("opset")[row]), **texts)
