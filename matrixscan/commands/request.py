"""What the user asked for, and the plans that it means."""

from __future__ import annotations

import math
import random
import time
from pathlib import Path

import msgspec

from matrixscan.execution.task import Options, Places
from matrixscan.matrix.reader import find_matrix, read_matrix
from matrixscan.plan.expand import make_plan
from matrixscan.plan.types import Plan
from matrixscan.store.reports import Reports


class Request(msgspec.Struct, frozen=True):
    """What the user asked for."""

    matrix: str = "default"
    probes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    options: Options = Options()
    joint: bool = False  # of a factored matrix: everything in one environment, reported beside it
    sample: float = 1.0  # share of the combinations of a joint scan
    seed: int = 0  # which ones


class Outcome(msgspec.Struct, frozen=True):
    """What a scan amounts to: text for people and the exit code."""

    text: str
    exit_code: int


class Plans(msgspec.Struct, frozen=True):
    """Everything the matrix says, and the part of it that was asked for."""

    full: Plan
    selected: Plan


def places() -> Places:
    """Return where reports and work folders of the current project are."""
    return Places(Path.cwd() / "reports", Path.cwd() / ".matrixscan")


def measured_places() -> Places:
    """Return where records go that are too large, or too many, to be published as they are."""
    work = places().work
    return Places(work / "measured", work)


def new_scan() -> str:
    """Return a name for a scan that starts now; report() reads its start from it."""
    return f"{time.time():.3f}"


def load_plans(request: Request) -> Plans:
    """Read the matrix and expand it, whole and as selected. Never touches the network."""
    matrix = read_matrix(find_matrix(request.matrix))
    if request.joint:
        matrix = msgspec.structs.replace(matrix, name=f"{matrix.name}_joint", plan="joint")
    extra = Reports(places().reports, matrix.name).searched() if matrix.strategy == "boundary" else ()
    full = _sampled(make_plan(matrix, extra=extra), request)
    if not (request.probes or request.exclude or request.cells):
        return Plans(full, full)
    selected = make_plan(matrix, only_probes=request.probes, exclude=request.exclude, cells=request.cells, extra=extra)
    return Plans(full, _sampled(selected, request))


def _sampled(plan: Plan, request: Request) -> Plan:
    """Leave a share of the combinations, chosen by the seed: the same ones on every machine."""
    if request.sample >= 1 or request.cells:
        return plan
    names = sorted(cell.id for cell in plan.cells)
    kept = set(random.Random(request.seed).sample(names, math.ceil(request.sample * len(names))))  # noqa: S311  no secret
    return msgspec.structs.replace(plan, cells=tuple(cell for cell in plan.cells if cell.id in kept))
