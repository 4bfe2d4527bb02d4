"""Evidence of a factored scan: what every export side did, and what every run side made of its artifacts.

Millions of rows: they are kept by column. A case of a combination is an export row of its export side, joined to the
run rows of its run side by (artifact, reference, runner, precision).
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.records.types import Error

#: Version of both tables.
SCHEMA_VERSION = 2

#: Bits of a figure that are kept: 11 are three significant digits. More are noise to everyone and most of the file.
FIGURE_BITS = 11

#: Columns that hold seconds of one stage each.
SECONDS = ("build", "eager", "export", "check")


class Side(msgspec.Struct, frozen=True, omit_defaults=True):
    """One environment: of an export side or of a run side. `stage` is None when it could be used."""

    id: str
    axes: dict[str, str]
    stage: str | None = None
    outcome: str = "passed"
    reason: str | None = None
    error: Error | None = None
    facts: dict[str, Any] = {}  # resolved versions, platform, digest of the harness, times


class Combination(msgspec.Struct, frozen=True):
    """One combination and the sides it is made of."""

    axes: dict[str, str]
    export: str
    run: str


class ExportRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One case on one export side, up to the artifact. `stage` is None when there is an artifact to run."""

    side: str
    position: int  # in the order of the plan; the first size of a lane is the one it was exported with
    probe: str
    variant: str
    exporter: str
    opset: int
    precision: str
    runner: str
    size: str  # n3,t17
    stage: str | None
    outcome: str
    reason: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    artifact: str | None = None  # digest
    reference: str | None = None  # digest of the inputs and of what eager made of them
    seconds_build: float | None = None
    seconds_eager: float | None = None
    seconds_export: float | None = None
    seconds_check: float | None = None


class RunRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One output of one artifact on one run side; a single row without an output where none was compared."""

    side: str
    artifact: str
    reference: str
    runner: str
    precision: str
    stage: str | None
    outcome: str
    reason: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    position: int = 0  # of the output
    output: str | None = None
    part: str | None = None
    sample: int = 0
    passed: bool | None = None
    output_reason: str | None = None
    shape: str | None = None  # 1,192; empty for a scalar
    reference_shape: str | None = None
    dtype: str | None = None
    reference_dtype: str | None = None
    max_abs: float | None = None
    mean_abs: float | None = None
    rmse: float | None = None
    max_rel: float | None = None
    cosine: float | None = None
    snr_db: float | None = None
    required_atol: float | None = None
    margin: float | None = None
    noise_floor: float | None = None
    reference_rms: float | None = None
    rtol: float | None = None
    atol: float | None = None
    agreement: float | None = None
    latency: float | None = None  # milliseconds
    floor: float | None = None
    unoptimized: bool | None = None  # whether it passes without the runner's graph optimisations


class Meta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is said once a table. `about` holds what reports quote: matrix, harness, started, finished, command."""

    schema_version: int = SCHEMA_VERSION
    sides: tuple[Side, ...] = ()
    combinations: tuple[Combination, ...] = ()  # of the export table; every fitting pair of sides where empty
    about: dict[str, Any] = {}


class Labels(msgspec.Struct, frozen=True, eq=False):
    """A column of texts: each stands once. Code -1 is None."""

    codes: NDArray[np.int32]
    labels: tuple[str, ...]

    def at(self, row: int) -> str | None:
        """Return the text of one row."""
        code = int(self.codes[row])
        return None if code < 0 else self.labels[code]


Column = Labels | NDArray[Any]
Row = ExportRow | RunRow


class Table(msgspec.Struct, frozen=True, eq=False):
    """Rows by column: texts as Labels, numbers as int32, figures as float32, bools as int8; None is NaN, and -1."""

    columns: dict[str, Column]
    meta: Meta

    def __len__(self) -> int:
        first = next(iter(self.columns.values()))
        return len(first.codes if isinstance(first, Labels) else first)

    def texts(self, name: str) -> Labels:
        """Return a column of texts."""
        column = self.columns[name]
        if not isinstance(column, Labels):
            raise TypeError(name)
        return column

    def numbers(self, name: str) -> NDArray[Any]:
        """Return a column of numbers."""
        column = self.columns[name]
        if isinstance(column, Labels):
            raise TypeError(name)
        return column


def kinds(row: type[ExportRow | RunRow]) -> dict[str, str]:
    """Return column -> "text", "int", "float" or "bool", in the order of the fields."""
    names = {str: "text", str | None: "text", int: "int", float | None: "float", bool | None: "bool"}
    return {field.name: names[field.type] for field in msgspec.structs.fields(row)}


def table_of_rows(row: type[ExportRow | RunRow], rows: Iterable[Row], meta: Meta) -> Table:
    """Return rows by column, in the order in which they come; only a few thousand of them are held at a time."""
    columns = {name: _Growing(kind) for name, kind in kinds(row).items()}
    fields = operator.attrgetter(*columns)
    coming = iter(rows)
    while chunk := [fields(each) for each in itertools.islice(coming, _CHUNK)]:
        for column, values in zip(columns.values(), zip(*chunk, strict=True), strict=True):
            column.extend(values)
    return Table({name: column.done() for name, column in columns.items()}, meta)


def rows_of_table(row: type[ExportRow | RunRow], table: Table) -> Iterator[Row]:
    """Yield the rows of a table."""
    names = kinds(row)
    for start in range(0, len(table), _CHUNK):
        part = take(table, np.arange(start, min(start + _CHUNK, len(table))))
        columns = [_plain(part.columns[name], kind) for name, kind in names.items()]
        for values in zip(*columns, strict=True):
            yield row(*values)


def take(table: Table, order: NDArray[np.intp]) -> Table:
    """Return the rows of a table in another order, or some of them."""
    taken = {
        name: Labels(column.codes[order], column.labels) if isinstance(column, Labels) else column[order]
        for name, column in table.columns.items()
    }
    return Table(taken, table.meta)


def shape_text(shape: Iterable[int]) -> str:
    """Write a shape as `1,192`."""
    return ",".join(map(str, shape))


def shape_of(text: str) -> tuple[int, ...]:
    """Read what `shape_text` wrote."""
    return tuple(int(length) for length in text.split(",")) if text else ()


_CHUNK = 10_000
_DTYPES: dict[str, type[Any]] = {"text": np.int32, "int": np.int32, "float": np.float32, "bool": np.int8}


class _Growing:
    """A column while rows still come."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.parts: list[NDArray[Any]] = []
        self.known: dict[str | None, int] = {}

    def extend(self, values: Sequence[Any]) -> None:
        """Append the values of some rows."""
        if self.kind == "text":
            known = self.known
            for value in dict.fromkeys(values):
                known.setdefault(value, -1 if value is None else len(known) - (None in known))
            self.parts.append(np.array([known[value] for value in values], _DTYPES[self.kind]))
        else:
            missing = -1 if self.kind == "bool" else float("nan")
            with np.errstate(over="ignore"):  # an error beyond float32 is infinite
                given = [missing if value is None else value for value in values]
                self.parts.append(np.array(given, _DTYPES[self.kind]))

    def done(self) -> Column:
        """Return the whole column."""
        values = np.concatenate(self.parts) if self.parts else np.zeros(0, _DTYPES[self.kind])
        if self.kind != "text":
            return values
        return Labels(values, tuple(label for label in self.known if label is not None))


def _plain(column: Column, kind: str) -> Sequence[Any]:
    """Return the values of a column as Python has them."""
    if isinstance(column, Labels):
        labels = (*column.labels, None)
        return [labels[code] for code in column.codes.tolist()]
    values: list[Any] = column.tolist()
    if kind == "bool":
        return [None if value < 0 else bool(value) for value in values]
    # NaN alone differs from itself.
    return [None if value != value else value for value in values] if kind == "float" else values  # noqa: PLR0124
