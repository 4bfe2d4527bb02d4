"""What a user pinned, as frozen values."""

from __future__ import annotations

import msgspec


class Place(msgspec.Struct, frozen=True):
    """Where something stands. `line` counts from 1; 0 where lines mean nothing."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Pins(msgspec.Struct, frozen=True):
    """Versions by canonical name. A name that is in neither table is not mentioned at all.

    With `complete`, what is not mentioned is not installed either: a lock, or an environment. Without, it may come as
    a dependency of something else, at any version.
    """

    source: str
    kind: str  # one of KINDS
    python: str | None  # as known from the source or said by the user; None: not known
    versions: dict[str, str] = {}  # exact; local labels are kept
    loose: dict[str, str] = {}  # what is said of a package that is not pinned exactly, in words
    places: dict[str, Place] = {}
    complete: bool = False
    requires_python: str = ""
    by_python: bool = False  # which Python it is decides what is meant; read again with one
    notes: tuple[str, ...] = ()


#: What pins can be kept in.
KINDS = ("requirements", "pyproject", "pylock", "uv-lock", "poetry-lock", "environment")
