"""What one published matrix holds, seen from a user's pins: how far each combination is, and what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import msgspec

from matrixscan.analysis.known_pins_cautions import withheld
from matrixscan.analysis.known_pins_index import Index
from matrixscan.analysis.known_pins_match import PYTHON, Distances, is_match
from matrixscan.analysis.known_pins_types import BAD, GOOD, JOINT, UNKNOWN, Tested
from matrixscan.matrix.ids import combination_id
from matrixscan.pins.types import Pins

#: Reads the pins again as they are for one Python.
Reread = Callable[[str], Pins]


class Row(NamedTuple):
    """One combination as it is seen from the pins of one Python."""

    cost: int
    row: int
    distances: Distances
    pins: Pins


class Asked:
    """One index and what is asked of it.

    Args:
        index: Of a matrix.
        subjects: Whose verdicts count.
        pins: The user's.
        axes: Of all matrices.
        reread: How the pins read for a Python, where they say none.
    """

    def __init__(
        self, index: Index, subjects: Sequence[str], pins: Pins, axes: Sequence[str], reread: Reread | None
    ) -> None:
        self.index, self.subjects = index, tuple(subjects)
        self.rows = tuple(_rows(index, pins, axes, reread))

    @cached_property
    def columns(self) -> dict[str, list[int]]:
        """Places in the index's findings by row, of each subject."""
        return {key: self.index.column(key) for key in self.subjects}

    def verdict(self, row: Row) -> str:
        """Return good, bad or unknown over the subjects."""
        findings = self.index.findings
        found = {findings[column[row.row]].verdict for column in self.columns.values()}
        return BAD if BAD in found else GOOD if found == {GOOD} else UNKNOWN

    def evidence(self, row: Row) -> str:
        """Return joint or factored."""
        return self.index.evidences[self.index.evidence[row.row]]

    def tested(self, row: Row) -> Tested:
        """Return all that is known of a combination."""
        index, place = self.index, row.row
        axes = index.axes_of(place)
        is_exact = is_match(row.cost)
        return Tested(
            matrix=index.matrix,
            combination=combination_id(axes),
            axes=axes,
            evidence=self.evidence(row),
            platform=index.platforms[index.platform[place]].words,
            date=index.dates[index.date[place]],
            verdict=self.verdict(row),
            verdicts={key: index.findings[column[place]] for key, column in self.columns.items()},
            differences=() if is_exact else row.distances.differences(place),
            open=row.distances.open_axes(place),
            withheld=self._withheld(row) if is_exact else "",
        )

    def _withheld(self, row: Row) -> str:
        """Return why a match that was measured as good is not known to be good."""
        if self.evidence(row) != JOINT:
            return "exported in one environment and run in another; never installed together"
        return withheld(row.pins, self.index.packages_of(row.row))


def _rows(index: Index, pins: Pins, axes: Sequence[str], reread: Reread | None) -> Iterable[Row]:
    """Yield every combination with its distance; where the Python is not known, from the pins as its own reads them."""
    if pins.python is not None or PYTHON not in index.axes:
        distances = Distances(index, pins, axes)
        for row in range(len(index.rows)):
            yield Row(distances.cost(row), row, distances, pins)
        return
    position = index.axes.index(PYTHON)
    for place, python in enumerate(index.versions[position]):
        own = reread(python) if reread is not None else msgspec.structs.replace(pins, python=python)
        if not _admitted(own.requires_python, python):
            continue
        distances = Distances(index, own, axes)
        for row, places in enumerate(index.rows):
            if places[position] == place:
                yield Row(distances.cost(row), row, distances, own)


def _admitted(requires: str, python: str) -> bool:
    from matrixscan.pins.markers import Setting  # noqa: PLC0415  most pins say nothing of it

    return not requires or Setting(python).admits(requires) is not False
