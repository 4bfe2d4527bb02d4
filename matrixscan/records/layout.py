"""JSON for files that are both read by people and committed: indented, but one line a case or trial."""

from __future__ import annotations

import json
from typing import Any

_INLINE = {"cases", "trials"}


def layout(value: Any, depth: int = 0) -> str:
    """Return JSON text without a trailing newline; items of `cases` and `trials` take one line each."""
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict) and value:
        rows = (f"{inner}{_flat(key)}: {_member(key, item, depth + 1)}" for key, item in value.items())
        return "{\n" + ",\n".join(rows) + f"\n{outer}}}"
    if isinstance(value, (list, tuple)) and any(isinstance(item, (dict, list, tuple)) for item in value):
        return "[\n" + ",\n".join(inner + layout(item, depth + 1) for item in value) + f"\n{outer}]"
    return _flat(value)


def _member(key: str, value: Any, depth: int) -> str:
    if key not in _INLINE or not isinstance(value, list):
        return layout(value, depth)
    inner, outer = "  " * (depth + 1), "  " * depth
    return "[\n" + ",\n".join(inner + _flat(item) for item in value) + f"\n{outer}]"


def _flat(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
