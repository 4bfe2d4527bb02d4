"""What `nightly` remembers from night to night: what was known before a night, and after it."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from matrixscan.store.history_engine import Engine
from matrixscan.store.history_schema import NIGHTS

#: Finished nights whose states are kept; older ones keep their times alone.
_KEPT = 3


class Night(msgspec.Struct, frozen=True):
    """A night. States are whatever the caller makes of them; `after` is None until it is done."""

    id: int
    began: str
    finished: str | None
    before: bytes | None
    after: bytes | None


class Nights:
    """The nights of one matrix of one project."""

    def __init__(self, engine: Engine, scope: str, matrix: str) -> None:
        self._engine = engine
        self._own = sa.and_(NIGHTS.c.scope == scope, NIGHTS.c.matrix == matrix)
        self._names = {"scope": scope, "matrix": matrix}

    def last(self) -> Night | None:
        """Return the latest night that was finished."""
        return self._first(NIGHTS.c.finished.is_not(None))

    def unfinished(self) -> Night | None:
        """Return the night that was interrupted last, unless a later one was finished."""
        night, last = self._first(NIGHTS.c.finished.is_(None)), self.last()
        return night if night is not None and (last is None or last.id < night.id) else None

    def begin(self, began: str, before: bytes) -> Night:
        """Note that a night begins, with what is known before it."""
        values = {**self._names, "began": began, "before": before}
        query = NIGHTS.insert().values(**values).returning(NIGHTS.c.id)
        made = self._engine.write(lambda connection: connection.execute(query).scalar_one())
        return Night(made, began, None, before, None)

    def finish(self, night: Night, finished: str, after: bytes) -> None:
        """Note that a night is done, with what is known after it."""

        def work(connection: sa.Connection) -> None:
            done = NIGHTS.update().where(NIGHTS.c.id == night.id)
            connection.execute(done.values(finished=finished, after=after, before=None))
            kept = sa.select(NIGHTS.c.id).where(self._own).order_by(NIGHTS.c.id.desc()).limit(_KEPT)
            old = list(connection.execute(kept).scalars())
            forget = NIGHTS.update().where(self._own, NIGHTS.c.id.not_in(old))
            connection.execute(forget.values(before=None, after=None))

        self._engine.write(work)

    def _first(self, condition: Any) -> Night | None:
        columns = [NIGHTS.c[name] for name in Night.__struct_fields__]
        query = sa.select(*columns).where(self._own, condition).order_by(NIGHTS.c.id.desc()).limit(1)
        row = self._engine.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else Night(*row)
