"""What every command returns."""

from __future__ import annotations

import msgspec


class Outcome(msgspec.Struct, frozen=True):
    """What a command amounts to: text for people and the exit code."""

    text: str
    exit_code: int
