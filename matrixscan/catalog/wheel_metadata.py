"""The METADATA of a wheel that is not downloaded: read through ranges of its bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

from packaging.metadata import parse_email

#: Most of a wheel's list of members, and METADATA beside it, lie within its last bytes.
TAIL_BYTES = 1 << 16

#: First and last byte (inclusive; first None: the last so many) -> the bytes and the size of the whole.
Fetch = Callable[[int | None, int], tuple[bytes, int]]


def requires_dist(metadata: bytes) -> tuple[str, ...]:
    """Return what a METADATA file requires, as written."""
    raw, _ = parse_email(metadata)
    return tuple(raw.get("requires_dist", ()))


def read_metadata(fetch: Fetch) -> bytes:
    """Return the METADATA file of a wheel.

    Raises:
        ValueError: the bytes are no wheel.
    """
    try:
        with zipfile.ZipFile(_Ranges(fetch)) as wheel:
            names = [name for name in wheel.namelist() if name.count("/") == 1 and name.endswith(".dist-info/METADATA")]
            if len(names) != 1:
                raise ValueError(f"has {len(names)} METADATA files")
            return wheel.read(names[0])
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(str(error)) from None


class _Ranges(io.RawIOBase):
    """A file whose bytes come when they are read; what came once is kept."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        tail, self._size = fetch(None, TAIL_BYTES)
        self._parts = [(self._size - len(tail), tail)]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        if end <= self._at:
            return b""
        start, part = next(
            (kept for kept in self._parts if kept[0] <= self._at and end <= kept[0] + len(kept[1])), (-1, b"")
        )
        if start < 0:
            # Members are read in small steps; one request gets those that follow.
            last = min(self._size, max(end, self._at + TAIL_BYTES)) - 1
            start, part = self._at, self._fetch(self._at, last)[0]
            self._parts.append((start, part))
        found = part[self._at - start : end - start]
        self._at = end
        return found
