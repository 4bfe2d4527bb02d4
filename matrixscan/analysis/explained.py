"""What an explanation is; explanation.py makes them."""

from __future__ import annotations

import msgspec

from matrixscan.analysis.blame import Blame
from matrixscan.analysis.causes import Match
from matrixscan.records.diagnosis import Diagnosis

#: Stands for the probe where an environment itself fails.
ENVIRONMENT = "environment"


class Advice(msgspec.Struct, frozen=True):
    """Something that works where the failing case does not, and the combination that shows it."""

    kind: str  # "variant", "lane", "runner" or "combination"
    text: str
    cell: str


class Explanation(msgspec.Struct, frozen=True):
    """Of one way in which a (probe, variant) fails in a combination."""

    cell: str
    probe: str
    variant: str
    case: str  # the case it speaks of
    cases: int  # that fail there in the same way
    blame: Blame
    diagnosis: Diagnosis | None = None
    advice: tuple[Advice, ...] = ()
    causes: tuple[Match, ...] = ()  # known ones, the most specific first
