"""table.md: the scan for people, in Markdown."""

from __future__ import annotations

from urllib.parse import quote

from matrixscan.analysis.table import Table, drift_lines, finding_lines, models_table, pictures, probes_table
from matrixscan.analysis.view import ScanView
from matrixscan.analysis.why import why_lines, why_table
from matrixscan.reporters._controls import TITLE, control_lines
from matrixscan.reporters._markdown import escape, table
from matrixscan.reporters._words import HOW_TO_READ, LEGEND

NAME = "table"
SUFFIX = ".md"

_PICTURES = (
    "Of an image: expected, actual, and where they differ, from black to white. Of a diagnosis: the error of every "
    "torch call in order (curve), and at the first wrong one its errors (histogram) and where they are (values)."
)


def render(view: ScanView) -> str:
    """Return the tables and the findings as Markdown."""
    lines = [f"# {escape(view.matrix)}", ""]
    if view.description:
        lines += [escape(view.description), ""]
    lines += [HOW_TO_READ, ""]
    if view.warnings:
        lines += [*(f"- **Warning:** {escape(warning)}" for warning in view.warnings), ""]
    lines += _section("Models", models_table(view))
    lines += [*(f"- {escape(line)}" for line in LEGEND), ""]
    lines += _section("Operators and other probes", probes_table(view))
    findings = [f"- {escape(line)}" for line in finding_lines(view)]
    lines += ["## Findings", "", *(findings or ["None."])]
    lines += _why(view)
    drifts = [f"- {escape(line)}" for line in drift_lines(view)]
    if drifts:
        lines += ["", "## Drift", "", *drifts]
    controls = control_lines(view.quarantine, view.controlled, view.uncontrolled)
    lines += ["", f"## {TITLE}", "", *(f"- {escape(line)}" for line in controls)] if controls else []
    drawn = [f"- [{escape(shown)}]({quote(file)})" for shown, file in pictures(view)]
    if drawn:
        lines += ["", "## Pictures", "", _PICTURES, "", *drawn]
    return "\n".join(lines) + "\n"


def _why(view: ScanView) -> list[str]:
    said, others = why_lines(view), why_table(view)
    if not said and not others.rows:
        return []
    lines = ["", "## Why", "", *(f"- {escape(line)}" for line in said)]
    if others.rows:
        lines += ["", "Operators and other probes:", "", *table(others)]
    return lines


def _section(title: str, content: Table) -> list[str]:
    body = table(content) if content.rows and len(content.headers) > 1 else ["None."]
    return [f"## {title}", "", *body, ""]
