"""What is known of pins, for people. Not a reporter: it is about a user's file, not about a scan."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from matrixscan.analysis.known_pins_index import version_key
from matrixscan.analysis.known_pins_types import (
    GOOD,
    JOINT,
    KNOWN_BAD,
    KNOWN_GOOD,
    UNTESTED,
    Answer,
    Difference,
    OpenAxis,
    Tested,
)

WORDS = {KNOWN_GOOD: "known good", KNOWN_BAD: "known bad", UNTESTED: "untested"}

#: Subjects of one verdict that are named one by one.
_NAMED = 6


def render_check(answer: Answer) -> str:
    """Return the answer as plain text, what matters most first."""
    return "\n".join([head(answer), *_matrices(answer), *_near(answer), *_remarks(answer)]) + "\n"


def head(answer: Answer) -> str:
    """Return the answer in one line."""
    said = ", ".join(f"{name} {version}" for name, version in answer.pins.items()) or "none of the packages tested here"
    python = f", Python {answer.python}" if answer.python else ""
    matches = [match for each in answer.matrices for match in each.matches if each.verdict == KNOWN_GOOD]
    pythons = sorted({match.axes["python"] for match in matches if "python" in match.axes}, key=version_key)
    on = f" on Python {', '.join(pythons)}" if not answer.python and answer.verdict == KNOWN_GOOD and pythons else ""
    return f"{WORDS[answer.verdict]}{on}: {answer.source} ({said}{python})"


def _matrices(answer: Answer) -> Iterator[str]:
    """Yield what matched, then in one line each what did not."""
    for each in sorted(answer.matrices, key=lambda each: not each.matches):
        if not each.matches:
            yield f"  {each.matrix}: untested: {each.why}"
            yield from (f"    {line}" for line in map(open_line, each.open))
            continue
        yield f"  {each.matrix}: {WORDS[each.verdict]}{f': {each.why}' if each.why else ''}"
        for match in each.matches:
            yield f"    {match.combination}, {_measured(match)}"
            yield from (f"      {line}" for line in _verdicts(match))


def _measured(match: Tested) -> str:
    how = "installed together" if match.evidence == JOINT else "exported and run apart"
    return f"measured {match.date or 'at some time'} on {match.platform}, {how}"


def _verdicts(match: Tested) -> Iterator[str]:
    """Yield a line for all subjects that are good, and one for each that is not."""
    good = [key for key, judged in match.verdicts.items() if judged.verdict == GOOD]
    others = [(key, judged) for key, judged in match.verdicts.items() if judged.verdict != GOOD]
    for key, judged in others[:_NAMED]:
        words = judged.words.removeprefix(f"{judged.verdict}: ")
        yield f"{judged.verdict}  {key}{f'  {words}' if words else ''}"
    if len(others) > _NAMED:
        yield f"and {len(others) - _NAMED} more that are not good: {_listed(key for key, _ in others[_NAMED:])}"
    if good:
        yield f"good  {_listed(good)}"


def _listed(keys: Iterable[str]) -> str:
    names = list(keys)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def open_line(each: OpenAxis) -> str:
    """Return what the tested versions of an axis gave that is not pinned."""
    said = f" ({each.said})" if each.said else ""
    found = ", ".join(f"{version} {verdict}" for version, verdict in each.verdicts.items())
    return f"{each.axis} is not pinned{said}; tested with all else as pinned: {found}"


def _near(answer: Answer) -> Iterator[str]:
    for title, found in (("nearest tested", answer.nearest), ("nearest known good", answer.nearest_good)):
        if found:
            yield f"{title}:"
            yield from (f"  {line}" for line in near_lines(found))


def near_lines(found: Iterable[Tested]) -> Iterator[str]:
    """Yield a combination and what it differs in, and what each matrix found of it."""
    for combination, group in itertools.groupby(found, key=lambda each: each.combination):
        alike = list(group)
        withheld = next((each.withheld for each in alike if each.withheld), "")
        differs = "; ".join(map(difference_text, alike[0].differences)) or withheld or "nothing that is pinned differs"
        open_axes = f"; {', '.join(alike[0].open)} not pinned" if alike[0].open else ""
        yield f"{combination}: {differs}{open_axes}"
        yield from (f"  {_near_verdict(each)}" for each in alike)


def _near_verdict(each: Tested) -> str:
    alike = {} if each.verdict == GOOD else {k: one for k, one in each.verdicts.items() if one.verdict == each.verdict}
    found = [f"{key}: {judged.words}" for key, judged in alike.items()]
    words = f", {found[0]}{f'; and {len(found) - 1} more' if len(found) > 1 else ''}" if found else ""
    apart = "" if each.evidence == JOINT else ", exported and run apart"
    return f"{each.verdict} in {each.matrix}{apart}{words}"


def difference_text(each: Difference) -> str:
    """Return one difference."""
    if each.tested is None:
        return f"without {each.axis}, yours has {each.yours}"
    if each.yours is None:
        return f"{each.axis} {each.tested}, yours has none"
    far = f" ({each.steps} tested release{'' if each.steps == 1 else 's'} apart)" if each.steps else ""
    return f"{each.axis} {each.tested} for {each.yours}{far}"


def _remarks(answer: Answer) -> Iterator[str]:
    for title, lines in (("caution", answer.cautions), ("note", answer.notes)):
        yield from (f"{title}: {line}" for line in lines)
