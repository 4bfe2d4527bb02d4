"""Verdicts of a whole grid at once, by the rules of judge.py. A case of the grid that was not run counts as skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.grid import ENVIRONMENT, OK, CaseKey, Grid, case_sort_key
from matrixscan.analysis.judge import BAD, BAD_OUTCOMES, GOOD, UNKNOWN
from matrixscan.harness.protocol import STAGES

_Mask = NDArray[np.bool_]


class GridVerdicts(msgspec.Struct, frozen=True, eq=False):
    """Verdicts [row, subject]. `problem` is the column that names the failure, -1 where there is none."""

    subjects: tuple[tuple[str, str], ...]
    verdict: NDArray[np.str_]
    applicable: _Mask  # whether any lane of the subject exists in the combination
    problem: NDArray[np.intp]

    def of(self, subject: tuple[str, str]) -> int:
        """Return the column of a (probe, variant)."""
        return self.subjects.index(subject)


def verdicts(grid: Grid, witnesses: frozenset[str] | None = None) -> NDArray[np.str_]:
    """Return good, bad or unknown [row, subject], subjects as in `grid.subjects()`.

    Args:
        grid: The cases of every combination.
        witnesses: Runners that decide nothing; the grid's own when None.
    """
    return judge_grid(grid, witnesses=witnesses).verdict


def judge_grid(
    grid: Grid, *, witnesses: frozenset[str] | None = None, keep: Callable[[CaseKey], bool] | None = None
) -> GridVerdicts:
    """Judge every subject in every combination; `keep` restricts the cases, for a verdict of one exporter alone."""
    silent = grid.witnesses if witnesses is None else witnesses
    subjects = grid.subjects()
    rows = len(grid.rows)
    verdict = np.full((rows, len(subjects)), UNKNOWN, dtype="<U7")
    applicable = np.ones((rows, len(subjects)), np.bool_)
    problem = np.full((rows, len(subjects)), -1, np.intp)
    columns: dict[tuple[str, str], list[int]] = {}
    for index, case in enumerate(grid.cases):
        if case != ENVIRONMENT and case.runner not in silent and (keep is None or keep(case)):
            columns.setdefault((case.probe, case.variant), []).append(index)
    for position, subject in enumerate(subjects):
        own = columns.get(subject, [])
        if own:
            verdict[:, position], applicable[:, position] = _subject(grid, own)
            problem[:, position] = _first_problem(grid, own)
        else:
            applicable[:, position] = keep is None
    problem[verdict == GOOD] = -1
    _apply_environment(grid, verdict, problem, applicable)
    return GridVerdicts(subjects, verdict, applicable, problem)


def _subject(grid: Grid, columns: Sequence[int]) -> tuple[NDArray[np.str_], _Mask]:
    lanes: dict[tuple[object, ...], list[int]] = {}
    for column in columns:
        lanes.setdefault(grid.cases[column][:6], []).append(column)
    bad = np.zeros(len(grid.rows), np.bool_)
    good, doubt = bad.copy(), bad.copy()
    for lane in lanes.values():
        codes = grid.codes[:, lane]
        lane_bad = _flags(grid, BAD_OUTCOMES)[codes].any(axis=1)
        lane_out = _flags(grid, {"infeasible"})[codes].all(axis=1)
        lane_good = (codes == OK).all(axis=1)
        bad |= lane_bad
        good |= lane_good
        doubt |= ~(lane_bad | lane_out | lane_good)
    return np.where(bad, BAD, np.where(good & ~doubt, GOOD, UNKNOWN)), bad | good | doubt


def _first_problem(grid: Grid, columns: Sequence[int]) -> NDArray[np.intp]:
    """Return the case that names the failure: what is proven first, then by stage, then in case order."""
    ordered = sorted(columns, key=lambda column: case_sort_key(grid.cases[column]))
    ranks = code_ranks(grid)[grid.codes[:, ordered]]
    found: NDArray[np.intp] = np.array(ordered, np.intp)[ranks.argmin(axis=1)]
    return found


def code_ranks(grid: Grid) -> NDArray[np.int32]:
    """Return, for every code, how much it has to say about a failure; the least comes first."""
    ranks = [_rank(word, outcome) for word, outcome in zip(grid.words, grid.outcomes, strict=True)]
    return np.array(ranks, np.int32)


def _rank(word: str, outcome: str) -> int:
    if outcome == "passed":
        return 1000
    blame = 0 if outcome in BAD_OUTCOMES else 2 if outcome == "infeasible" else 1
    stage = word.partition(":")[0]
    return blame * 100 + (STAGES.index(stage) if stage in STAGES else len(STAGES))


def _flags(grid: Grid, outcomes: frozenset[str] | set[str]) -> _Mask:
    return np.array([outcome in outcomes for outcome in grid.outcomes])


def _apply_environment(grid: Grid, verdict: NDArray[np.str_], problem: NDArray[np.intp], applicable: _Mask) -> None:
    """Give every subject the verdict of an environment that could not be used."""
    for row, code in enumerate(grid.codes[:, 0]):
        outcome = grid.outcomes[code]
        if outcome not in {"passed", "not_run"}:
            verdict[row] = BAD if outcome in BAD_OUTCOMES or outcome == "infeasible" else UNKNOWN
            problem[row] = 0
            applicable[row] = True
