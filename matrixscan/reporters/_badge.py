"""badge.json: what is recommended to everybody, for a badge (the layout of shields' endpoint badges)."""

from __future__ import annotations

import json

from matrixscan.analysis.confidence import HIGH, LOW, MEDIUM
from matrixscan.analysis.landscape import ALL
from matrixscan.analysis.recommended import Combination, Recommended

_COLORS = {HIGH: "brightgreen", MEDIUM: "green", LOW: "yellow"}
_NOTHING = "lightgrey"
_SCHEMA = 1


def render(found: Recommended) -> str:
    """Return the badge as JSON."""
    best = _best(found)
    badge = {
        "schemaVersion": _SCHEMA,
        "label": f"matrixscan {found.matrix}",
        "message": "nothing certified" if best is None else _message(best),
        "color": _NOTHING if best is None else _COLORS[best.confidence],
    }
    return json.dumps(badge, indent=2, ensure_ascii=False) + "\n"


def _best(found: Recommended) -> Combination | None:
    """Return what is recommended to everybody for everything that decides."""
    names = next(
        (
            each.combinations
            for each in found.audiences
            if each.scope == ALL and each.python is None and each.combinations
        ),
        (),
    )
    return next((each for each in found.combinations if each.id in names[:1]), None)


def _message(best: Combination) -> str:
    return ", ".join(f"{name} {version}" for name, version in best.pins.items()) + f" until {best.expires}"
