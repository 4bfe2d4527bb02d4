"""changes.md: what changed from night to night, newest first."""

from __future__ import annotations

from matrixscan.records.night import Entry, Log
from matrixscan.reporters._changes import headline, sections
from matrixscan.reporters._markdown import escape

FILE = "changes.md"


def render_changes(log: Log) -> str:
    """Return the page of a log."""
    lines = [f"# Changes: {escape(log.matrix)}", "", "What `nightly` found from one night to the next, newest first."]
    for entry in log.entries:
        lines += _entry(entry)
    return "\n".join(lines) + "\n"


def _entry(entry: Entry) -> list[str]:
    lines = ["", f"## {day(entry.finished)}: {headline(entry)}"]
    for section in sections(entry):
        lines += ["", f"### {section.title}", "", *(f"- {escape(line)}" for line in section.lines)]
    return lines


def day(time: str) -> str:
    """Return `2026-11-21 03:10 UTC` for a time in UTC, ISO 8601."""
    return f"{time[:10]} {time[11:16]} UTC"
