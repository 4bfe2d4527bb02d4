"""verdicts.json: what `matrixscan check` looks pins up in."""

from __future__ import annotations

from matrixscan.analysis.known_pins_index import encode_index
from matrixscan.analysis.known_pins_made import index_of_view
from matrixscan.analysis.view import ScanView

NAME = "verdicts"
SUFFIX = ".json"


def render(view: ScanView) -> str:
    """Return the index of an ordinary scan."""
    return encode_index(index_of_view(view))
