"""`plan`, `strategy` and `[reduction]`: which rows of a matrix are scanned, and how."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from matrixscan.errors import did_you_mean
from matrixscan.matrix.layout import PlanKind
from matrixscan.matrix.problems import Problems, convert, join, read_table
from matrixscan.matrix.rows import matches, read_row
from matrixscan.matrix.types import Reduction

#: `t-wise:N` stands for any N above 0.
STRATEGIES = ("full", "pairwise", "t-wise:3", "one-at-a-time", "boundary")
STRATEGY_PATTERN = r"^(full|pairwise|t-wise:[1-9][0-9]*|one-at-a-time|boundary)$"


def read_plan(raw: Mapping[str, Any], problems: Problems) -> str:
    """Return the `plan` key."""
    return str(convert(raw.get("plan", "joint"), PlanKind, "plan", problems) or "joint")


def read_strategy(raw: Mapping[str, Any], reduction: Reduction, problems: Problems) -> str:
    """Return the `strategy` key."""
    text = convert(raw.get("strategy", "full"), str, "strategy", problems) or "full"
    if not re.fullmatch(STRATEGY_PATTERN, text):
        problems.add("strategy", f"unknown value {text!r}; {did_you_mean(text, STRATEGIES)}")
    if text == "one-at-a-time" and not reduction.baseline:
        problems.add("reduction.baseline", "one-at-a-time needs the row that others differ from; name its versions")
    return text


def read_reduction(raw: Mapping[str, Any], declared: Collection[str], problems: Problems) -> Reduction:
    """Read `[reduction]`; complete only where no problem was added."""
    values = read_table(raw.get("reduction", {}), Reduction, "reduction", problems)
    if values.get("budget") is not None and values["budget"] < 1:
        problems.add("reduction.budget", f"must be 1 or more, got {values['budget']}")
    if "seeds" in values:
        values["seeds"] = tuple(
            _part(seed, f"reduction.seeds[{at}]", declared, problems) for at, seed in enumerate(values["seeds"])
        )
    if "baseline" in values:
        values["baseline"] = _part(values["baseline"], "reduction.baseline", declared, problems)
    return Reduction(**values)


def _part(table: Mapping[str, str], path: str, declared: Collection[str], problems: Problems) -> dict[str, str]:
    if not table:
        problems.add(path, "is empty; name at least one axis")
    return read_row(table, path, declared, problems).versions


def check_reduction(reduction: Reduction, rows: Sequence[Mapping[str, str]], problems: Problems) -> None:
    """Note seeds and a baseline that no row has."""
    named = [(f"reduction.seeds[{at}]", seed) for at, seed in enumerate(reduction.seeds)]
    for path, part in [*named, ("reduction.baseline", reduction.baseline)]:
        if not any(matches(part, row) for row in rows):
            problems.add(path, f"matches no row of the matrix; {_nearest(part, rows)}")


def _nearest(part: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> str:
    """Say which of its versions no row has, or that no row has them together."""
    for axis, wanted in part.items():
        found = {row[axis] for row in rows if axis in row}
        if not found:
            return f"no row has the axis {axis!r}"
        if not any(matches({axis: wanted}, {axis: one}) for one in found):
            return f"no row has {join('', axis)} {wanted}; {did_you_mean(wanted, found)}"
    return "its versions never meet in one row"
