"""Makes the lock of a matrix: the only command that asks a package index what there is."""

from __future__ import annotations

import datetime as dt

from matrixscan.catalog.lock import lock_path, lock_text, make_lock, news, read_lock
from matrixscan.commands.request import Outcome
from matrixscan.matrix.reader import find_matrix, read_asked, read_matrix
from matrixscan.store.files import write_atomically


def lock(matrix: str) -> Outcome:
    """Ask the index what the selectors of a matrix mean now, keep it beside the matrix, and say what is new.

    Raises:
        MatrixFileError: the matrix has problems.
        IndexUnreachableError: an index does not answer and did not earlier.
    """
    from matrixscan.catalog.index import Index  # noqa: PLC0415  HTTP takes longer to import than most commands take

    file = find_matrix(matrix)
    asked = read_asked(file)
    path = lock_path(file)
    old = read_lock(path)
    with Index() as index:
        new = make_lock(asked, index, dt.datetime.now(dt.UTC))
        notes = index.notes
    write_atomically(path, lock_text(new).encode())
    lines = [f"wrote {path}: {len(read_matrix(file).rows)} rows", *notes]
    if old is not None:
        lines += news(old, new) or ("nothing new since the lock before",)
    else:
        lines += [
            f"{axis} {text!r}: {', '.join(versions)}"
            for axis, texts in new.chosen.items()
            for text, versions in texts.items()
        ]
    return Outcome("\n".join(lines) + "\n", 0)
