"""What pins are called: without local labels, newest first, and where they were measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from packaging.version import InvalidVersion, Version

from matrixscan.analysis.view import CellView

JOINT = "joint"

#: The axes that decide which of two combinations is newer, in this order; then the others by name, then python.
RANKED_AXES = ("torch", "onnxruntime", "onnx")


class Pinned(Protocol):
    """Something with an id and an axis -> version."""

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def axes(self) -> dict[str, str]: ...  # noqa: D102


_Pinned = TypeVar("_Pinned", bound=Pinned)


def newest_first(cells: Iterable[_Pinned]) -> list[_Pinned]:
    """Sort by torch, onnxruntime, onnx, the other axes and python, newest first; equal ones by id."""
    by_id = sorted(cells, key=lambda cell: cell.id)
    axes = ranked_axes(cell.axes for cell in by_id)
    return sorted(by_id, key=lambda cell: age_key(cell.axes, axes), reverse=True)


def ranked_axes(rows: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the axes of some combinations as far as they decide which is newer, the most telling first."""
    others = {axis for row in rows for axis in row} - {*RANKED_AXES, "python"}
    return (*RANKED_AXES, *sorted(others), "python")


def age_key(versions: Mapping[str, str], axes: Iterable[str]) -> tuple[Version, ...]:
    """Return a sort key that is larger for newer combinations; an axis that is absent is older than any release."""
    return tuple(_version(versions.get(axis)) for axis in axes)


def pins(cell: CellView) -> dict[str, str]:
    """Return the resolved version of every package axis, as an index would know it."""
    return {axis: public(cell.resolved.get(axis, version)) for axis, version in cell.axes.items() if axis != "python"}


def public(version: str) -> str:
    """Drop the local label: no index offers `2.4.0+cpu` under that name to everyone."""
    return version.partition("+")[0]


def describe_platform(platform: Mapping[str, Any]) -> str:
    """Return system, machine, C library and processor in one line."""
    system = " ".join(str(platform[key]) for key in ("system", "machine") if platform.get(key))
    rest = [str(platform[key]) for key in ("libc", "cpu") if platform.get(key)]
    return ", ".join(filter(None, [system, *rest])) or "unknown platform"


def _version(text: str | None) -> Version:
    try:
        return Version(text or "0")
    except InvalidVersion:
        return Version("0")
