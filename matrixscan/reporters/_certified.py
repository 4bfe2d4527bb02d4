"""What `certify` prints: what is certified now, what is not, and everything in which scan and certification differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from matrixscan.analysis.certification import Certification
from matrixscan.analysis.recommended import Proof

_MOST = 12


class NotTried(msgspec.Struct, frozen=True):
    """Why a combination was not rebuilt."""

    words: str
    infra: bool = False  # trouble with the network or the disk: it says nothing about the combination


def render_certified(proofs: Sequence[Proof], failed: Mapping[str, NotTried], written: str, expires: float) -> str:
    """Return the end of a certification as plain text.

    Args:
        proofs: what is stored about the combinations that were to be certified.
        failed: those that were not rebuilt.
        written: the page with what is recommended; empty where there is none.
        expires: days for which a certification holds.
    """
    lines = [""]
    for proof in proofs:
        if proof.record.id not in failed:
            lines += _lines(proof.certification, expires)
    for name, problem in failed.items():
        kind = "could not be tried" if problem.infra else "not certified"
        lines += [f"{name}: {kind}", f"  {problem.words}"]
    lines += ["", f"Recommendations: {written}" if written else "Nothing is recommended."]
    return "\n".join([*lines, ""])


def _lines(found: Certification, expires: float) -> Iterator[str]:
    day = dt.date.fromisoformat(found.finished[:10])
    if found.certified:
        times = f", {found.times} certifications agree" if found.times > 1 else ""
        yield f"{found.id}: certified on {day}, stale after {day + dt.timedelta(days=expires)}{times}"
        yield f"  good again for {', '.join(found.certified)}"
    else:
        yield f"{found.id}: not certified"
        yield from (f"  {reason}" for reason in found.reasons)
    for each in found.disagreements[:_MOST]:
        yield f"  {each.case}: scan {each.scan}, certification {each.certification}"
        yield from (f"    {words}" for words in (each.scan_error, each.certification_error) if words)
    if len(found.disagreements) > _MOST:
        yield f"  and {len(found.disagreements) - _MOST} more cases that do not agree"
