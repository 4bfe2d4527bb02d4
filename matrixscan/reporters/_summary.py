"""What a scan prints at its end: the table, the known-good pins, and where the files are."""

from __future__ import annotations

from matrixscan.analysis.judge import GOOD
from matrixscan.analysis.recommend import JOINT, recommend
from matrixscan.analysis.view import ScanView
from matrixscan.reporters._controls import doubt_line
from matrixscan.reporters.table_txt import tables


def render_summary(view: ScanView, folder: str, cost: str) -> str:
    """Return the end of a scan as plain text.

    Args:
        view: The selected part of the scan.
        folder: Where the reports are.
        cost: What the scan took.
    """
    lines = ["", *tables(view), "Known-good pins", "---------------"]
    for key, picks in recommend(view).probes.items():
        lines.append(f"{key}:" if picks.good else f"{key}: none{_apart(view, key)}")
        lines += [
            f"  python {pick.python}  " + " ".join(f"{name}=={version}" for name, version in pick.pins.items())
            for pick in picks.good
        ]
    lines += ["", "Quarantined", "-----------", *map(doubt_line, view.quarantine)] if view.quarantine else []
    return "\n".join([*lines, "", f"Reports, records and locks: {folder}/", cost, ""])


def _apart(view: ScanView, key: str) -> str:
    """Say that combinations are good whose packages were never together; they are no pins yet."""
    good = [cell.id for cell in view.cells if cell.evidence != JOINT and cell.findings[key].verdict == GOOD]
    return f" measured together; {len(good)} good with export and run apart, the last {good[-1]}" if good else ""
