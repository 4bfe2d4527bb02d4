"""flips.json: one JSON array, one flip a line. Not a reporter of a ScanView: it renders the flips of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from matrixscan.analysis.flips import USUAL, Flip

FILE = "flips.json"


def render_flips(flips: Sequence[Flip]) -> str:
    """Return the flips as JSON, in the order in which they come."""
    encode = msgspec.json.Encoder().encode
    return "[\n" + ",\n".join(encode(_plain(flip)).decode() for flip in flips) + "\n]\n" if flips else "[]\n"


def _plain(flip: Flip) -> dict[str, Any]:
    return {key: value for key, value in msgspec.to_builtins(flip).items() if USUAL.get(key) != value}
