"""The log of nights with news: `reports/<matrix>/changes.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from matrixscan.records.night import SCHEMA_VERSION, Entry, Log, decode_log, encode_log
from matrixscan.store.files import write_atomically

CHANGES = "changes.json"
#: Nights that are kept.
LENGTH = 60


def read_log(folder: Path) -> Log | None:
    """Return the log of a matrix; None where there is none.

    Raises:
        MatrixscanError: it is damaged or from a newer matrixscan.
    """
    path = folder / CHANGES
    return decode_log(path.read_bytes(), path) if path.is_file() else None


def write_log(folder: Path, log: Log) -> None:
    """Keep a log."""
    write_atomically(folder / CHANGES, encode_log(log))


def with_entry(log: Log | None, matrix: str, feed: str, entry: Entry) -> Log:
    """Return a log with one more night, newest first; one that was told before is told anew.

    Args:
        log: So far.
        matrix: Its name.
        feed: The feed's identifier, where the log begins with this night.
        entry: The night.
    """
    known = Log(SCHEMA_VERSION, matrix, feed) if log is None else log
    others = [other for other in known.entries if other.began != entry.began]
    return msgspec.structs.replace(known, schema_version=SCHEMA_VERSION, entries=(entry, *others)[:LENGTH])
