"""Connections to the history: SQLite in a file, PostgreSQL by address; several processes may write at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from matrixscan.errors import ToolMissingError
from matrixscan.store.history_url import HistoryUnreachableError, shown, without_secrets

_T = TypeVar("_T")

_BUSY_SECONDS = 60.0
_TRIES = 8
#: What a database says when another writer was faster; the same again then works.
_TRANSIENT = ("database is locked", "database table is locked", "deadlock detected", "could not serialize", "disk I/O")
_READING = {"reading": True}


class Engine:
    """Runs transactions, again where another writer was in the way."""

    def __init__(self, url: sa.URL) -> None:
        self._url = url
        if url.get_backend_name() == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        self._engine = _engine(url)
        self._reader = self._engine.execution_options(**_READING)

    @property
    def name(self) -> str:
        """The address, without what is nobody's business."""
        return shown(self._url)

    def write(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do something in a transaction of its own; it may be called again.

        Raises:
            HistoryUnreachableError: the database does not do it.
        """
        return self._transaction(self._engine, work)

    def read(self, work: Callable[[sa.Connection], _T]) -> _T:
        """The same, without keeping writers out."""
        return self._transaction(self._reader, work)

    def close(self) -> None:
        """Close what is open."""
        self._engine.dispose()

    def _transaction(self, engine: sa.Engine, work: Callable[[sa.Connection], _T]) -> _T:
        for left in reversed(range(_TRIES)):
            try:
                with engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                said = _words(error)
                if not left or not any(words in said for words in _TRANSIENT):
                    raise HistoryUnreachableError(self.name, without_secrets(said, self._url)) from None
                time.sleep(random.uniform(0.05, 0.1) * 2 ** (_TRIES - left))  # noqa: S311  no secret
        raise RuntimeError(self.name)  # the last try returns or raises


def _engine(url: sa.URL) -> sa.Engine:
    sqlite = url.get_backend_name() == "sqlite"
    more: dict[str, Any] = {"connect_args": {"timeout": _BUSY_SECONDS}} if sqlite else {}
    try:
        # Connections are few and short, and none may be left open in a file that somebody wants to move.
        made = sa.create_engine(url, poolclass=sa.NullPool, **more)
    except ImportError as error:
        raise ToolMissingError("psycopg", "pip install 'matrixscan[postgres]'") from error
    if sqlite:
        sa.event.listen(made, "connect", _configure)
        sa.event.listen(made, "begin", _begin)
    return made


def _configure(connection: Any, _: object) -> None:
    # Python's own transactions begin too late to keep another writer out; see `_begin`.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {int(1000 * _BUSY_SECONDS)}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading")
    # A transaction that reads first and writes then would fail where another one wrote in between.
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _words(error: DBAPIError) -> str:
    """Return what the driver said, without the statement and its values."""
    return " ".join(str(error.orig).split()) or type(error).__name__
