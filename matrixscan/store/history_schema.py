"""The tables of the history, and how older ones become these."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from matrixscan.errors import MatrixscanError

#: Version of the tables. An older database is brought up to it by `STEPS`, a newer one refused.
SCHEMA_VERSION = 1

#: Version -> the statements that lead from it to the next one; they hold for SQLite and PostgreSQL.
STEPS: dict[int, tuple[str, ...]] = {}

#: Any number: who makes or changes the tables of a PostgreSQL database holds this lock.
_LOCK = 0x6D617472

METADATA = sa.MetaData()

VERSION = sa.Table("schema_version", METADATA, sa.Column("version", sa.Integer, nullable=False))


def _text(name: str, **more: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, **({"nullable": False} | more))


#: A measured combination. `identity` is that of this one measurement, `setup` of all that decides its results but the
#: platform and the probes.
RECORDS = sa.Table(
    "records",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("identity", unique=True),
    _text("setup", index=True),
    _text("matrix", index=True),
    _text("combination"),
    _text("axes"),
    _text("evidence"),
    _text("lock", nullable=True),
    _text("platform"),
    _text("harness"),
    _text("probes"),
    _text("key"),
    _text("matrixscan"),
    _text("started"),
    _text("finished", index=True),
)

PLATFORMS = sa.Table("platforms", METADATA, _text("digest", primary_key=True), _text("facts"))

#: A case of a record. `subject` is the same for all measurements of one thing: setup, platform, probe and case.
CASES = sa.Table(
    "cases",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("record", sa.Integer, sa.ForeignKey("records.id"), nullable=False, index=True),
    _text("identity", unique=True),
    _text("subject", index=True),
    _text("name"),
    _text("probe", index=True),
    _text("probe_digest"),
    _text("variant"),
    _text("exporter"),
    sa.Column("opset", sa.Integer, nullable=False),
    _text("precision"),
    _text("runner"),
    _text("size"),
    sa.Column("witness", sa.Boolean, nullable=False),
    _text("outcome"),
    _text("stage", nullable=True),
    _text("reason", nullable=True),
    sa.Column("margin", sa.Float),
    sa.Column("max_abs", sa.Float),
    sa.Column("latency_ms", sa.Float),
    sa.Column("eager_ms", sa.Float),
)

#: A run of `nightly`: what was known before it, and after it once it is done.
NIGHTS = sa.Table(
    "nights",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("scope"),
    _text("matrix"),
    _text("began"),
    _text("finished", nullable=True),
    sa.Column("before", sa.LargeBinary),
    sa.Column("after", sa.LargeBinary),
    sa.Index("nights_of", "scope", "matrix"),
)


class HistoryVersionError(MatrixscanError):
    """A newer matrixscan made the tables."""

    def __init__(self, found: int, newest: int) -> None:
        super().__init__(f"the history has version {found}, this matrixscan knows up to {newest}: update matrixscan")


def prepare(connection: sa.Connection) -> None:
    """Make the tables, or bring older ones up to date; several processes may do so at once.

    Raises:
        HistoryVersionError: a newer matrixscan made them.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    found = read_version(connection)
    if found is None:
        METADATA.create_all(connection)
        connection.execute(VERSION.insert().values(version=SCHEMA_VERSION))
        return
    for statement in steps_from(found):
        connection.exec_driver_sql(statement)
    if found != SCHEMA_VERSION:
        connection.execute(VERSION.update().values(version=SCHEMA_VERSION))


def read_version(connection: sa.Connection) -> int | None:
    """Return the version of the tables; None where there are none."""
    if not sa.inspect(connection).has_table(VERSION.name):
        return None
    return connection.execute(sa.select(VERSION.c.version)).scalar()


def steps_from(found: int) -> tuple[str, ...]:
    """Return the statements that lead from a version to this one.

    Raises:
        HistoryVersionError: it is newer.
    """
    if found > SCHEMA_VERSION:
        raise HistoryVersionError(found, SCHEMA_VERSION)
    return tuple(statement for version in range(found, SCHEMA_VERSION) for statement in STEPS[version])
