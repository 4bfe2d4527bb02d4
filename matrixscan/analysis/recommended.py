"""What is published as a recommendation: certified combinations, for whom, why, and until when.

The structs are the layout of recommended.json; its schema is derived from them.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from matrixscan.analysis.certification import Certification, Disagreement
from matrixscan.analysis.confidence import Neighbours, confidence, reasons
from matrixscan.analysis.judge import GOOD, UNKNOWN
from matrixscan.analysis.landscape import ALL, Landscape, Scope, Standing
from matrixscan.analysis.ranking import Ranking, Surroundings, Terms, figures_of, minors, rank
from matrixscan.analysis.recommend import newest_first
from matrixscan.matrix.types import Recommend
from matrixscan.records.types import Record

#: Of recommended.json.
SCHEMA_VERSION = 2


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of a published document."""


class Combination(Published, frozen=True):
    """One certified combination. A key of `good_for` and `not_known_good_for` is probe/variant."""

    id: str
    python: str
    axes: dict[str, str]
    pins: dict[str, str]  # of package axes, without local version labels
    good_for: tuple[str, ...]
    not_known_good_for: dict[str, str]  # with the verdict
    complete: bool  # good for everything that decides; only then there are files
    confidence: str  # high, medium or low
    reasons: tuple[str, ...]
    smallest_margin: float | None  # tolerance / error at the worst element of both measurements; None: no difference
    neighbours: Neighbours
    released: dict[str, dt.date]  # axis -> day of the release, as far as known
    evidence: str  # of the scan: joint or factored
    measured: dt.date
    certified: dt.date
    certifications: int
    expires: dt.date  # stale after this day
    platform: str
    torch_index: str
    lock_sha256: str  # of certified/<id>.txt, from which it was rebuilt
    files: dict[str, str]  # lock and constraints
    disagreements: tuple[Disagreement, ...]


class Audience(Published, frozen=True):
    """Who is answered: all, or users of one Python; `scope` is `all` or a probe/variant."""

    order: str
    scope: str
    python: str | None
    combinations: tuple[str, ...]  # certified ones, the best first
    waiting: tuple[str, ...]  # good in the scan and better by this order, and not certified


class Refused(Published, frozen=True):
    """One combination that was to be certified, and is not."""

    id: str
    tried: dt.date
    reasons: tuple[str, ...]
    disagreements: tuple[Disagreement, ...]


class Recommended(Published, frozen=True):
    """Everything that can be recommended from one matrix."""

    schema_version: int
    matrix: str
    combinations: tuple[Combination, ...]  # newest first
    audiences: tuple[Audience, ...]
    not_certified: tuple[Refused, ...]
    warnings: tuple[str, ...]


class Proof(msgspec.Struct, frozen=True):
    """What is stored about certifications of one combination: the last record, and what they amount to."""

    certification: Certification
    record: Record
    again: Standing  # the last record, judged


def recommended(
    landscape: Landscape,
    proofs: Sequence[Proof],
    settings: Recommend,
    released: Mapping[str, Mapping[str, dt.date]],
    warnings: Iterable[str] = (),
) -> Recommended | None:
    """Return what is to be published; None where nothing was ever certified, or tried.

    Args:
        landscape: the scan.
        proofs: what is stored about certifications.
        settings: `[recommend]` of the matrix.
        released: package -> version -> day.
        warnings: of the scan.
    """
    if not proofs:
        return None
    good = {proof.certification.id: proof for proof in proofs if proof.certification.certified}
    standings = tuple(
        _confirmed(standing, good[standing.id]) if standing.id in good else standing for standing in landscape.standings
    )
    whole = msgspec.structs.replace(landscape, standings=standings)
    terms = Terms(
        # Day by day the same text from the same facts: the last of them is today.
        today=max(map(_day, proofs)),
        order=settings.order,
        min_age=settings.min_age,
        expires=settings.expires,
        released={name: dict(days) for name, days in released.items()},
        certified={name: _day(proof) for name, proof in good.items()},
    )
    certified = [standing for standing in standings if standing.id in good]
    combinations = [_combination(standing, good[standing.id], whole, terms) for standing in certified]
    order = {standing.id: at for at, standing in enumerate(newest_first(certified))}
    return Recommended(
        schema_version=SCHEMA_VERSION,
        matrix=landscape.matrix,
        combinations=tuple(sorted(combinations, key=lambda each: order[each.id])),
        audiences=audiences(whole, terms, settings.count),
        not_certified=tuple(_refused(proof) for proof in proofs if proof.certification.id not in good),
        warnings=tuple(warnings),
    )


def audiences(landscape: Landscape, terms: Terms, count: int) -> tuple[Audience, ...]:
    """Return who is recommended what: everybody, and the users of each Python, for everything and each part of it."""
    found = []
    for scope in landscape.scopes():
        for python in asked_pythons(landscape):
            ranking = rank(landscape, scope, msgspec.structs.replace(terms, python=python))
            found.append(_audience(ranking, terms, python, count))
    return tuple(found)


def asked_pythons(landscape: Landscape) -> tuple[str | None, ...]:
    """Return None for everybody, and the Python minors of a matrix that has several."""
    found = minors(landscape)
    return (None, *(found if len(found) > 1 else ()))


def _audience(ranking: Ranking, terms: Terms, python: str | None, count: int) -> Audience:
    names = [each.standing.id for each in ranking.candidates]
    certified = [name for name in names if name in terms.certified][:count]
    before = names.index(certified[0]) if certified else len(names)
    return Audience(
        order=terms.order,
        scope=ranking.scope.name,
        python=python,
        combinations=tuple(certified),
        waiting=tuple(names[:before][:count]),
    )


def _confirmed(scan: Standing, proof: Proof) -> Standing:
    """Return what both measurements say: good is what both call so, and of margins the smaller one counts."""
    again = proof.again

    def verdict(key: str) -> str:
        if key in proof.certification.certified:
            return GOOD
        found = next((each for each in (scan, again) if each.verdicts.get(key, UNKNOWN) != GOOD), None)
        # What both call good may still be refused because of an earlier certification.
        return UNKNOWN if found is None else found.verdicts.get(key, UNKNOWN)

    return msgspec.structs.replace(
        scan,
        pins=again.pins,
        verdicts={key: verdict(key) for key in scan.verdicts},
        margins={key: min(value, scan.margins.get(key, math.inf)) for key, value in again.margins.items()},
        platform=again.platform,
        controlled=again.controlled,
    )


def _combination(standing: Standing, proof: Proof, landscape: Landscape, terms: Terms) -> Combination:
    good = tuple(key for key in landscape.keys if standing.verdicts.get(key) == GOOD)
    complete = set(landscape.deciding) <= set(good)
    scope = Scope(ALL, landscape.deciding if complete else good)
    figures = figures_of(standing, scope, Surroundings(landscape, scope).of(standing), terms)
    found = reasons(msgspec.structs.replace(figures, today=_day(proof)))
    lock = proof.record.lock
    names = {"lock": f"lock-{standing.id}.txt", "constraints": f"constraints-{standing.id}.txt"}
    margin = figures.margin
    return Combination(
        id=standing.id,
        python=proof.record.resolved.get("python") or standing.axes.get("python", ""),
        axes=standing.axes,
        pins=standing.pins,
        good_for=good,
        not_known_good_for={key: standing.verdicts.get(key, UNKNOWN) for key in landscape.keys if key not in good},
        complete=complete,
        confidence=confidence(found),
        reasons=tuple(reason.words for reason in found),
        smallest_margin=None if margin is None or math.isinf(margin) else margin,
        neighbours=figures.neighbours,
        released=figures.released,
        evidence=standing.evidence,
        measured=figures.measured or _day(proof),
        certified=_day(proof),
        certifications=proof.certification.times,
        expires=_day(proof) + dt.timedelta(days=terms.expires),
        platform=standing.platform,
        torch_index=lock.torch_index if lock else "",
        lock_sha256=lock.sha256 if lock else "",
        files=names if complete else {},
        disagreements=proof.certification.disagreements,
    )


def _refused(proof: Proof) -> Refused:
    found = proof.certification
    return Refused(found.id, _day(proof), found.reasons, found.disagreements)


def _day(proof: Proof) -> dt.date:
    return dt.date.fromisoformat(proof.certification.finished[:10])
