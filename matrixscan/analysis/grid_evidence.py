"""What a whole grid knows about one failing case of it: evidence.py for scans that are too wide for records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from matrixscan.analysis.blame import Blame, Evidence, blame
from matrixscan.analysis.evidence import with_diagnosis
from matrixscan.analysis.flips import Flip, side_of
from matrixscan.analysis.grid import ENVIRONMENT, NOT_ASKED, OK, CaseKey, Grid, version_order
from matrixscan.analysis.judge import BAD_OUTCOMES
from matrixscan.analysis.packaging import broken_by
from matrixscan.analysis.recommend import JOINT
from matrixscan.matrix.backends import runners
from matrixscan.records.diagnosis import Diagnosis, DiagnosisRecord
from matrixscan.records.packaging import PackagingRecord
from matrixscan.records.types import CaseRecord, Error

_Versions = frozenset[tuple[str, str]]


def experience_of(
    grid: Grid, records: Iterable[DiagnosisRecord], broken: Iterable[PackagingRecord] = ()
) -> GridExperience:
    """Return a grid with what was found out about its combinations when they were looked into jointly."""
    return GridExperience(
        grid,
        {
            (frozenset(record.axes.items()), _case_key(each.case)): each
            for record in records
            for each in record.diagnoses
            if each.reproduced
        },
        {frozenset(record.axes.items()): record for record in broken},
    )


def _case_key(case: str) -> CaseKey:
    probe, variant, exporter, opset, precision, runner, size = case.split("/", 6)
    return CaseKey(probe, variant, exporter, int(opset.removeprefix("opset")), precision, runner, size)


class GridExperience:
    """A grid, by what its rows and its cases have in common.

    An export side is exported once, so that rows of a factored scan with the same export side ran the very same file.
    """

    def __init__(
        self,
        grid: Grid,
        diagnoses: Mapping[tuple[_Versions, CaseKey], Diagnosis] | None = None,
        broken: Mapping[_Versions, PackagingRecord] | None = None,
    ) -> None:
        """Take a grid and what looking into it showed: by versions and case, and about packages by versions."""
        self.grid = grid
        self._broken = broken or {}
        self._diagnoses = diagnoses or {}
        self._bad = {code for code, outcome in enumerate(grid.outcomes) if outcome in BAD_OUTCOMES}
        self._rows = {frozenset(row.items()): index for index, row in enumerate(grid.rows)}
        self._columns = {case: index for index, case in enumerate(grid.cases)}
        self._places: dict[tuple[object, ...], list[int]] = {}
        for index, case in enumerate(grid.cases):
            if case.runner not in grid.witnesses:
                self._places.setdefault(_place(case), []).append(index)
        self._files = _by(grid, "run", range(len(grid.rows)))
        self._runs = _by(grid, "export", range(len(grid.rows)))

    def is_bad(self, row: int, column: int) -> bool:
        """Return whether a case is proven wrong in a combination."""
        return self.is_bad_code(int(self.grid.codes[row, column]))

    def is_bad_code(self, code: int) -> bool:
        """Return whether a code of the grid proves something wrong."""
        return code in self._bad

    def blame(self, row: int, column: int) -> Blame:
        """Return whose fault a case is that is proven wrong."""
        known = self.evidence(row, column)
        found = self.diagnosis(row, column)
        return blame(known if found is None else with_diagnosis(known, found))

    def diagnosis(self, row: int, column: int) -> Diagnosis | None:
        """Return what looking into this very case of this very combination showed, None where nobody did."""
        return self._diagnoses.get((frozenset(self.grid.rows[row].items()), self.grid.cases[column]))

    def blame_at(self, flip: Flip, version: str) -> Blame | None:
        """Return whose fault it is on one side of a flip; None where the case is right there, or is not in the grid."""
        row = self._rows.get(frozenset({**flip.at, flip.axis: version}.items()))
        column = self._columns.get(flip.case)
        return None if row is None or column is None or not self.is_bad(row, column) else self.blame(row, column)

    def evidence(self, row: int, column: int) -> Evidence:
        """Return what is known about a case that is proven wrong in a combination."""
        told, case = self.case_of(row, column), self.grid.cases[column]
        error = self.grid.texts[self.grid.errors[row, column]]
        plain = NOT_ASKED if self.grid.plain is None else int(self.grid.plain[row, column])
        # The sides of a factored plan have other packages than the whole environment that was examined.
        joint = self.grid.evidence[row] == JOINT
        broken = self._broken.get(frozenset(self.grid.rows[row].items())) if joint else None
        exporter = None if case == ENVIRONMENT else case.exporter
        package = broken_by(broken, told.stage, exporter, told.error)
        if case == ENVIRONMENT:
            return Evidence(told.stage or "", told.outcome, told.reason, error, packaging=package)
        right, wrong = self._runners(row, column)
        here = [self.grid.cases[index] for index in self._places[_place(case)] if self.grid.codes[row, index] == OK]
        same = [other for other in self._runs[_key(self.grid, row, "export")] if self.grid.codes[other, column] == OK]
        return Evidence(
            stage=told.stage or "",
            outcome=told.outcome,
            reason=told.reason,
            error=error,
            exporter=case.exporter,
            opset=case.opset,
            unoptimized=None if plain == NOT_ASKED else plain == 1,
            exporters_right=tuple(sorted({other.exporter for other in here} - {case.exporter})),
            opsets_right=tuple(sorted({other.opset for other in here if other.exporter == case.exporter})),
            torch_right=self._versions("torch", row, same),
            runners_right=right,
            runners_wrong=wrong,
            packaging=package,
        )

    def case_of(self, row: int, column: int) -> CaseRecord:
        """Return a case as a settled record of it would say it, as far as the grid knows."""
        case, code = self.grid.cases[column], self.grid.codes[row, column]
        stage, _, reason = self.grid.words[code].partition(": ")
        outcome, said = self.grid.outcomes[code], self.grid.texts[self.grid.errors[row, column]]
        kind, _, message = said.partition(": ")
        why = reason.removeprefix(outcome).removeprefix(", ")
        return CaseRecord(
            id="/".join([*map(str, case[:3]), f"opset{case.opset}", *case[4:]]),
            **{**case._asdict(), "size": {}},
            stage=stage or None,
            outcome=outcome,
            reason=why or None,
            error=Error(kind, message) if said else None,
        )

    def _runners(self, row: int, column: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the releases of the runner in which the very same file is right, and in which it is wrong."""
        info = runners().get(self.grid.cases[column].runner)
        package = next((name for name in info.packages if name in self.grid.rows[row]), "") if info else ""
        mine = self.grid.rows[row].get(package)
        if mine is None:
            return (), ()
        if self.grid.evidence[row] == JOINT:
            return (), (mine,)
        others = self._files[_key(self.grid, row, "run")]
        right = self._versions(package, row, [other for other in others if self.grid.codes[other, column] == OK])
        wrong = self._versions(package, row, [other for other in others if self.is_bad(other, column)])
        return right, tuple(sorted({mine, *wrong}, key=version_order))

    def _versions(self, package: str, row: int, others: Iterable[int]) -> tuple[str, ...]:
        found = {self.grid.rows[other].get(package) for other in others} - {self.grid.rows[row].get(package), None}
        return tuple(sorted((version for version in found if version is not None), key=version_order))


def _place(case: CaseKey) -> tuple[object, ...]:
    """Return what the same model on the same inputs has in common in every lane."""
    return case.probe, case.variant, case.precision, case.runner, case.size


def _by(grid: Grid, without: str, rows: Sequence[int]) -> dict[tuple[object, ...], list[int]]:
    """Return rows by what they have in common but for the axes of one side."""
    found: dict[tuple[object, ...], list[int]] = {}
    for row in rows:
        found.setdefault(_key(grid, row, without), []).append(row)
    return found


def _key(grid: Grid, row: int, without: str) -> tuple[object, ...]:
    own = sorted(item for item in grid.rows[row].items() if side_of(item[0]) != without)
    return grid.evidence[row] == JOINT, tuple(own)
