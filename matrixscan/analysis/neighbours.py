"""Which older releases a combination is to be compared with: what worked before a release came. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from matrixscan.analysis.grid import axis_names, version_order
from matrixscan.analysis.judge import GOOD
from matrixscan.records.night import Move

Axes = dict[str, str]


class Older(NamedTuple):
    """A combination with older releases; all else is the same."""

    id: str
    moved: tuple[Move, ...]


class Neighbours:
    """The combinations of a matrix, those that were known before and those that are new.

    Args:
        rows: Id -> axes of all of them.
    """

    def __init__(self, rows: Mapping[str, Axes]) -> None:
        self._rows = rows
        self._order = axis_names(rows.values())
        self._older: dict[str, tuple[Older, ...]] = {}

    def older(self, name: str) -> tuple[Older, ...]:
        """Return every combination with older releases of one or more packages, nearest first."""
        if name not in self._older:
            found = (Older(other, moved) for other in self._rows if (moved := self._moved(other, name)))
            self._older[name] = tuple(sorted(found, key=_by_version, reverse=True))
        return self._older[name]

    def that_was_good(self, name: str, before: Iterable[str], verdict: Callable[[str], str]) -> Older | None:
        """Return the nearest older neighbour if it was good and what moved since is a new release; None otherwise.

        Args:
            name: A combination that is bad.
            before: Those of which the same was known before.
            verdict: What is known of a combination; empty where nothing is.
        """
        known = set(before)
        if not known:
            return None
        fresh = self._fresh(name, known)
        singles = []
        for axis in self._order:
            line = [older for older in self.older(name) if [move.axis for move in older.moved] == [axis]]
            begun = any(older.id in known for older in line)
            if axis in fresh or (begun and not self._overtaken(name, axis, known)):
                nearest = next((older for older in line if verdict(older.id)), None)
                singles += [(axis not in fresh, nearest)] if nearest else []
        if singles:
            good = [(rank, older) for rank, older in singles if verdict(older.id) == GOOD]
            return min(good, key=lambda pair: pair[0])[1] if good else None
        others = (older for older in self.older(name) if older.id in known and verdict(older.id))
        nearest = next((older for older in others if fresh & {move.axis for move in older.moved}), None)
        return nearest if nearest is not None and verdict(nearest.id) == GOOD else None

    def _fresh(self, name: str, known: set[str]) -> set[str]:
        """Return the axes on which a combination has a release above all that was known."""
        return {
            axis
            for axis, version in self._rows[name].items()
            if axis != "python"
            and (versions := [self._rows[other][axis] for other in known if axis in self._rows[other]])
            and all(version_order(other) < version_order(version) for other in versions)
        }

    def _overtaken(self, name: str, axis: str, known: set[str]) -> bool:
        """Return whether the same with this release or a newer one was known: then the release is not what is new."""
        own = self._rows[name]
        rest = _without(own, axis)
        return any(
            axis in self._rows[other]
            and version_order(self._rows[other][axis]) >= version_order(own[axis])
            and _without(self._rows[other], axis) == rest
            for other in known
        )

    def _moved(self, old: str, new: str) -> tuple[Move, ...]:
        """Return what is newer in a combination than in another one; nothing where it is not newer alone."""
        before, after = self._rows[old], self._rows[new]
        differ = [axis for axis in self._order if before.get(axis) != after.get(axis)]
        both = [axis for axis in differ if axis in before and axis in after]
        newer = all(version_order(before[axis]) < version_order(after[axis]) for axis in both)
        if "python" in differ or not both or not newer:
            return ()
        return tuple(Move(axis, before.get(axis, "none"), after.get(axis, "none")) for axis in differ)


def _without(axes: Axes, axis: str) -> dict[str, str]:
    return {name: version for name, version in axes.items() if name != axis}


def _by_version(older: Older) -> tuple[object, ...]:
    """Sort key: few moves and high versions are nearest."""
    return -len(older.moved), tuple(version_order(move.old) for move in older.moved)
