"""What changed from one night to the next, as it is kept in `reports/<matrix>/changes.json`. Times are UTC."""

from __future__ import annotations

from pathlib import Path

import msgspec

from matrixscan.errors import DamagedFileError, RecordVersionError

SCHEMA_VERSION = 1
FIX = "delete it; the log begins anew"

REGRESSION = "regression"
UNCONFIRMED = "unconfirmed"
FLAKY = "flaky"
FIXED = "fixed"
CHANGED = "changed"
UNKNOWN = "unknown"
NEW = "new"
GONE = "gone"

#: What can happen, in the order in which it is told.
KINDS = (REGRESSION, UNCONFIRMED, FLAKY, FIXED, CHANGED, UNKNOWN, NEW, GONE)


class Move(msgspec.Struct, frozen=True):
    """One axis between a release that was good and a newer one."""

    axis: str
    old: str
    new: str


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is not what it was. `before` and `after` are the words of tables."""

    kind: str
    combination: str = ""
    subject: str = ""  # probe/variant; empty: the combination itself, or its environment
    lane: str = ""
    before: str = ""
    after: str = ""
    decides: bool = True  # it counts for the verdict of a combination
    neighbour: str = ""  # the combination with older releases that was good
    moved: tuple[Move, ...] = ()  # what differs from it
    runs: int = 0  # further runs that say the same; of what is flaky, those that were made


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A night with news."""

    began: str  # names it
    finished: str
    changes: tuple[Change, ...] = ()
    first: bool = False  # nothing was known before
    measured: int = 0  # environments
    left: tuple[str, ...] = ()  # combinations left for the next night
    notes: tuple[str, ...] = ()
    untold: int = 0  # changes beyond those that are kept


class Log(msgspec.Struct, frozen=True):
    """The nights with news, newest first."""

    schema_version: int
    matrix: str
    feed: str  # a tag URI
    entries: tuple[Entry, ...] = ()


class _Numbered(msgspec.Struct):
    schema_version: int


def decode_log(body: bytes, path: Path) -> Log:
    """Read a log.

    Raises:
        RecordVersionError: a newer matrixscan wrote it.
        DamagedFileError: it is none.
    """
    try:
        found = msgspec.json.decode(body, type=_Numbered).schema_version
        if found > SCHEMA_VERSION:
            raise RecordVersionError(path, found, SCHEMA_VERSION)
        return msgspec.json.decode(body, type=Log)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(path, str(error), FIX) from None


def encode_log(log: Log) -> bytes:
    """Return a log as it is kept."""
    return msgspec.json.format(msgspec.json.encode(log), indent=1) + b"\n"
