"""rules.md: what tells good from bad combinations, for people."""

from __future__ import annotations

from matrixscan.analysis.rules_view import rulebook_of_view
from matrixscan.analysis.view import ScanView
from matrixscan.reporters._rules import render_markdown

NAME = "rules"
SUFFIX = ".md"


def render(view: ScanView) -> str:
    """Return the rules of a scan as Markdown."""
    return render_markdown(rulebook_of_view(view), view.matrix)
