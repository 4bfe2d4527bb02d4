"""Every case of every combination as one small number each: what a wide matrix is analysed on.

A code stands for an outcome with its words; millions of cases take a few bytes each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from packaging.version import InvalidVersion, Version

from matrixscan.analysis.judge import BAD_OUTCOMES, judge_environment, settle_cases, unoptimized
from matrixscan.errors import MatrixscanError
from matrixscan.harness.protocol import size_text
from matrixscan.records.types import CaseRecord, Error, Record

NOT_RUN = 0
OK = 1
NOT_ASKED = -1

#: Outcomes that say what a case does. A flip is between two of them; the others prove nothing.
MEASURED = frozenset({"passed", *BAD_OUTCOMES})

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_LENGTHS = re.compile(r"(\d+)")


class CaseKey(NamedTuple):
    """What makes a case the same case in every combination."""

    probe: str
    variant: str
    exporter: str
    opset: int
    precision: str
    runner: str
    size: str  # n3,t17


#: Stands for the environment itself, so that one that cannot be made is one finding and not thousands.
ENVIRONMENT = CaseKey("environment", "", "", 0, "fp32", "onnxruntime-cpu", "")


class DuplicateCombinationError(MatrixscanError):
    """Two records speak of one combination."""

    def __init__(self, axes: str) -> None:
        super().__init__(f"two records say something about {axes}; delete one of them from the report's records/")


class Grid(msgspec.Struct, frozen=True, eq=False):
    """A row is a combination, a column a case. The first column is always ENVIRONMENT.

    `words[code]` is "" for NOT_RUN, "ok" for OK, else "stage: reason"; `outcomes[code]` is the outcome behind it.
    `texts[errors[row, case]]` is the tool's own words, "" where there are none.
    """

    axes: tuple[str, ...]
    rows: tuple[dict[str, str], ...]  # an axis a combination does not have is absent
    evidence: tuple[str, ...]
    cases: tuple[CaseKey, ...]
    words: tuple[str, ...]
    outcomes: tuple[str, ...]
    codes: NDArray[np.int16]
    texts: tuple[str, ...]
    errors: NDArray[np.int32]
    witnesses: frozenset[str] = frozenset()  # runners that decide nothing
    plain: NDArray[np.int8] | None = None  # [row, case]: right without graph optimisations 1, wrong 0, not asked -1

    def subjects(self) -> tuple[tuple[str, str], ...]:
        """Return every (probe, variant), in case order."""
        return tuple(dict.fromkeys((case.probe, case.variant) for case in self.cases if case != ENVIRONMENT))

    def measured(self) -> NDArray[np.bool_]:
        """Return, for every code, whether it says what a case does."""
        return np.array([outcome in MEASURED for outcome in self.outcomes])


class Words:
    """Hands out codes while a grid is built."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], int] = {("", "not_run"): NOT_RUN, ("ok", "passed"): OK}
        self._texts: dict[str, int] = {"": 0}

    def code(self, stage: str | None, outcome: str, reason: str | None) -> int:
        """Return the code of an outcome."""
        return self.add(words_of(stage, outcome, reason), outcome)

    def add(self, word: str, outcome: str) -> int:
        """Return the code of an outcome whose words are there already."""
        return self._codes.setdefault((word, outcome), len(self._codes))

    def text(self, error: Error | None) -> int:
        """Return the index of an error's text."""
        if error is None:
            return 0
        said = f"{error.type}: {error.message}" if error.message else error.type
        # An address differs from run to run and says nothing.
        return self._texts.setdefault(_ADDRESS.sub("0x...", said), len(self._texts))

    @property
    def words(self) -> tuple[str, ...]:
        """Words by code."""
        return tuple(word for word, _ in self._codes)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Outcomes by code."""
        return tuple(outcome for _, outcome in self._codes)

    @property
    def texts(self) -> tuple[str, ...]:
        """Texts by index."""
        return tuple(self._texts)


def words_of(stage: str | None, outcome: str, reason: str | None) -> str:
    """Return `ok`, `compare: mismatch`, `run: crashed`, `export: crashed, memory`."""
    if outcome == "passed":
        return "ok"
    what = reason or outcome
    if outcome in {"crashed", "timed_out"} and reason:
        what = f"{outcome}, {reason}"
    return f"{stage}: {what}" if stage else what


def grid_of_records(records: Iterable[Record]) -> Grid:
    """Build a grid of joint records, which are taken one at a time and not kept.

    Raises:
        DuplicateCombinationError: Two records have the same axes.
    """
    words = Words()
    columns: dict[CaseKey, int] = {ENVIRONMENT: 0}
    rows: list[dict[str, str]] = []
    evidence: list[str] = []
    found: list[_Row] = []
    witnesses: set[str] = set()
    for record in records:
        rows.append(dict(record.axes))
        evidence.append(record.evidence)
        found.append(_row(record, columns, words))
        witnesses |= {case.runner for case in record.cases if case.witness}
    refuse_duplicates(rows)
    codes = np.zeros((len(rows), len(columns)), np.int16)
    errors = np.zeros((len(rows), len(columns)), np.int32)
    plain = np.full((len(rows), len(columns)), NOT_ASKED, np.int8)
    for index, (where, *told) in enumerate(found):
        codes[index, where], errors[index, where], plain[index, where] = told
    return Grid(
        axes=axis_names(rows),
        rows=tuple(rows),
        evidence=tuple(evidence),
        cases=tuple(columns),
        words=words.words,
        outcomes=words.outcomes,
        codes=codes,
        texts=words.texts,
        errors=errors,
        witnesses=frozenset(witnesses),
        plain=plain,
    )


_Row = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


def _row(record: Record, columns: dict[CaseKey, int], words: Words) -> _Row:
    environment = judge_environment(record)
    if environment is not None:
        code = words.code(environment.stage, environment.outcome, environment.reason)
        cells = [(0, code, words.text(environment.error), NOT_ASKED)]
    else:
        cells = [(0, OK, 0, NOT_ASKED)]
        for case in settle_cases(record.cases):
            where = columns.setdefault(key_of(case), len(columns))
            code = words.code(case.stage, case.outcome, case.reason)
            cells.append((where, code, words.text(case.error), _plain(case)))
    where, code, text, plain = np.array(cells, np.int32).T
    return where, code, text, plain


def _plain(case: CaseRecord) -> int:
    known = unoptimized(case)
    return NOT_ASKED if known is None else int(known)


def key_of(case: CaseRecord) -> CaseKey:
    """Return the key of a recorded case."""
    size = size_text(case.size)
    return CaseKey(case.probe, case.variant, case.exporter, case.opset, case.precision, case.runner, size)


def refuse_duplicates(rows: Sequence[dict[str, str]]) -> None:
    """Raise DuplicateCombinationError where two rows are the same combination."""
    seen: set[frozenset[tuple[str, str]]] = set()
    for row in rows:
        items = frozenset(row.items())
        if items in seen:
            raise DuplicateCombinationError(", ".join(f"{axis} {version}" for axis, version in row.items()))
        seen.add(items)


def axis_names(rows: Iterable[dict[str, str]]) -> tuple[str, ...]:
    """Return every axis of any row: the usual ones first, in the order in which a model meets them."""
    usual = ("python", "torch", "onnxscript", "onnx", "onnxruntime")
    names = dict.fromkeys(axis for row in rows for axis in row)
    return (*(axis for axis in usual if axis in names), *sorted(axis for axis in names if axis not in usual))


def version_order(version: str) -> tuple[int, Version | str]:
    """Sort key of a version; what is none comes first, by its text."""
    try:
        return (1, Version(version))
    except InvalidVersion:
        return (0, version)


def case_sort_key(case: CaseKey) -> tuple[object, ...]:
    """Sort key of a case: numbers by value, so that t9 comes before t17."""
    parts = tuple((int(part), "") if part.isdigit() else (-1, part) for part in _LENGTHS.split(case.size))
    return (*case[:6], parts)
