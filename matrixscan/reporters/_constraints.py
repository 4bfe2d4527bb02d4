"""Constraints of one combination, for `pip install -c`. Not a reporter: it writes one file a combination."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.utils import canonicalize_name

from matrixscan.analysis.judge import GOOD
from matrixscan.analysis.recommend import constraints_name, describe_platform, pins, public, recommend
from matrixscan.analysis.view import CellView, ScanView


def render_constraints(view: ScanView) -> dict[str, str]:
    """Return file name -> constraints of every combination whose verdict is good."""
    chosen = recommend(view).good
    keys = [subject.key for subject in view.subjects if subject.judged]
    return {constraints_name(cell.id): _constraints(cell, keys) for cell in view.cells if cell.id in chosen}


def _constraints(cell: CellView, keys: Sequence[str]) -> str:
    """Return every transitive pin of a cell, below a comment that says what it is good for and what not."""
    packages = cell.packages or pins(cell)
    lines = sorted(f"{canonicalize_name(name)}=={public(version)}" for name, version in packages.items())
    return "\n".join([*(f"# {line}" for line in _header(cell, keys)), *lines]) + "\n"


def _header(cell: CellView, keys: Sequence[str]) -> list[str]:
    good = [key for key in keys if cell.verdicts[key] == GOOD]
    other = [f"{key} ({cell.verdicts[key]})" for key in keys if cell.verdicts[key] != GOOD]
    header = [
        f"{cell.id}: {', '.join(f'{axis} {version}' for axis, version in cell.axes.items())}",
        f"verdict {cell.verdict}, evidence {cell.evidence}",
        f"good for: {', '.join(good)}",
        *([f"NOT known good for: {', '.join(other)}"] if other else []),
        f"measured on: {describe_platform(cell.platform)}",
    ]
    if cell.torch_index:
        header.append(f"torch was taken from the {cell.torch_index} index; local labels such as +cpu are left out")
    if not cell.packages:
        header.append("no lock was recorded: only the axes are pinned")
    return [*header, f"use: pip install -c {constraints_name(cell.id)} ..."]
