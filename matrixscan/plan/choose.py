"""From the rows of a matrix to those that are scanned: what cannot be is left out, then the strategy chooses."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from matrixscan.errors import MatrixFileError
from matrixscan.matrix.companions import companions_of
from matrixscan.matrix.types import Matrix
from matrixscan.plan.coverage import Coverage, coverage
from matrixscan.plan.feasible import check_rows
from matrixscan.plan.ids import combination_id
from matrixscan.plan.reduce import missing_seeds, reduce_rows, strength
from matrixscan.plan.types import Excluded
from matrixscan.plan.wheels import this_platform

Row = dict[str, str]


class Choice(msgspec.Struct, frozen=True):
    """The rows of a matrix, sorted out. Coverage is that of the chosen rows among the feasible ones."""

    chosen: tuple[Row, ...]
    feasible: tuple[Row, ...]
    infeasible: tuple[Excluded, ...]
    coverage: Coverage


def choose(matrix: Matrix) -> Choice:
    """Say which rows of a matrix are scanned; without a lock nothing is known against any.

    Raises:
        MatrixFileError: no row is feasible, or none that a seed means.
        NothingSelectedError: the baseline matches no feasible row.
    """
    feasible, infeasible = _sorted_out(matrix)
    if not feasible:
        words = f"every row is infeasible; the first: {infeasible[0].id}: {infeasible[0].words}"
        raise MatrixFileError(matrix.path, [words])
    missing = missing_seeds(feasible, matrix.reduction)
    if missing:
        raise MatrixFileError(matrix.path, [f"reduction.seeds: no feasible row has {_words(seed)}" for seed in missing])
    chosen = reduce_rows(feasible, matrix.strategy, matrix.reduction)
    return Choice(tuple(chosen), feasible, infeasible, coverage(feasible, chosen, strength(matrix.strategy)))


def _words(seed: Mapping[str, str]) -> str:
    return ", ".join(f"{axis} {version}" for axis, version in seed.items())


def _sorted_out(matrix: Matrix) -> tuple[tuple[Row, ...], tuple[Excluded, ...]]:
    if matrix.catalog is None:
        return matrix.rows, ()
    asked = [(row, companions_of(row, matrix.companions)) for row in matrix.rows]
    found = check_rows(asked, matrix.catalog, this_platform())
    pairs = list(zip(matrix.rows, found, strict=True))
    infeasible = (Excluded(combination_id(row), row, why.rule, why.words) for row, why in pairs if why is not None)
    return tuple(row for row, why in pairs if why is None), tuple(infeasible)
