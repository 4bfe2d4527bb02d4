"""What the user asked for, and the plans that it means."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from matrixscan.commands.outcome import Outcome
from matrixscan.execution.task import Options, Places
from matrixscan.matrix.reader import find_matrix
from matrixscan.plan import load as plan_load
from matrixscan.plan.types import Plans

__all__ = ["Outcome", "Plans", "Request", "load_plans", "measured_places", "new_scan", "places"]


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
    return plan_load.load_plans(
        find_matrix(request.matrix),
        places().reports,
        probes=request.probes,
        exclude=request.exclude,
        cells=request.cells,
        joint=request.joint,
        sample=request.sample,
        seed=request.seed,
    )
