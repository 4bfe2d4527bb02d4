"""What one worker needs to know, and what it says while it works."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from matrixscan import __version__
from matrixscan.environment.harness import harness_digest
from matrixscan.matrix.types import Matrix, Probe
from matrixscan.plan.types import Case, Cell


class Options(msgspec.Struct, frozen=True):
    """How a scan treats what is already there."""

    fresh: bool = False  # ignore earlier records
    relock: bool = False  # resolve again instead of using the locks in reports/
    keep_env: bool = False
    reclaim: bool = False  # delete downloaded wheels as soon as no environment of this scan needs them
    scan: str = ""  # names this scan, so that its report knows which cells it measured


class Places(msgspec.Struct, frozen=True):
    """Where reports and work folders go."""

    reports: Path
    work: Path


class Task(msgspec.Struct, frozen=True):
    """One cell with everything needed to make its record; picklable."""

    matrix: Matrix
    cell: Cell
    probes: tuple[Probe, ...]
    cases: tuple[Case, ...]  # all that belong in the record
    selected: tuple[Case, ...]  # those to run now
    judged: tuple[str, ...]
    options: Options
    places: Places
    mode: str = "run"  # "once": with exports from the store; the sides of a plan: "export" or "adopt", "execute"
    store: Path | None = None  # artifacts and references

    @property
    def evidence(self) -> str:
        """What the record is evidence of: packages that were together, or one side of them."""
        return "factored" if self.mode in {"export", "adopt", "execute"} else "joint"


class Notice(msgspec.Struct, frozen=True):
    """Something worth a line: which cell, at which stage, what, and seconds since the cell began."""

    cell: str
    stage: str
    text: str
    seconds: float


Listener = Callable[[Notice], None]


def resume_key(task: Task, lock_sha256: str | None) -> str:
    """Return the digest of everything that decides whether results may be used again.

    Probes are not in it: a changed probe invalidates its own cases only (records/events.py).
    """
    matrix = task.matrix
    asked: dict[str, Any] = {
        "matrixscan": __version__,
        "axes": task.cell.axes,
        "requirements": task.cell.requirements,
        "lock": lock_sha256,
        "harness": harness_digest(),
        "tolerances": matrix.tolerances,
        "limits": matrix.limits.of_cases(),
        "index": matrix.index.torch,
        "machine": os.uname().machine if hasattr(os, "uname") else os.name,
        **({} if task.evidence == "joint" else {"mode": task.mode}),
    }
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()[:16]
