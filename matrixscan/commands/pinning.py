"""Writes the pins of a certified combination as an installer reads them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from packaging.pylock import is_valid_pylock_path
from packaging.utils import canonicalize_name

from matrixscan.analysis.recommended import Combination, Proof
from matrixscan.commands.publishing import recommendations
from matrixscan.commands.request import Outcome, Request, load_plans, places
from matrixscan.commands.wide import joint_records
from matrixscan.environment.lock import LockFile
from matrixscan.errors import EXIT_INFRASTRUCTURE, MatrixscanError, UnknownNameError
from matrixscan.reporters._constraints import render_constraints, render_lock, render_pyproject
from matrixscan.store.certified import Certified
from matrixscan.store.files import write_atomically
from matrixscan.store.reports import Reports


class NotCertifiedError(MatrixscanError):
    """Only certified combinations become pins."""

    def __init__(self, cell: str, matrix: str, why: str) -> None:
        super().__init__(f"{cell} is not certified{why}; do that first: matrixscan certify {matrix} --cell {cell}")


class PartlyGoodError(MatrixscanError):
    """The combination is certified for a part of what decides."""

    def __init__(self, cell: str, good: tuple[str, ...]) -> None:
        names = ", ".join(good)
        super().__init__(f"{cell} is certified for {names} alone; say so with --probe if that is all you need")


class NotOfferedError(MatrixscanError):
    """The user's index does not have what was measured."""

    exit_code = EXIT_INFRASTRUCTURE

    def __init__(self, package: str, version: str, torch_index: str) -> None:
        cpu = package == "torch" and torch_index == "cpu"
        hint = (
            "it was taken from torch's index of CPU builds: name that in UV_INDEX"
            if cpu
            else "name another in UV_INDEX"
        )
        super().__init__(
            f"no index that uv asks has a file of {package} {version} with a hash of the lock; {hint}, or use --format "
            f"requirements, which names no index"
        )


class OutFileError(MatrixscanError):
    """The file of --out cannot be written, or installers would not read it."""

    def __init__(self, out: str, why: str) -> None:
        super().__init__(f"--out {out}: {why}")


def pin(request: Request, kind: str, out: str | None) -> Outcome:
    """Write the pins of a certified combination, or return them as the text.

    Args:
        request: the matrix; `cells`: the combination; `probes`: what it has to be good for, all unless said.
        kind: requirements, constraints, pyproject or pylock.
        out: the file; `-` prints. Unless said, a pylock goes to a file of a name that PEP 751 allows, and all else is
            printed.

    Raises:
        OutFileError: the file cannot be written, or has a name that PEP 751 does not allow of a pylock.
        UnknownNameError: no such format, combination or probe.
        NotCertifiedError: it is not certified.
        PartlyGoodError: it is certified for a part of what decides, and no probe was named.
        NotOfferedError: the index does not have the files of the lock.
    """
    if kind not in _FORMATS:
        raise UnknownNameError("format", kind, _FORMATS)
    (cell,) = request.cells
    if kind == "pylock" and out is None:
        from matrixscan.reporters._pylock import pylock_name  # noqa: PLC0415  see _pylock

        out = pylock_name(cell)
    out = None if out == "-" else out
    if out is not None:
        _check_out(out, kind)
    combination, proof, lock = _certified(request, cell)
    text = _FORMATS[kind](combination, proof, lock, None if out is None else Path(out).name)
    if out is None:
        return Outcome(text, 0)
    write_atomically(Path(out), text.encode())
    return Outcome(f"wrote {out}: {len(lock.packages)} packages, stale after {combination.expires}\n", 0)


def _check_out(out: str, kind: str) -> None:
    path = Path(out)
    if path.is_dir() or out.endswith(("/", os.sep)):
        raise OutFileError(out, "is a folder; name a file in it")
    if not path.parent.is_dir():
        raise OutFileError(out, f"there is no folder {path.parent.as_posix()}; make it first, or name another")
    if kind == "pylock" and not is_valid_pylock_path(path):
        raise OutFileError(out, "installers read a pylock from pylock.toml or pylock.NAME.toml, NAME without a dot")


def _certified(request: Request, cell: str) -> tuple[Combination, Proof, LockFile]:
    plans = load_plans(Request(request.matrix))
    plan = plans.full
    if cell not in {known.id for known in plan.cells}:
        raise UnknownNameError("combination", cell, {known.id for known in plan.cells})
    found, proofs = recommendations(plan, joint_records(plans, Reports(places().reports, plan.matrix.name)))
    combination = next((each for each in found.combinations if each.id == cell), None) if found else None
    if combination is None:
        reasons = [reason for proof in proofs if proof.record.id == cell for reason in proof.certification.reasons]
        raise NotCertifiedError(cell, plan.matrix.name, f" ({'; '.join(reasons)})" if reasons else "")
    _check_good(combination, request)
    proof = next(proof for proof in proofs if proof.record.id == cell)
    text = Certified(places().reports, plan.matrix.name).lock(cell) or ""
    return combination, proof, LockFile(text, "", combination.torch_index)


def _check_good(combination: Combination, request: Request) -> None:
    good = combination.good_for
    if not request.probes and not combination.complete:
        raise PartlyGoodError(combination.id, good)
    for name in request.probes:
        if not any(name in {key, key.partition("/")[0]} for key in good):
            raise UnknownNameError("probe that it is certified for", name, good)


def _requirements(combination: Combination, _proof: Proof, lock: LockFile, file: str | None) -> str:
    return render_lock(combination, lock.text, file)


def _constraints(combination: Combination, _proof: Proof, lock: LockFile, file: str | None) -> str:
    return render_constraints(combination, lock.packages, file)


def _pyproject(combination: Combination, _proof: Proof, lock: LockFile, _file: str | None) -> str:
    return render_pyproject(combination, lock.packages)


def _pylock(combination: Combination, proof: Proof, lock: LockFile, _file: str | None) -> str:
    from matrixscan.catalog.index import Index  # noqa: PLC0415  HTTP takes longer to import than most commands take
    from matrixscan.reporters._pylock import render_pylock  # noqa: PLC0415

    versions = {str(canonicalize_name(name)): version for name, version in lock.packages.items()}
    with Index() as index:
        offers = index.offers(lock.hashes)
    for name, offer in offers.items():
        if offer is None:
            raise NotOfferedError(name, versions[canonicalize_name(name)], lock.torch_index)
    given = {name: offer for name, offer in offers.items() if offer is not None}
    platform = {key: str(value) for key, value in proof.record.platform.items()}
    return render_pylock(combination.python, platform, versions, given)


_FORMATS: dict[str, Callable[[Combination, Proof, LockFile, str | None], str]] = {
    "requirements": _requirements,
    "constraints": _constraints,
    "pyproject": _pyproject,
    "pylock": _pylock,
}
