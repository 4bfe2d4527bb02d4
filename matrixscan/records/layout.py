"""JSON for files that are both read by people and committed: indented, but one line a case or trial."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

_CASES = frozenset({"cases"})


def layout(value: Any, depth: int = 0, *, lines: Collection[str] = _CASES) -> str:
    """Return JSON text without a trailing newline; items of the lists called `lines` take one line each."""
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict) and value:
        rows = (f"{inner}{_flat(key)}: {_member(key, item, depth + 1, lines)}" for key, item in value.items())
        return "{\n" + ",\n".join(rows) + f"\n{outer}}}"
    if isinstance(value, (list, tuple)) and any(isinstance(item, (dict, list, tuple)) for item in value):
        rows = (inner + layout(item, depth + 1, lines=lines) for item in value)
        return "[\n" + ",\n".join(rows) + f"\n{outer}]"
    return _flat(value)


def _member(key: str, value: Any, depth: int, lines: Collection[str]) -> str:
    if key not in lines or not value or not isinstance(value, list):
        return layout(value, depth, lines=lines)
    inner, outer = "  " * (depth + 1), "  " * depth
    return "[\n" + ",\n".join(inner + _flat(item) for item in value) + f"\n{outer}]"


def _flat(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
