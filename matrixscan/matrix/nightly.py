"""Reads `[nightly]`, and durations as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from matrixscan.matrix.layout import NightlyTable
from matrixscan.matrix.problems import Problems, read_table
from matrixscan.matrix.types import Nightly

MAX_CONFIRM = 20
DURATION = r"^[0-9]{1,6}(\.[0-9]+)?[smh]$"
NO_DURATION = "is no time (for example '90s', '45m' or '2h')"

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(text: str) -> float | None:
    """Return the seconds that a duration means (`90s`, `45m`, `2h`); None where it is none."""
    return float(text[:-1]) * _SECONDS[text[-1]] if re.fullmatch(DURATION[1:-1], text) else None


def read_nightly(raw: Mapping[str, Any], problems: Problems) -> Nightly:
    """Read what `nightly` may take."""
    values = read_table(raw.get("nightly", {}), NightlyTable, "nightly", problems)
    if "budget" in values:
        seconds = seconds_of(values["budget"])
        if seconds is None:
            problems.add("nightly.budget", f"{values['budget']!r} {NO_DURATION}")
        values["budget"] = seconds or 0.0
    if not 1 <= values.get("confirm", 1) <= MAX_CONFIRM:
        problems.add("nightly.confirm", f"must be between 1 and {MAX_CONFIRM}, got {values['confirm']}")
    return Nightly(**values)
