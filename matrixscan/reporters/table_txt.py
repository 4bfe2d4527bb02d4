"""table.txt: the scan for people, in plain text."""

from __future__ import annotations

from tabulate import tabulate

from matrixscan.analysis.table import Table, drift_lines, finding_lines, models_table, probes_table
from matrixscan.analysis.view import ScanView
from matrixscan.analysis.why import why_lines
from matrixscan.reporters._controls import TITLE, control_lines
from matrixscan.reporters._words import HOW_TO_READ, LEGEND

NAME = "table"
SUFFIX = ".txt"


def render(view: ScanView) -> str:
    """Return the tables and the findings as plain text."""
    lines = [view.matrix, "=" * len(view.matrix), ""]
    if view.description:
        lines += [" ".join(view.description.split()), ""]
    lines += [HOW_TO_READ, ""]
    if view.warnings:
        lines += [*(f"Warning: {_flat(warning)}" for warning in view.warnings), ""]
    lines += tables(view)
    lines += [*(f"  {line}" for line in LEGEND), ""]
    findings = [f"  {_flat(line)}" for line in finding_lines(view)]
    lines += ["Findings", "--------", *(findings or ["  none"])]
    said = [f"  {_flat(line)}" for line in why_lines(view)]
    lines += ["", "Why", "---", *said] if said else []
    drifts = [f"  {_flat(line)}" for line in drift_lines(view)]
    lines += ["", "Drift", "-----", *drifts] if drifts else []
    controls = control_lines(view.quarantine, view.controlled, view.uncontrolled)
    lines += ["", TITLE, "-" * len(TITLE), *(f"  {_flat(line)}" for line in controls)] if controls else []
    return "\n".join(lines) + "\n"


def tables(view: ScanView) -> list[str]:
    """Return the lines of both tables."""
    return [
        *plain_table("Models", models_table(view)),
        *plain_table("Operators and other probes", probes_table(view)),
    ]


def plain_table(title: str, content: Table) -> list[str]:
    """Return the lines of a titled table."""
    head = [title, "-" * len(title)]
    if not content.rows or len(content.headers) == 1:
        return [*head, "  none", ""]
    rows = [[_flat(cell) for cell in row] for row in content.rows]
    # Number parsing would print version 1.10 as 1.1.
    text = tabulate(rows, headers=content.headers, tablefmt="simple", disable_numparse=True)
    return [*head, *(line.rstrip() for line in text.splitlines()), ""]


def _flat(text: str) -> str:
    return " ".join(text.split())
