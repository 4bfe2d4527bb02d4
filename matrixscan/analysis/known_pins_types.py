"""What is known of a user's pins, as frozen values."""

from __future__ import annotations

import msgspec

from matrixscan.analysis.known_pins_index import Judged

KNOWN_GOOD = "known_good"
KNOWN_BAD = "known_bad"
UNTESTED = "untested"

JOINT = "joint"

#: Verdicts of what was measured; MIXED: not the same everywhere.
GOOD, BAD, UNKNOWN, MIXED = "good", "bad", "unknown", "mixed"


class Difference(msgspec.Struct, frozen=True):
    """One axis on which the pins are not a tested combination."""

    axis: str
    yours: str | None  # None: it is not there
    tested: str | None
    steps: int  # tested releases between the two, and one


class Tested(msgspec.Struct, frozen=True):
    """A combination that was measured, and what it was for the subjects that were asked for."""

    matrix: str
    combination: str
    axes: dict[str, str]
    evidence: str
    platform: str
    date: str
    verdict: str  # good, bad or unknown over the subjects
    verdicts: dict[str, Judged]
    differences: tuple[Difference, ...] = ()  # none where the pins are this combination
    open: tuple[str, ...] = ()  # axes that the pins leave open
    withheld: str = ""  # why good is not said although it was measured so


class OpenAxis(msgspec.Struct, frozen=True):
    """An axis that is not pinned, and what the tested versions gave with all else as pinned."""

    axis: str
    said: str  # what the pins say of it; empty: nothing
    verdicts: dict[str, str]  # version -> good, bad, unknown, or mixed


class MatrixAnswer(msgspec.Struct, frozen=True):
    """What one published matrix says of the pins."""

    matrix: str
    verdict: str
    why: str  # why it is not known; empty otherwise
    subjects: dict[str, str]  # every one asked for -> known_good, known_bad or untested
    matches: tuple[Tested, ...] = ()
    open: tuple[OpenAxis, ...] = ()
    cautions: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What is known of pins, over all matrices that were asked."""

    verdict: str
    source: str
    python: str | None
    pins: dict[str, str]  # of the axes: version, or what is said instead of one
    matrices: tuple[MatrixAnswer, ...]
    nearest: tuple[Tested, ...] = ()
    nearest_good: tuple[Tested, ...] = ()
    cautions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
