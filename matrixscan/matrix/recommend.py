"""`[recommend]`: which combinations are certified, and how long that holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matrixscan.matrix.asked import days
from matrixscan.matrix.layout import RecommendTable
from matrixscan.matrix.problems import Problems, read_table
from matrixscan.matrix.types import Recommend


def read_recommend(raw: Mapping[str, Any], problems: Problems) -> Recommend:
    """Read `[recommend]`; complete only where no problem was added."""
    values = read_table(raw.get("recommend", {}), RecommendTable, "recommend", problems)
    if values.get("count", 1) < 1:
        problems.add("recommend.count", f"must be 1 or more, got {values['count']}")
    before = len(problems)
    for name, key in (("min_age", "min-age"), ("expires", "expires")):
        if name in values:
            values[name] = days(values[name], f"recommend.{key}", problems)
    if values.get("expires") == 0 and len(problems) == before:
        problems.add("recommend.expires", "must be 1 day or more: a recommendation would be stale at once")
    return Recommend(**values)
