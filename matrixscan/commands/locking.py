"""Makes the lock of a matrix: the only command that asks a package index what there is."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from matrixscan.catalog.lock import lock_path, lock_text, make_lock, news, read_lock
from matrixscan.catalog.types import CatalogLock
from matrixscan.commands.request import Outcome
from matrixscan.matrix.reader import find_matrix, read_asked, read_matrix
from matrixscan.store.files import write_atomically


class Answer(NamedTuple):
    """What an index said, and what is kept of an earlier answer."""

    path: Path
    old: CatalogLock | None
    new: CatalogLock
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether it says what the one before said, on another day."""
        return self.old is not None and msgspec.structs.replace(self.new, made=self.old.made) == self.old

    def write(self) -> None:
        """Keep it beside the matrix."""
        write_atomically(self.path, lock_text(self.new).encode())


def ask(matrix: str | os.PathLike[str], *, fresh: float | None = None) -> Answer:
    """Ask the index what the selectors of a matrix mean now.

    Args:
        matrix: its file or name.
        fresh: seconds for which an earlier answer is as good; the usual ones when None.

    Raises:
        MatrixFileError: the matrix has problems.
        IndexUnreachableError: an index does not answer and did not earlier.
    """
    from matrixscan.catalog.index import Index  # noqa: PLC0415  HTTP takes longer to import than most commands take

    file = find_matrix(matrix)
    asked = read_asked(file)
    path = lock_path(file)
    old = read_lock(path)
    with Index() if fresh is None else Index(fresh=fresh) as index:
        new = make_lock(asked, index, dt.datetime.now(dt.UTC))
        return Answer(path, old, new, index.notes)


def lock(matrix: str) -> Outcome:
    """Ask the index what the selectors of a matrix mean now, keep it beside the matrix, and say what is new.

    Raises:
        MatrixFileError: the matrix has problems.
        IndexUnreachableError: an index does not answer and did not earlier.
    """
    answer = ask(matrix)
    answer.write()
    old, new = answer.old, answer.new
    lines = [f"wrote {answer.path}: {len(read_matrix(find_matrix(matrix)).rows)} rows", *answer.notes]
    if old is not None:
        lines += news(old, new) or ("nothing new since the lock before",)
    else:
        lines += [
            f"{axis} {text!r}: {', '.join(versions)}"
            for axis, texts in new.chosen.items()
            for text, versions in texts.items()
        ]
    return Outcome("\n".join(lines) + "\n", 0)
