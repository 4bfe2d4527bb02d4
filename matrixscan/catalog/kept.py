"""Small facts that never change, kept on disk for ever; and how old something kept is, in words."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import threading
from pathlib import Path

import msgspec

_HOUR = 60  # minutes
_DAY = 24 * _HOUR


class Kept:
    """Lists of texts by key, each in a file of a folder. A cache that cannot be read or written is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, key: str) -> Path:
        return self._folder / (hashlib.sha256(key.encode()).hexdigest() + ".json")

    def read(self, key: str) -> tuple[str, ...] | None:
        """Return what was kept, or None."""
        try:
            return msgspec.json.decode(self._path(key).read_bytes(), type=tuple[str, ...])
        except (OSError, msgspec.DecodeError):
            return None

    def write(self, key: str, found: tuple[str, ...]) -> None:
        """Keep something; the file appears whole."""
        path = self._path(key)
        own = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            own.write_bytes(msgspec.json.encode(found))
            own.replace(path)
        except OSError:
            return


def age(moment: dt.datetime) -> str:
    """Say how long ago a moment in UTC was."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    minutes = (dt.datetime.now(dt.UTC) - moment).total_seconds() / 60
    if minutes < 2 * _HOUR:
        return f"{minutes:.0f} min"
    return f"{minutes / _HOUR:.0f} h" if minutes < 2 * _DAY else f"{minutes / _DAY:.0f} days"
