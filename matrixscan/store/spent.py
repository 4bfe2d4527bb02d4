"""How long environments took when they were measured here."""

from __future__ import annotations

from pathlib import Path

from matrixscan.store.work import CellWork


def seconds_spent(work: Path, matrix: str) -> dict[str, float]:
    """Return seconds by the id of every combination or side whose record is complete."""
    found = {}
    for folder in sorted((work / matrix).glob("*/done.json")):
        done = CellWork(work, matrix, folder.parent.name).done()
        if done is not None and done.seconds:
            found[folder.parent.name] = done.seconds
    return found
