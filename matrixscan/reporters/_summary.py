"""What a scan prints at its end: the table, the combinations that may become pins, and where the files are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from matrixscan.analysis.judge import GOOD
from matrixscan.analysis.recommend import JOINT, newest_first, pins
from matrixscan.analysis.view import CellView, ScanView
from matrixscan.reporters._controls import doubt_line
from matrixscan.reporters.table_txt import tables

CERTIFY = "`nox -s certify` makes candidates recommendations: it rebuilds them from their locks and runs them again"

_HEAD = "Candidates (good here; newest first)"


def render_summary(view: ScanView, folder: str, cost: str, certified: Mapping[str, dt.date]) -> str:
    """Return the end of a scan as plain text.

    Args:
        view: The selected part of the scan.
        folder: Where the reports are.
        cost: What the scan took.
        certified: Combinations that are, and the day after which each is stale.
    """
    lines = ["", *tables(view), _HEAD, "-" * len(_HEAD)]
    shown = False
    for subject in view.subjects:
        if subject.judged:
            found = candidates(view, subject.key)
            shown |= bool(found)
            lines.append(f"{subject.key}:" if found else f"{subject.key}: none")
            lines += [_line(cell, certified) for cell in found]
    lines += [CERTIFY + "."] if shown else []
    lines += ["", "Quarantined", "-----------", *map(doubt_line, view.quarantine)] if view.quarantine else []
    return "\n".join([*lines, "", f"Reports, records and locks: {folder}/", cost, ""])


def candidates(view: ScanView, key: str) -> list[CellView]:
    """Return the combinations that are good for a probe/variant, newest first."""
    return newest_first(cell for cell in view.cells if cell.findings[key].verdict == GOOD)


def _line(cell: CellView, certified: Mapping[str, dt.date]) -> str:
    python = cell.resolved.get("python") or cell.axes.get("python", "")
    words = " ".join(f"{name}=={version}" for name, version in pins(cell).items())
    apart = "" if cell.evidence == JOINT else "  (export and run apart)"
    until = f"  (certified, stale after {certified[cell.id]})" if cell.id in certified else ""
    return f"  python {python}  {words}{apart}{until}"
