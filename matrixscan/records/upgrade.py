"""Reads stored records of this and earlier schema versions; a step is a pure dict -> dict function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.errors import DamagedFileError, RecordVersionError
from matrixscan.records.layout import layout
from matrixscan.records.types import SCHEMA_VERSION, Record

#: Version n -> the step from n to n + 1. A golden file of every version lies in tests/records/golden.
_STEPS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    # The new fields' defaults say what was so before: no witness, no family, no stages, one sample.
    1: lambda data: {**data, "schema_version": 2},
    # No envelope: what other tolerances would say is known within bounds. No sketch: nothing to compare eager by.
    2: lambda data: {**data, "schema_version": 3},
}


def decode_record(text: bytes, path: Path) -> Record:
    """Decode a stored record.

    Args:
        text: JSON.
        path: where it came from, for the error.

    Raises:
        RecordVersionError: it was written by a newer matrixscan.
        DamagedFileError: it is not a record.
    """
    try:
        data = msgspec.json.decode(text, type=dict[str, Any])
        version = msgspec.convert(data.get("schema_version"), int)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error
    if version > SCHEMA_VERSION:
        raise RecordVersionError(path, version, SCHEMA_VERSION)
    try:
        while version < SCHEMA_VERSION:
            data = _STEPS[version](data)
            version += 1
        return msgspec.convert(data, Record)
    except (KeyError, msgspec.ValidationError) as error:
        raise _damaged(path, str(error)) from error


def encode_record(record: Record) -> bytes:
    """Encode a record as JSON with sorted keys."""
    plain = msgspec.json.decode(msgspec.json.encode(record, order="sorted"))
    return layout(plain).encode() + b"\n"


def _damaged(path: Path, why: str) -> DamagedFileError:
    return DamagedFileError(path, why, "delete it and scan again: only its own combination is redone")
