"""Constraints of one combination, for `pip install -c`. Not a reporter: it writes one file a cell."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from matrixscan.analysis.judge import GOOD
from matrixscan.analysis.recommend import constraints_name, describe_platform, pins, public
from matrixscan.analysis.view import CellView


def render_constraints(cell: CellView) -> str:
    """Return every transitive pin of a cell, below a comment that says what it is good for."""
    packages = cell.packages or pins(cell)
    lines = sorted(f"{canonicalize_name(name)}=={public(version)}" for name, version in packages.items())
    return "\n".join([*(f"# {line}" for line in _header(cell)), *lines]) + "\n"


def _header(cell: CellView) -> list[str]:
    good = [key for key, verdict in cell.verdicts.items() if verdict == GOOD]
    header = [
        f"{cell.id}: {', '.join(f'{axis} {version}' for axis, version in cell.axes.items())}",
        f"verdict {cell.verdict}, evidence {cell.evidence}",
        f"good for: {', '.join(good) if good else 'nothing'}",
        f"measured on: {describe_platform(cell.platform)}",
    ]
    if cell.torch_index:
        header.append(f"torch was taken from the {cell.torch_index} index; local labels such as +cpu are left out")
    if not cell.packages:
        header.append("no lock was recorded: only the axes are pinned")
    return [*header, f"use: pip install -c {constraints_name(cell.id)} ..."]
