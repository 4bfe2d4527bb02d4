"""Whether a user's pins are known to be good or bad, from what was measured. Nothing is run.

Good is said only of a combination that was installed as one environment and is pinned on every axis. Bad is said of
what was measured in any way. All else is untested, with the nearest that is known.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence

from matrixscan.analysis.known_pins_asked import Asked, Reread, Row
from matrixscan.analysis.known_pins_index import Index
from matrixscan.analysis.known_pins_match import PYTHON, is_match, is_named, known_axes, place_of
from matrixscan.analysis.known_pins_matrix import of_matrix, together
from matrixscan.analysis.known_pins_types import (
    BAD,
    GOOD,
    JOINT,
    KNOWN_BAD,
    KNOWN_GOOD,
    UNTESTED,
    Answer,
    MatrixAnswer,
    Tested,
)
from matrixscan.errors import NothingSelectedError, UnknownNameError
from matrixscan.pins.types import Pins

_NEAREST = 3
#: Of a survey, in which hardly any combination is good for everything: it is asked about probes that are named.
ABOUT_PROBES = "probes"


def answer(
    pins: Pins,
    indexes: Sequence[Index],
    *,
    reread: Reread | None = None,
    probes: Collection[str] = (),
    strict: bool = False,
) -> Answer:
    """Look pins up.

    Args:
        pins: The user's.
        indexes: Of the matrices that are asked.
        reread: How the pins read for a Python, where they say none.
        probes: `probe` or `probe/variant`; those that decide when empty.
        strict: All matrices have to know the pins as good, as when they were named; else one is enough, none knowing
            better.

    Raises:
        UnknownNameError: No matrix has such a probe.
        NothingSelectedError: Nothing in the matrices decides anything.
    """
    axes = known_axes(indexes)
    surveys = [index for index in indexes if index.advises == ABOUT_PROBES and not probes and not strict]
    chosen = [(index, _subjects(index, probes)) for index in indexes if index not in surveys]
    _refuse_unknown(probes, chosen, indexes)
    asked = [Asked(index, subjects, pins, axes, reread) for index, subjects in chosen if subjects]
    if not asked:
        raise NothingSelectedError("no probe of these matrices decides a verdict", "name probes with --probe")
    answers = [of_matrix(each, pins) for each in asked]
    verdict = _overall(answers, strict=strict, probes=bool(probes))
    return Answer(
        verdict=verdict,
        source=pins.source,
        python=pins.python,
        pins=_said(pins, axes),
        matrices=tuple(answers),
        nearest=_nearest(_about(asked, pins, axes)) if verdict == UNTESTED else (),
        nearest_good=_nearest(_about(asked, pins, axes), good=True) if verdict == KNOWN_BAD else (),
        cautions=_cautions(answers),
        notes=(*pins.notes, *(_surveyed(surveys, pins, axes) if verdict == UNTESTED else ())),
    )


def _surveyed(surveys: Iterable[Index], pins: Pins, axes: Sequence[str]) -> Iterable[str]:
    """Yield a note for every survey that has these very pins."""
    for index in surveys:
        if any(is_match(row.cost) for row in Asked(index, (), pins, axes, None).rows):
            yield f"{index.matrix} has these pins, for single models: name one with --probe, or --matrix {index.matrix}"


def _subjects(index: Index, probes: Collection[str]) -> tuple[str, ...]:
    """Return what is asked of an index: what a name means, or what decides."""
    if not probes:
        return tuple(subject.key for subject in index.subjects if subject.decides)
    keys = [subject.key for subject in index.subjects]
    deciding = {subject.key for subject in index.subjects if subject.decides}
    found: list[str] = []
    for name in probes:
        own = [key for key in keys if key == name or key.partition("/")[0] == name]
        # A name alone means what its verdict is made of, where the matrix judges it.
        found += [key for key in own if key in deciding or key == name] or own
    return tuple(dict.fromkeys(found))


def _refuse_unknown(
    probes: Collection[str], chosen: Iterable[tuple[Index, Sequence[str]]], indexes: Sequence[Index]
) -> None:
    found = {key for _, subjects in chosen for key in subjects}
    known = {name for key in found for name in (key, key.partition("/")[0])}
    for name in probes:
        if name not in known:
            keys = (subject.key for index in indexes for subject in index.subjects)
            raise UnknownNameError("probe", name, {part for key in keys for part in (key, key.partition("/")[0])})


def _overall(answers: Sequence[MatrixAnswer], *, strict: bool, probes: bool) -> str:
    """Return one verdict: bad wins over good, and good over a matrix that never tried these pins.

    What was named has to be good by itself: each matrix, each probe.
    """
    found = {each.verdict for each in answers}
    if KNOWN_BAD in found:
        return KNOWN_BAD
    if strict:
        return together(found)
    if any(each.verdict == UNTESTED and each.matches for each in answers):
        return UNTESTED
    if probes:
        subjects: dict[str, set[str]] = {}
        for each in answers:
            for key, verdict in each.subjects.items():
                subjects.setdefault(key, set()).add(verdict)
        return KNOWN_GOOD if all(KNOWN_GOOD in said for said in subjects.values()) else UNTESTED
    return KNOWN_GOOD if KNOWN_GOOD in found else UNTESTED


def _about(asked: Sequence[Asked], pins: Pins, axes: Sequence[str]) -> list[Asked]:
    """Return the matrices with most of what is pinned among their axes, none where nothing is."""
    named = {axis for axis in axes if axis != PYTHON and is_named(pins, axis)}
    shared = [len(named & set(each.index.axes)) for each in asked]
    return [each for each, count in zip(asked, shared, strict=True) if count and count == max(shared)]


def _said(pins: Pins, axes: Sequence[str]) -> dict[str, str]:
    found = {}
    for axis in axes:
        place = place_of(axis, pins)
        words = place.yours or place.said
        if words and axis != PYTHON:
            found[place.name or axis] = words
    return found


def _nearest(asked: Sequence[Asked], *, good: bool = False) -> tuple[Tested, ...]:
    """Return the nearest combinations, newest first among equals; with `good`, of those that are good.

    One that several matrices have comes once for each of them.
    """
    rows = [(each, row) for each in asked for row in each.rows]
    rows = _good(rows) if good else rows
    best = [each.tested(row) for each, row in heapq.nsmallest(_NEAREST * len(asked), rows, key=_order)]
    names = list(dict.fromkeys(tested.combination for tested in best))[:_NEAREST]
    return tuple(tested for name in names for tested in best if tested.combination == name)


def _order(item: tuple[Asked, Row]) -> tuple[int, list[int]]:
    asked, row = item
    return row.cost, [-place for place in asked.index.rows[row.row]]


def _good(rows: Sequence[tuple[Asked, Row]]) -> list[tuple[Asked, Row]]:
    """Return those that were good in one environment, and that no matrix found to be bad."""
    judged = [(each, row, each.verdict(row)) for each, row in rows]
    bad = {_axes(each, row) for each, row, verdict in judged if verdict == BAD}
    return [
        (each, row)
        for each, row, verdict in judged
        if verdict == GOOD and each.evidence(row) == JOINT and _axes(each, row) not in bad
    ]


def _axes(asked: Asked, row: Row) -> frozenset[tuple[str, str]]:
    return frozenset(asked.index.axes_of(row.row).items())


def _cautions(answers: Sequence[MatrixAnswer]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for each in answers for line in each.cautions))
