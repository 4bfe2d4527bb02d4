"""What one published matrix says of a user's pins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from matrixscan.analysis.known_pins_asked import Asked, Row
from matrixscan.analysis.known_pins_cautions import of_machine, of_packages
from matrixscan.analysis.known_pins_index import Index, version_key
from matrixscan.analysis.known_pins_match import PYTHON, is_match, is_named, is_open
from matrixscan.analysis.known_pins_types import (
    BAD,
    GOOD,
    KNOWN_BAD,
    KNOWN_GOOD,
    MIXED,
    UNKNOWN,
    UNTESTED,
    MatrixAnswer,
    OpenAxis,
    Tested,
)
from matrixscan.pins.types import Pins


def of_matrix(asked: Asked, pins: Pins) -> MatrixAnswer:
    """Look the pins up in one matrix."""
    rows = [row for row in asked.rows if is_match(row.cost)]
    matches = [asked.tested(row) for row in rows]
    open_axes = () if matches else _open_axes(asked)
    subjects = {key: _known(key, matches) for key in asked.subjects}
    verdict = together(subjects.values())
    return MatrixAnswer(
        matrix=asked.index.matrix,
        verdict=verdict,
        why=_why(asked, pins, matches, open_axes) if verdict == UNTESTED else "",
        subjects=subjects,
        matches=tuple(matches),
        open=open_axes,
        cautions=tuple(_matrix_cautions(asked.index, rows, matches, pins)),
    )


def _known(subject: str, matches: Sequence[Tested]) -> str:
    """Return what is known of one subject: bad wins, and good has to be said by every Python that was tested."""
    groups: dict[str, set[str]] = {}
    for match in matches:
        verdict = match.verdicts[subject].verdict
        said = UNKNOWN if verdict == GOOD and match.withheld else verdict
        groups.setdefault(match.axes.get(PYTHON, ""), set()).add(said)
    found = {BAD if BAD in said else GOOD if said == {GOOD} else UNKNOWN for said in groups.values()}
    return {frozenset({BAD}): KNOWN_BAD, frozenset({GOOD}): KNOWN_GOOD}.get(frozenset(found), UNTESTED)


def together(verdicts: Iterable[str]) -> str:
    """Return one verdict of several that all have to be good."""
    found = set(verdicts)
    return KNOWN_BAD if KNOWN_BAD in found else KNOWN_GOOD if found == {KNOWN_GOOD} else UNTESTED


def _open_axes(asked: Asked) -> tuple[OpenAxis, ...]:
    """Return what the tested versions of axes gave that the pins leave open, all else being as pinned."""
    found: dict[str, dict[str, set[str]]] = {}
    said: dict[str, str] = {}
    for row in asked.rows:
        if is_open(row.cost):
            axes = asked.index.axes_of(row.row)
            for axis in row.distances.open_axes(row.row):
                said[axis] = row.distances.places[axis].said
                found.setdefault(axis, {}).setdefault(axes[axis], set()).add(asked.verdict(row))
    return tuple(OpenAxis(axis, said[axis], _by_version(by)) for axis, by in found.items())


def _by_version(found: Mapping[str, set[str]]) -> dict[str, str]:
    versions = sorted(found, key=version_key)
    return {version: MIXED if len(found[version]) > 1 else min(found[version]) for version in versions}


def _why(asked: Asked, pins: Pins, matches: Sequence[Tested], open_axes: Sequence[OpenAxis]) -> str:
    """Say why nothing is known."""
    if matches:
        return _why_matched(asked, matches)
    axes = [axis for axis in asked.index.axes if axis != PYTHON]
    if not any(is_named(pins, axis) for axis in axes):
        return f"none of {', '.join(axes)} is named"
    if open_axes:
        return f"{', '.join(each.axis for each in open_axes)} not pinned exactly"
    if not asked.rows:
        return f"nothing was tested on a Python that fits {pins.requires_python}"
    return "this combination was not tested"


def _why_matched(asked: Asked, matches: Sequence[Tested]) -> str:
    held = list(dict.fromkeys(match.withheld for match in matches if match.withheld))
    pythons = {match.axes.get(PYTHON, ""): match.verdict for match in matches}
    if len(set(pythons.values())) > 1:
        said = ", ".join(f"{python} {pythons[python]}" for python in sorted(pythons, key=version_key))
        return f"it depends on the Python ({said}); say which with --python"
    if held:
        return "; ".join(held)
    unknown = [key for key in asked.subjects if any(match.verdicts[key].verdict == UNKNOWN for match in matches)]
    return f"measured without a verdict: {', '.join(unknown)}"


def _matrix_cautions(index: Index, rows: Sequence[Row], matches: Sequence[Tested], pins: Pins) -> Iterable[str]:
    for row, match in zip(rows, matches, strict=True):
        yield from of_packages(row.pins, index.packages_of(row.row), match.axes)
        yield from of_machine(index.platforms[index.platform[row.row]])
    pythons = sorted({match.axes[PYTHON] for match in matches if PYTHON in match.axes}, key=version_key)
    if pins.python is None and pythons:
        yield f"the Python is not known: measured on {', '.join(pythons)} and no other"
