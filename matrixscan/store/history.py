"""The history: every measurement that was imported, each once, and what several of one thing say together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from matrixscan.records.types import Record
from matrixscan.store import history_schema as schema
from matrixscan.store.history_engine import Engine
from matrixscan.store.history_rows import Row, Rows, rows_of
from matrixscan.store.history_url import history_url

#: Outcomes that say what a case does. The others say something about a machine or a network.
MEASURED = ("passed", "failed", "crashed", "timed_out", "infeasible")

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_CHUNK = 500  # rows of a statement


class Added(NamedTuple):
    """What an import put in that was not there."""

    records: int
    cases: int


class Seen(msgspec.Struct, frozen=True):
    """What several measurements of one thing said: outcome -> how often."""

    setup: str
    combination: str
    case: str
    probe: str
    lane: tuple[str, str, str, int, str, str]  # as in analysis/judge.py
    outcomes: dict[str, int]

    @property
    def flaky(self) -> bool:
        """Whether it both passed and did not."""
        return "passed" in self.outcomes


class Held(msgspec.Struct, frozen=True):
    """What the history holds of a matrix. Times are UTC, ISO 8601."""

    matrix: str
    records: int
    combinations: int
    cases: int
    platforms: int
    first: str
    last: str


class Point(msgspec.Struct, frozen=True):
    """A case that passed, at a time. Latencies are milliseconds."""

    axes: dict[str, str]
    variant: str
    exporter: str
    opset: int
    precision: str
    runner: str
    size: str
    platform: str
    finished: str
    margin: float | None
    latency_ms: float | None


class History:
    """The database. Use it in a `with` statement."""

    def __init__(self, url: sa.URL) -> None:
        self.engine = Engine(url)

    @classmethod
    def open(cls, given: str | None, work: Path) -> Self:
        """Open the history that was asked for (see `history_url`), made or brought up to date where needed.

        Raises:
            HistoryUrlError: the address is none.
            HistoryUnreachableError: the database does not answer.
            HistoryVersionError: a newer matrixscan made it.
        """
        made = cls(history_url(given, work))
        if made.engine.read(schema.read_version) != schema.SCHEMA_VERSION:
            made.engine.write(schema.prepare)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.engine.close()

    def add(self, records: Iterable[Record]) -> Added:
        """Import records, each in a transaction of its own; what is there already adds nothing."""
        found = [self._add(rows_of(record)) for record in records]
        return Added(sum(added.records for added in found), sum(added.cases for added in found))

    def _add(self, rows: Rows) -> Added:
        return self.engine.write(lambda connection: _add(connection, rows))

    def conflicts(self, setups: Collection[str] | None = None) -> tuple[Seen, ...]:
        """Return everything whose measurements contradict each other: one thing with several outcomes.

        Args:
            setups: only of these; of all when None.
        """
        return tuple(self.engine.read(lambda connection: _conflicts(connection, setups)))

    def held(self) -> tuple[Held, ...]:
        """Return what there is, by matrix."""
        return tuple(self.engine.read(_held))

    def points(self, probe: str) -> tuple[Point, ...]:
        """Return every case of a probe that passed, oldest first; witnesses are left out."""
        return tuple(self.engine.read(lambda connection: _points(connection, probe)))

    def probes(self) -> tuple[str, ...]:
        """Return the names of all probes."""
        query = sa.select(schema.CASES.c.probe).distinct().order_by(schema.CASES.c.probe)
        return tuple(self.engine.read(lambda connection: list(connection.execute(query).scalars())))


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> list[int]:
    """Insert rows that are not there yet, by whatever is unique in them; return the first column of the new ones."""
    statement = _INSERT[connection.dialect.name](table).on_conflict_do_nothing()
    first = next(iter(table.primary_key))
    made: list[int] = []
    for at in range(0, len(rows), _CHUNK):
        made += connection.execute(statement.returning(first), list(rows[at : at + _CHUNK])).scalars()
    return made


def _add(connection: sa.Connection, rows: Rows) -> Added:
    made = insert(connection, schema.RECORDS, [rows.record])
    if not made:
        return Added(0, 0)
    insert(connection, schema.PLATFORMS, [rows.platform])
    cases = insert(connection, schema.CASES, [{"record": made[0], **case} for case in rows.cases])
    return Added(1, len(cases))


def _conflicts(connection: sa.Connection, setups: Collection[str] | None) -> Iterable[Seen]:
    cases, records = schema.CASES, schema.RECORDS
    counted = cases.c.outcome.in_(MEASURED)
    doubtful = (
        sa.select(cases.c.subject)
        .where(counted)
        .group_by(cases.c.subject)
        .having(sa.func.min(cases.c.outcome) != sa.func.max(cases.c.outcome))
    )
    query = (
        sa.select(records.c.setup, records.c.combination, cases)
        .join(records, cases.c.record == records.c.id)
        .where(counted, cases.c.subject.in_(doubtful))
        .order_by(records.c.combination, cases.c.subject, records.c.finished, cases.c.id)
    )
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        if setups is None or row.setup in setups:
            found.setdefault(row.subject, []).append(row)
    return [_seen(rows) for rows in found.values()]


def _seen(rows: Sequence[Any]) -> Seen:
    first = rows[0]
    outcomes: dict[str, int] = {}
    for row in rows:
        outcomes[row.outcome] = outcomes.get(row.outcome, 0) + 1
    lane = (first.probe, first.variant, first.exporter, first.opset, first.precision, first.runner)
    return Seen(first.setup, first.combination, first.name, first.probe, lane, outcomes)


def _held(connection: sa.Connection) -> Iterable[Held]:
    records, cases = schema.RECORDS, schema.CASES
    count = sa.func.count
    query = (
        sa.select(
            records.c.matrix,
            count(),
            count(records.c.combination.distinct()),
            count(records.c.platform.distinct()),
            sa.func.min(records.c.started),
            sa.func.max(records.c.finished),
        )
        .group_by(records.c.matrix)
        .order_by(records.c.matrix)
    )
    counts = (
        sa.select(records.c.matrix, count().label("number"))
        .join(cases, cases.c.record == records.c.id)
        .group_by(records.c.matrix)
    )
    by_matrix = {row.matrix: row.number for row in connection.execute(counts)}
    return [
        Held(matrix, number, combinations, by_matrix.get(matrix, 0), platforms, first, last)
        for matrix, number, combinations, platforms, first, last in connection.execute(query)
    ]


def _points(connection: sa.Connection, probe: str) -> Iterable[Point]:
    cases, records = schema.CASES, schema.RECORDS
    tables = (records, cases)
    columns = [table.c[name] for name in Point.__struct_fields__ for table in tables if name in table.c]
    query = (
        sa.select(*columns)
        .join(records, cases.c.record == records.c.id)
        .where(cases.c.probe == probe, cases.c.outcome == "passed", cases.c.witness.is_(False))
        .order_by(records.c.finished, cases.c.id)
    )
    rows = connection.execute(query).mappings()
    return [Point(**{**row, "axes": msgspec.json.decode(row["axes"])}) for row in rows]
