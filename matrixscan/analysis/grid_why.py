"""Why the models of a wide scan fail: everything that fails alike, whose fault it is, and what works instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import msgspec
import numpy as np

from matrixscan.analysis.blame import UNKNOWN, Blame
from matrixscan.analysis.cause_match import Cause
from matrixscan.analysis.causes import Match, causes_of
from matrixscan.analysis.flips import RUN_AXES, Flip
from matrixscan.analysis.grid import ENVIRONMENT, OK, CaseKey, Grid, version_order
from matrixscan.analysis.grid_evidence import GridExperience
from matrixscan.analysis.grid_verdicts import judge_grid
from matrixscan.analysis.judge import GOOD
from matrixscan.records.diagnosis import Diagnosis

_Spot = tuple[int, int]  # row and column


class Works(msgspec.Struct, frozen=True):
    """What works instead, and in how many of the failing combinations it was seen to."""

    text: str
    count: int
    of: int


class CauseThere(msgspec.Struct, frozen=True):
    """A known cause, and in how many of the failing combinations it fits."""

    match: Match
    count: int
    of: int


class GridWhy(msgspec.Struct, frozen=True):
    """One way in which a (probe, variant) fails in some combinations."""

    probe: str
    variant: str
    exporter: str
    opsets: tuple[int, ...]
    word: str  # stage: reason
    rows: tuple[int, ...]  # combinations of the grid
    of: int  # combinations in which these lanes were measured
    blame: Blame  # of the case that says most
    diagnosis: Diagnosis | None
    causes: tuple[CauseThere, ...]  # those of the case that says most, what fits most combinations first
    works: tuple[Works, ...]


def grid_whys(experience: GridExperience, judged: Collection[str], causes: Sequence[Cause] = ()) -> tuple[GridWhy, ...]:
    """Return every way in which the judged probes fail, what fails in most combinations first."""
    grid = experience.grid
    bad = np.isin(grid.codes, sorted(_bad_codes(experience)))
    ways: dict[tuple[object, ...], list[_Spot]] = {}
    blames: dict[_Spot, Blame] = {}
    for column, case in enumerate(grid.cases):
        if case.probe in judged and case != ENVIRONMENT and case.runner not in grid.witnesses:
            for row in map(int, np.flatnonzero(bad[:, column])):
                found = blames[row, column] = experience.blame(row, column)
                word = grid.words[grid.codes[row, column]]
                ways.setdefault((*case[:3], case.precision, word, found.whose, found.rule), []).append((row, column))
    made = (_why(experience, spots, blames, causes) for spots in ways.values())
    return tuple(sorted(made, key=lambda why: (why.probe, why.variant, -len(why.rows), why.exporter, why.word)))


def with_blame(flips: Iterable[Flip], experience: GridExperience) -> list[Flip]:
    """Return flips that say on each side where something is wrong whose fault it is."""
    return [msgspec.structs.replace(flip, whose=_whose(flip, experience)) for flip in flips]


def _whose(flip: Flip, experience: GridExperience) -> dict[str, str]:
    sides = (("before", flip.from_, flip.before), ("after", flip.to, flip.after))
    found = {side: experience.blame_at(flip, version) for side, version, word in sides if word != "ok"}
    return {side: each.whose for side, each in found.items() if each is not None}


def _bad_codes(experience: GridExperience) -> set[int]:
    return {code for code in range(len(experience.grid.words)) if experience.is_bad_code(code)}


def _why(
    experience: GridExperience, spots: Sequence[_Spot], blames: dict[_Spot, Blame], causes: Sequence[Cause]
) -> GridWhy:
    grid = experience.grid
    best = min(spots, key=lambda spot: _says_least(experience, spot, blames[spot]))
    case = grid.cases[best[1]]
    rows = tuple(sorted({row for row, _ in spots}))
    columns = sorted({column for _, column in spots})
    lanes = {grid.cases[column][:6] for column in columns}
    own = [index for index, each in enumerate(grid.cases) if each[:6] in lanes]
    seen = grid.measured()[grid.codes[:, own]].any(axis=1)
    return GridWhy(
        probe=case.probe,
        variant=case.variant,
        exporter=case.exporter,
        opsets=tuple(sorted({grid.cases[column].opset for column in columns})),
        word=grid.words[grid.codes[best]],
        rows=rows,
        of=int(seen.sum()),
        blame=blames[best],
        diagnosis=experience.diagnosis(*best),
        causes=_causes(experience, best, spots, causes),
        works=(*_variants(grid, case, rows), *_lanes(grid, case, lanes, rows), *_runners(experience, spots, rows)),
    )


def _causes(
    experience: GridExperience, best: _Spot, spots: Sequence[_Spot], causes: Sequence[Cause]
) -> tuple[CauseThere, ...]:
    """Return the known causes of one case, with the combinations in which each fits one case of the same lane."""

    def known(row: int, column: int) -> tuple[Match, ...]:
        diagnosis = experience.diagnosis(row, column)
        return causes_of(causes, experience.grid.rows[row], experience.case_of(row, column), diagnosis)

    found = known(*best)
    if not found:
        return ()
    one_each = {**dict(reversed(spots)), best[0]: best[1]}
    fits = Counter(match.cause.id for spot in one_each.items() for match in known(*spot))
    made = [CauseThere(match, fits[match.cause.id], len(one_each)) for match in found]
    return tuple(sorted(made, key=lambda each: -each.count))


def _says_least(experience: GridExperience, spot: _Spot, found: Blame) -> tuple[object, ...]:
    """Sort key: the case with a place comes first, then one with more evidence."""
    diagnosis = experience.diagnosis(*spot)
    return (diagnosis is None or diagnosis.first is None, found.whose == UNKNOWN, -sum(map(len, found.because)), spot)


def _variants(grid: Grid, case: CaseKey, rows: Sequence[int]) -> list[Works]:
    judged = judge_grid(grid)
    found = []
    for column, (probe, variant) in enumerate(judged.subjects):
        if probe == case.probe and variant != case.variant:
            count = int((judged.verdict[list(rows), column] == GOOD).sum())
            found.append(Works(f"variant {variant}", count, len(rows)))
    return [each for each in found if each.count]


def _lanes(grid: Grid, case: CaseKey, own: Collection[tuple[object, ...]], rows: Sequence[int]) -> list[Works]:
    """Return other exporters and opsets that are right at every size."""
    lanes: dict[tuple[object, ...], list[int]] = {}
    for index, each in enumerate(grid.cases):
        if (each.probe, each.variant, each.runner) == (case.probe, case.variant, case.runner) and each[:6] not in own:
            lanes.setdefault(each[:6], []).append(index)
    found = []
    for lane, columns in lanes.items():
        count = int((grid.codes[np.ix_(list(rows), columns)] == OK).all(axis=1).sum())
        precision = "" if lane[4] == case.precision else f" {lane[4]}"
        found.append(Works(f"{lane[2]} {lane[3]}{precision}".replace(" 0", ""), count, len(rows)))
    return [each for each in found if each.count]


def _runners(experience: GridExperience, spots: Sequence[_Spot], rows: Sequence[int]) -> list[Works]:
    """Return the newest adjacent releases of the runner in which the very same files are right, none wrong."""
    grid = experience.grid
    right: dict[str, set[int]] = {}
    wrong: dict[str, set[int]] = {}
    for row, column in spots:
        known = experience.evidence(row, column)
        for table, versions in ((right, known.runners_right), (wrong, known.runners_wrong)):
            for version in versions:
                table.setdefault(version, set()).add(row)
    newest = sorted({*right, *wrong}, key=version_order, reverse=True)
    good = [version in right and version not in wrong for version in newest]
    if True not in good:
        return []
    start = good.index(True)
    end = good.index(False, start) if False in good[start:] else len(good)
    axis = next((name for name in grid.axes if name in RUN_AXES), "the runner")
    count = len(set.intersection(*(right[version] for version in newest[start:end])))
    span = f"{axis} {newest[end - 1]}{'' if end == start + 1 else f' to {newest[start]}'}"
    return [Works(f"{span} with the very same file", count, len(rows))]
