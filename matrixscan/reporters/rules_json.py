"""rules.json: what tells good from bad combinations, for programs."""

from __future__ import annotations

from matrixscan.analysis.rules_file import rules_text
from matrixscan.analysis.rules_view import rulebook_of_view
from matrixscan.analysis.view import ScanView

NAME = "rules"
SUFFIX = ".json"


def render(view: ScanView) -> str:
    """Return the rules of a scan as JSON."""
    return rules_text(rulebook_of_view(view), view.matrix)
