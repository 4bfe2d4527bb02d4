"""From a matrix file to its plan, whole and as far as somebody asked for it. Never touches the network."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec

from matrixscan.errors import DamagedFileError, MatrixFileError, NotFactoredError, NothingSelectedError
from matrixscan.matrix.reader import read_matrix
from matrixscan.plan.expand import make_plan
from matrixscan.plan.types import Plan, Plans

#: In the published folder of a matrix: rows that a search for boundaries added to those of the matrix.
SEARCHED = "searched.json"
#: Ends the name under which a factored matrix is measured jointly.
JOINT_SUFFIX = "_joint"


def load_plans(
    matrix_file: Path,
    reports: Path,
    *,
    probes: Sequence[str] = (),
    exclude: Sequence[str] = (),
    cells: Sequence[str] = (),
    joint: bool = False,
    sample: float = 1.0,
    seed: int = 0,
) -> Plans:
    """Read a matrix and expand it.

    Args:
        matrix_file: the TOML file.
        reports: the folder of all published matrices.
        probes: see make_plan's only_probes.
        exclude: see make_plan.
        cells: see make_plan.
        joint: measure a factored matrix with everything in one environment, under a name of its own.
        sample: share of the combinations, rounded up.
        seed: chooses the sample, the same one on every machine.

    Raises:
        NotFactoredError: `joint` or a sample is asked of a matrix that is not factored.
        NothingSelectedError: the filters leave nothing of the sample, or a sample is asked for without `joint`.
    """
    matrix = read_matrix(matrix_file)
    if matrix.plan != "factored" and (joint or sample < 1):
        raise NotFactoredError(matrix.path, "--joint" if joint else "--sample")
    if sample < 1 and not joint:
        raise NothingSelectedError("a sample has reports of its own only where it is measured jointly", "add --joint")
    if joint and matrix.artifact is not None:
        raise MatrixFileError(matrix.path, ["artifact: is only run, so there is no joint plan; leave out --joint"])
    if joint:
        matrix = msgspec.structs.replace(matrix, name=f"{matrix.name}{JOINT_SUFFIX}", plan="joint")
    extra = read_searched(reports / matrix.name) if matrix.strategy == "boundary" else ()
    full = make_plan(matrix, extra=extra)
    if not cells:
        full = _sampled(full, sample, seed)
    if not (probes or exclude or cells):
        return Plans(full, full)
    selected = make_plan(matrix, only_probes=probes, exclude=exclude, cells=cells, extra=extra)
    # Of the very sample that is reported, not another one of what a selection leaves.
    known = {cell.id for cell in full.cells}
    kept = tuple(cell for cell in selected.cells if cell.id in known)
    if not kept:
        raise NothingSelectedError("no combination of the sample is left", "loosen --exclude or raise --sample")
    return Plans(full, msgspec.structs.replace(selected, cells=kept))


def _sampled(plan: Plan, share: float, seed: int) -> Plan:
    if share >= 1:
        return plan
    names = sorted(cell.id for cell in plan.cells)
    count = max(1, math.ceil(share * len(names)))
    kept = set(random.Random(seed).sample(names, count))  # noqa: S311  no secret
    return msgspec.structs.replace(plan, cells=tuple(cell for cell in plan.cells if cell.id in kept))


def read_searched(folder: Path) -> tuple[dict[str, str], ...]:
    """Return the rows that a search for boundaries added.

    Raises:
        DamagedFileError: the file is none of ours.
    """
    path = folder / SEARCHED
    if not path.is_file():
        return ()
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[dict[str, str], ...])
    except msgspec.MsgspecError as error:
        raise DamagedFileError(path, str(error), "delete it; the search begins anew") from None
