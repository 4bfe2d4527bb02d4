"""What the controls say of a scan, in words."""

from __future__ import annotations

from collections.abc import Sequence

from matrixscan.analysis.controls import ADVICE, Doubt, Lane

TITLE = "Controls"

_MOST = 12


def control_lines(doubts: Sequence[Doubt], controlled: Sequence[str], uncontrolled: Sequence[str]) -> list[str]:
    """Return a line about all combinations, and one for each that is quarantined.

    Args:
        doubts: Why environments are quarantined.
        controlled: Combinations whose controls came out as they had to.
        uncontrolled: Combinations in which no control was run.
    """
    lines = []
    if controlled:
        words = "a model known to convert was found good, and the same with one constant altered was found wrong"
        lines.append(f"In {_count(controlled)} {words}.")
    if uncontrolled:
        where = _count(uncontrolled) if controlled or doubts else "any combination"
        lines.append(f"No control was run in {where}: nothing shows that a wrong artifact would be found there.")
    return lines + [f"Quarantined: {doubt_line(doubt)}; {ADVICE}." for doubt in doubts]


def doubt_line(doubt: Doubt) -> str:
    """Return which environment is quarantined and why."""
    lanes = ", ".join(_lane(lane) for lane in doubt.lanes[:_MOST])
    more = f" and {len(doubt.lanes) - _MOST} more" if len(doubt.lanes) > _MOST else ""
    return f"{doubt.id}{f' ({lanes}{more})' if lanes else ''}: {doubt.words}"


def _lane(lane: Lane) -> str:
    exporter, opset, precision, runner = lane
    return " ".join(filter(None, (exporter, str(opset or ""), precision, runner)))


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} combination{'s' if len(names) > 1 else ''}"
