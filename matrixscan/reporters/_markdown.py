"""Markdown that no error message can break."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matrixscan.analysis.table import Table

# They start emphasis or code, or end a table cell. A lone `_` inside a word is text.
_SPECIAL = re.compile(r"[\\|`*]|__")


def escape(text: str) -> str:
    """Return text that reads the same in a table cell or a list item."""
    one_line = " ".join(text.split())
    marked = _SPECIAL.sub(lambda match: "".join(f"\\{char}" for char in match.group()), one_line)
    return marked.replace("&", "&amp;").replace("<", "&lt;")


def table(content: Table) -> list[str]:
    """Return the lines of a table."""
    return [_row(content.headers), _row(["---"] * len(content.headers)), *(_row(row) for row in content.rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(escape(cell) for cell in cells)} |"
