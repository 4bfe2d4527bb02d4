"""recommended.json: pins for programs."""

from __future__ import annotations

import json

import msgspec

from matrixscan.analysis.recommend import recommend
from matrixscan.analysis.view import ScanView
from matrixscan.reporters.results_json import rounded

NAME = "recommended"
SUFFIX = ".json"

SCHEMA_VERSION = 1


def render(view: ScanView) -> str:
    """Return the recommendations as JSON."""
    document = {"schema_version": SCHEMA_VERSION, **msgspec.to_builtins(recommend(view))}
    return json.dumps(rounded(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
