"""What became of a failing combination when packages that are no axis were moved: facts of runs, and the flip found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from matrixscan.errors import DamagedFileError, RecordVersionError
from matrixscan.records.layout import layout
from matrixscan.records.types import Error

#: Version of the file. Version 1 had one era for all examinations; it is read. A newer one is refused.
SCHEMA_VERSION = 2

#: How an examination ended.
RESULTS = (
    "found",  # releases that break it are named
    "not_transitive",  # it fails with the packages of every era too
    "not_reproduced",  # it works with the very pins it failed with
    "no_era",  # the packages of the era cannot be had, so there is nothing to compare with
    "not_isolated",  # the era works, and no set of packages could be told to be behind it
    "unstable",  # the flip did not come out the same when it was tried again
    "out_of_trials",  # the budget ended before anything was found
    "infra",  # the network, the disk or an interpreter
)


class PackagingTrial(msgspec.Struct, frozen=True, omit_defaults=True):
    """One environment that was tried: the packages of the era but for those in `moved`."""

    purpose: str  # today, era, moved, release, again, alone, rest
    moved: dict[str, str | None]  # package -> version; None: is not there
    outcome: str
    stage: str | None = None  # where it ended; None: the failing stage was passed
    error: Error | None = None
    lock: str = ""  # digest of what was installed; empty where nothing fits together
    seconds: float = 0.0


class PackagingFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A release that breaks the combination, tried at both sides of the flip."""

    package: str
    works: str
    breaks: str
    tested: int  # trials so far
    era_as_of: str
    error: Error | None = None  # what the first breaking release says
    together: dict[str, str] = {}  # releases beside which alone it breaks
    along: dict[str, str] = {}  # releases that moved along, for nothing fits together without
    exact: bool = True  # no release between the two is left to try
    skipped: tuple[str, ...] = ()  # releases between the two that cannot be had or tell nothing
    confirmed: int = 1  # how often each side came out so, each time in a new environment
    rest: bool | None = None  # whether everything else as of today works with the release that works


class PackagingExamination(msgspec.Struct, frozen=True, omit_defaults=True):
    """One failure, and what was tried to find a package behind it."""

    stage: str
    case: str | None  # None: the environment itself fails
    error: Error | None
    suspects: tuple[str, ...]  # packages that the words name
    result: str
    era_as_of: str | None = None  # the day whose packages work, or else the earliest tried
    era: dict[str, str] = {}  # the packages of that day; empty where they cannot be had
    findings: tuple[PackagingFinding, ...] = ()
    trials: tuple[PackagingTrial, ...] = ()


class PackagingRecord(msgspec.Struct, frozen=True):
    """One combination whose failures smell of packaging."""

    schema_version: int
    id: str
    matrix: str
    matrixscan: str
    key: str  # digest of everything that decides whether it is to be examined again
    harness: str
    axes: dict[str, str]
    platform: dict[str, Any]
    today: dict[str, str]  # the packages it failed with
    examinations: tuple[PackagingExamination, ...]
    started: str
    finished: str


def encode_packaging(record: PackagingRecord) -> bytes:
    """Encode a record as JSON with sorted keys."""
    plain = msgspec.json.decode(msgspec.json.encode(record, order="sorted"))
    return layout(plain, lines={"trials"}).encode() + b"\n"


def decode_packaging(text: bytes, path: Path) -> PackagingRecord:
    """Decode a stored record.

    Raises:
        RecordVersionError: it was written by a newer matrixscan.
        DamagedFileError: it is not such a record.
    """
    try:
        version = msgspec.json.decode(text, type=_Numbered).schema_version
        if version > SCHEMA_VERSION:
            raise RecordVersionError(path, version, SCHEMA_VERSION)
        return msgspec.convert(_upgraded(msgspec.json.decode(text)), PackagingRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError) as error:
        raise DamagedFileError(path, str(error), "delete it; the combination is examined again") from error


def _upgraded(plain: Any) -> Any:
    if plain["schema_version"] < SCHEMA_VERSION:
        era = {name: plain[name] for name in ("era", "era_as_of") if name in plain}
        plain["examinations"] = [era | examination for examination in plain.get("examinations", ())]
        plain["schema_version"] = SCHEMA_VERSION
    return plain


class _Numbered(msgspec.Struct):
    schema_version: int
