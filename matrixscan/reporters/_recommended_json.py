"""recommended.json: certified pins for programs, and the JSON Schema of that file."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from matrixscan.analysis.recommended import Recommended
from matrixscan.reporters.results_json import rounded


def render(found: Recommended) -> str:
    """Return the recommendations as JSON."""
    return json.dumps(rounded(msgspec.to_builtins(found)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def schema_text() -> str:
    """Return the JSON Schema (draft 2020-12) of recommended.json."""
    derived: dict[str, Any] = msgspec.json.schema(Recommended)
    root = derived["$defs"].pop("Recommended")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "title": "matrixscan recommendations"}
    return json.dumps({**head, "$defs": derived["$defs"]}, indent=2) + "\n"
