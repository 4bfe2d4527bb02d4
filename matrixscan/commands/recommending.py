"""Ranks the combinations that are good, with reasons: from what is published alone, nothing is run or asked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence

import msgspec

from matrixscan.analysis.landscape import Landscape
from matrixscan.analysis.ranking import CLOSEST, ORDERS, Ranking, Terms, minor, minors, rank
from matrixscan.analysis.recommended import Proof, asked_pythons
from matrixscan.commands.known import proofs, released, scanned
from matrixscan.commands.request import Outcome, Request, load_plans, places
from matrixscan.commands.wide import joint_records
from matrixscan.errors import EXIT_UNEXPECTED, MatrixscanError, NothingSelectedError, UnknownNameError
from matrixscan.plan.types import Plan
from matrixscan.reporters._ranking import render_rankings
from matrixscan.store.reports import Reports

_PYTHON = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?")


class NoPinsError(MatrixscanError):
    """Closest to what?"""

    def __init__(self) -> None:
        super().__init__("--order closest: closest to which pins? name them with --pins FILE")


class NoPythonError(MatrixscanError):
    """The Python that is meant is no version."""

    def __init__(self, text: str) -> None:
        super().__init__(f"--python {text}: write a version such as 3.11")


def recommend(
    request: Request,
    *,
    pins: Mapping[str, str] | None = None,
    python: str | None = None,
    order: str | None = None,
    count: int | None = None,
    today: dt.date | None = None,
) -> Outcome:
    """Say which combinations come first, for whom, and why; exit code 1 where nothing is good.

    Args:
        request: the matrix, and the probes that have to be good together; all that decide where none is named.
        pins: the user's, by normalised name.
        python: only combinations of this minor.
        order: newest, safest or closest; unless said the matrix's, or closest where there are pins.
        count: combinations for each audience; the matrix's unless said.
        today: the day, UTC.

    Raises:
        NothingSelectedError: nothing was scanned, or nothing on that Python.
        NoPinsError: closest without pins.
        NoPythonError: `python` is no version.
        UnknownNameError: a probe does not decide, or there is no such order.
    """
    if python is not None and not _PYTHON.fullmatch(python):
        raise NoPythonError(python)
    plans = load_plans(Request(request.matrix))
    plan = plans.full
    scan = scanned(plan, joint_records(plans, Reports(places().reports, plan.matrix.name)))
    found = proofs(plan, scan)
    if order is not None and order not in ORDERS:
        raise UnknownNameError("order", order, ORDERS)
    order = order or (CLOSEST if pins else plan.matrix.recommend.order)
    if order == CLOSEST and not pins:
        raise NoPinsError
    terms = msgspec.structs.replace(terms_of(plan, found, today), order=order, pins=dict(pins or {}))
    landscape = scan.landscape
    _check_python(python, landscape)
    scopes = (landscape.scope_of(request.probes),) if request.probes else landscape.scopes()
    pythons = (python,) if python or order == CLOSEST else asked_pythons(landscape)
    rankings: list[tuple[str | None, Ranking]] = [
        (asked, rank(landscape, scope, msgspec.structs.replace(terms, python=asked)))
        for scope in scopes
        for asked in pythons
    ]
    text = render_rankings(landscape, rankings, found, terms, count or plan.matrix.recommend.count)
    anything = any(ranking.candidates for _, ranking in rankings)
    return Outcome(text, 0 if anything else EXIT_UNEXPECTED)


def _check_python(python: str | None, landscape: Landscape) -> None:
    known = minors(landscape)
    if python is not None and minor(python) not in known:
        raise NothingSelectedError(f"not scanned on {python}", f"scanned: {', '.join(known)}")


def terms_of(plan: Plan, found: Sequence[Proof], today: dt.date | None = None) -> Terms:
    """Return by what the combinations of a plan are ranked today."""
    settings = plan.matrix.recommend
    return Terms(
        today=today or dt.datetime.now(dt.UTC).date(),
        order=settings.order,
        min_age=settings.min_age,
        expires=settings.expires,
        released=released(plan),
        certified={
            proof.certification.id: dt.date.fromisoformat(proof.certification.finished[:10])
            for proof in found
            if proof.certification.certified
        },
    )


def read_user_pins(path: str) -> dict[str, str]:
    """Return the versions that a user pinned, by normalised name, and `python` where the source says which.

    Raises:
        PinsFileError: it cannot be read.
    """
    from matrixscan.pins.read import read_pins  # noqa: PLC0415  without --pins nothing of it is needed

    pins = read_pins(path)
    return pins.versions | ({"python": pins.python} if pins.python else {})
