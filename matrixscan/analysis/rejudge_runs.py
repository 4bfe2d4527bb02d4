"""rejudge.py for the tables of wide scans, which hold two points of f(rtol) and no envelope."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.grid_runs import distinct_rows, side_codes
from matrixscan.analysis.rejudge import NOISE_FACTOR, UNDECIDED, Rule
from matrixscan.harness.protocol import HALF
from matrixscan.records.factored import FIGURE_BITS, Column, Labels, Table

_Ints = NDArray[Any]
_SAID = ("stage", "outcome", "reason", "error_type", "error_message")
#: Figures of a table are rounded (store/parquet.py); by half a step they may be off.
_ROUNDED = 2.0**-FIGURE_BITS
_RUN = ("artifact", "reference", "runner", "precision")


def rejudge_runs(runs: Table, rule: Rule) -> Table:
    """Return run rows whose runs came out as they would have with other tolerances; the figures stay."""
    passes = _passes(runs, rule)
    run = distinct_rows([side_codes(runs), *(runs.texts(name).codes for name in _RUN)])[1]
    lane = np.isin(runs.texts("precision").codes, _codes(runs.texts("precision"), HALF)) == rule.half
    ours = lane & _by_values(runs)
    worst = np.full(int(run.max(initial=-1)) + 1, 2)
    np.minimum.at(worst, run[ours], np.where(passes == -1, 1, 2 * passes)[ours])  # 0 fails, 1 undecided, 2 passes
    columns: dict[str, Column] = dict(runs.columns)
    # A run that came out as before keeps its words.
    was = np.where(runs.texts("outcome").codes == _code(runs, "outcome", "passed"), 2, 0)
    for kind, texts in enumerate(_TEXTS):
        rows = ours & (worst[run] == kind) & (was != kind)
        for name, text in zip(_SAID, texts, strict=True):
            column = columns[name]
            assert isinstance(column, Labels)  # noqa: S101  what mypy cannot see: a column of texts stays one
            columns[name] = _with(column, rows, text)
    rows = ours & (passes != runs.numbers("passed"))
    columns["passed"] = np.where(rows, (passes == 1).astype(np.int8), runs.numbers("passed"))
    columns["output_reason"] = _with(runs.texts("output_reason"), rows & (passes != 1), "mismatch")
    if "unoptimized" in columns:
        # What a run without optimisations gave was judged by the old tolerances.
        columns["unoptimized"] = np.where(ours, np.int8(-1), runs.numbers("unoptimized"))
    return Table(columns, runs.meta)


#: What a run says that fails, that cannot be decided, and that passes.
_TEXTS = (
    ("compare", "failed", "mismatch", None, None),
    ("compare", "skipped", None, UNDECIDED.type, UNDECIDED.message),
    (None, "passed", None, None, None),
)


def _passes(runs: Table, rule: Rule) -> _Ints:
    """Return of each row 1, 0, or -1 where the table does not tell."""
    rtol, atol = _bounds(runs, rule)
    was = (runs.numbers("rtol"), runs.numbers("atol"))
    most, known = (runs.numbers(name).astype(np.float64) for name in ("max_abs", "required_atol"))
    noise = np.nan_to_num(runs.numbers("noise_floor").astype(np.float64), nan=0.0)
    with np.errstate(all="ignore"):
        line = np.maximum(0.0, most - np.where(was[0] > 0, (most - known) / was[0], 0.0) * rtol)
        lower, upper = np.where(rtol < was[0], known, line), np.where(rtol < was[0], line, known)
        lower, upper = lower * (1 - _ROUNDED), upper * (1 + _ROUNDED)
        found = np.where(atol >= upper, 1, np.where((lower > atol) & (atol >= NOISE_FACTOR * noise), 0, -1))
    found = np.where(np.isnan(most) | np.isnan(known) | np.isnan(rtol) | np.isnan(atol), -1, found)
    near = np.array([np.isclose(new, old, rtol=1e-6, atol=0) for new, old in zip((rtol, atol), was, strict=True)])
    wider, narrower = ((near | (np.array([rtol, atol]) * sign >= np.array(was) * sign)).all(axis=0) for sign in (1, -1))
    passed = runs.numbers("passed")
    found = np.where(wider & (passed == 1), 1, np.where(narrower & (passed == 0), 0, found))
    of_values = np.isin(runs.texts("output_reason").codes, [-1, _code(runs, "output_reason", "mismatch")])
    kept = near.all(axis=0) | ~of_values | ~np.isnan(runs.numbers("agreement"))
    return np.where(kept, passed, found)


def _bounds(runs: Table, rule: Rule) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    names = runs.texts("output")
    found = []
    for at, (column, given) in enumerate((("rtol", rule.rtol), ("atol", rule.atol))):
        values = runs.numbers(column).astype(np.float64)
        values = values if given is None else np.full(len(values), given)
        for name, pair in rule.outputs.items():
            values = np.where(names.codes == _code(runs, "output", name), pair[at], values)
        found.append(values)
    return found[0], found[1]


def _by_values(runs: Table) -> NDArray[np.bool_]:
    """Return the rows of runs that values alone decided."""
    outcome, reason = runs.texts("outcome"), runs.texts("reason")
    decided = np.isin(reason.codes, _codes(reason, {"mismatch", "pipeline"}))
    compared = runs.texts("output").codes >= 0
    found: NDArray[np.bool_] = compared & ((outcome.codes == _code(runs, "outcome", "passed")) | decided)
    return found


def _code(runs: Table, name: str, label: str) -> int:
    """Return the code of a text in a column; one that no row has where it is not there."""
    labels = runs.texts(name).labels
    return labels.index(label) if label in labels else len(labels)


def _codes(column: Labels, labels: set[str] | tuple[str, ...]) -> list[int]:
    return [code for code, label in enumerate(column.labels) if label in labels]


def _with(column: Labels, rows: NDArray[np.bool_], text: str | None) -> Labels:
    """Return a column of texts with another one in some rows."""
    if text is None:
        return Labels(np.where(rows, np.int32(-1), column.codes), column.labels)
    labels = column.labels if text in column.labels else (*column.labels, text)
    return Labels(np.where(rows, np.int32(labels.index(text)), column.codes), labels)
