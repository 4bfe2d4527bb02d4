"""What is known of every combination of a matrix, as far as choosing among them needs it, whatever the scan left."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from matrixscan.analysis.findings import Finding
from matrixscan.analysis.grid_files import Published
from matrixscan.analysis.grid_verdicts import judge_grid
from matrixscan.analysis.judge import BAD, GOOD, UNKNOWN
from matrixscan.analysis.recommend import describe_platform, pins, public
from matrixscan.analysis.view import CellView, ScanView
from matrixscan.errors import UnknownNameError
from matrixscan.plan.ids import combination_id

ALL = "all"


class Standing(msgspec.Struct, frozen=True):
    """One combination. `margins` lack a key where nobody kept them; inf: nothing differs at all."""

    id: str
    axes: dict[str, str]
    pins: dict[str, str]  # resolved, of package axes, without local labels
    evidence: str  # joint or factored
    verdicts: dict[str, str]  # probe/variant -> verdict
    margins: dict[str, float]
    finished: str  # UTC, ISO 8601
    platform: str
    controlled: bool  # its controls came out as they had to


class Scope(msgspec.Struct, frozen=True):
    """What a combination has to be good for."""

    name: str  # `all`, or what a user calls it
    keys: tuple[str, ...]  # probe/variant

    def verdict(self, standing: Standing) -> str:
        """Return good where everything is, bad where anything is, else unknown."""
        found = {standing.verdicts.get(key, UNKNOWN) for key in self.keys}
        return BAD if BAD in found else GOOD if found == {GOOD} else UNKNOWN

    def margin(self, standing: Standing) -> float | None:
        """Return the smallest margin, None where one of them was not kept."""
        known = [standing.margins[key] for key in self.keys if key in standing.margins]
        return min(known) if known and len(known) == len(self.keys) else None


class Landscape(msgspec.Struct, frozen=True):
    """Every combination that was scanned. `deciding`: the probe/variants on which a verdict rests."""

    matrix: str
    deciding: tuple[str, ...]
    keys: tuple[str, ...]  # of probes that decide, with alternatives
    standings: tuple[Standing, ...]

    def scopes(self) -> tuple[Scope, ...]:
        """Return what there is to be good for: everything that decides, and each part of it where there are several."""
        parts = (Scope(key, (key,)) for key in self.deciding)
        return (Scope(ALL, self.deciding), *(parts if len(self.deciding) > 1 else ()))

    def scope_of(self, names: Sequence[str]) -> Scope:
        """Return what is good for all that a user names: probes (their variants that decide) or probe/variants.

        Raises:
            UnknownNameError: there is no such probe or variant among those that decide.
        """
        if not names:
            return self.scopes()[0]
        keys: dict[str, None] = {}
        for name in names:
            found = [key for key in self.deciding if key.partition("/")[0] == name] or [
                key for key in self.keys if key == name
            ]
            if not found:
                raise UnknownNameError("probe that decides", name, {*self.keys, *(k.split("/")[0] for k in self.keys)})
            keys |= dict.fromkeys(found)
        return Scope(", ".join(names), tuple(keys))


def landscape_of_view(view: ScanView, finished: Mapping[str, str]) -> Landscape:
    """Return what a scan says; `finished`: when each combination was measured."""
    judged = [subject for subject in view.subjects if subject.judged]
    keys = tuple(subject.key for subject in judged)
    controlled = set(view.controlled)
    return Landscape(
        matrix=view.matrix,
        deciding=tuple(subject.key for subject in judged if subject.first),
        keys=keys,
        standings=tuple(
            standing_of(cell, keys, finished[cell.id], controlled=cell.id in controlled)
            for cell in view.cells
            if cell.id in finished
        ),
    )


def standing_of(cell: CellView, keys: Iterable[str], finished: str, *, controlled: bool) -> Standing:
    """Return what is known of one measured combination."""
    found = {key: cell.findings[key] for key in keys if key in cell.findings}
    return Standing(
        id=cell.id,
        axes=cell.axes,
        pins=pins(cell),
        evidence=cell.evidence,
        verdicts={key: finding.verdict for key, finding in found.items()},
        margins={key: _margin(finding) for key, finding in found.items() if finding.working_lanes()},
        finished=finished,
        platform=describe_platform(cell.platform),
        controlled=controlled,
    )


def _margin(finding: Finding) -> float:
    return math.inf if finding.smallest_margin is None else finding.smallest_margin


def landscape_of_grid(published: Published, matrix: str, deciding: Sequence[str], judged: Collection[str]) -> Landscape:
    """Return what a scan too wide for records says.

    Args:
        published: its tables.
        matrix: name of the matrix.
        deciding: the probe/variants on which a verdict rests.
        judged: probes that decide.
    """
    grid, found = published.grid, judge_grid(published.grid)
    columns = {"/".join(subject): at for at, subject in enumerate(found.subjects) if subject[0] in judged}
    finished, controlled = str(published.about.get("finished", "")), set(published.controlled)
    standings = []
    for row, (axes, evidence) in enumerate(zip(grid.rows, grid.evidence, strict=True)):
        name = combination_id(axes)
        standings.append(
            Standing(
                id=name,
                axes=axes,
                pins={axis: public(version) for axis, version in axes.items() if axis != "python"},
                evidence=evidence,
                verdicts={key: str(found.verdict[row, at]) for key, at in columns.items()},
                margins={},
                finished=finished,
                platform="",
                controlled=name in controlled,
            )
        )
    return Landscape(matrix, tuple(deciding), tuple(columns), tuple(standings))
