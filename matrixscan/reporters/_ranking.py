"""What `recommend` prints: candidates with their reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matrixscan.analysis.confidence import HIGH, LOW, MEDIUM
from matrixscan.analysis.landscape import Landscape
from matrixscan.analysis.ranking import Ranked, Ranking, Terms
from matrixscan.analysis.recommended import Proof
from matrixscan.reporters._recommended_md import audience_title, scope_title

_MARKS = {HIGH: "+", MEDIUM: "~", LOW: "-"}
#: Scopes that are shown one by one; of more, only the first, which is everything.
_MOST = 12

_Rankings = Sequence[tuple[str | None, Ranking]]


def render_rankings(
    landscape: Landscape, rankings: _Rankings, proofs: Sequence[Proof], terms: Terms, count: int
) -> str:
    """Return every ranking as plain text.

    Args:
        landscape: what was ranked.
        rankings: python (None: any) and its ranking, those of one scope together.
        proofs: what is stored about certifications.
        terms: by what was ranked.
        count: candidates shown of each.
    """
    scopes = list(dict.fromkeys(ranking.scope.name for _, ranking in rankings))
    lines = [
        f"{landscape.matrix}: {len(landscape.standings)} combinations scanned; {terms.order} first; as of {terms.today}"
    ]
    same: dict[tuple[str, ...], list[str]] = {}
    for scope in scopes if len(scopes) <= _MOST else scopes[:1]:
        told: set[str] = set()
        own = [(python, ranking) for python, ranking in rankings if ranking.scope.name == scope]
        parts = (_ranking(ranking, audience_title(terms.order, python), count, told) for python, ranking in own)
        same.setdefault(tuple(line for part in parts for line in part), []).append(scope_title(scope))
    for block, names in same.items():
        lines += ["", f"for {', '.join(names)}", *block]
    if len(scopes) > _MOST:
        lines += ["", f"{len(scopes) - 1} probe/variants decide; --probe ranks for one of them"]
    lines += [*_refused(proofs), "", "+ leaves the confidence high, ~ medium, - low; nothing was run or asked"]
    if any(ranking.candidates for _, ranking in rankings):
        lines.append("`nox -s certify` rebuilds the first of each from its lock and runs it again")
    return "\n".join(lines) + "\n"


def _ranking(ranking: Ranking, title: str, count: int, told: set[str]) -> Iterator[str]:
    rest = len(ranking.candidates) - count
    yield f"  {title}" + ("" if ranking.candidates else ": none is good")
    for number, each in enumerate(ranking.candidates[:count], start=1):
        yield f"    {number}. {each.standing.id}  confidence: {each.confidence}"
        if each.standing.id not in told:
            yield from (f"       {line}" for line in _lines(each))
        told.add(each.standing.id)
    if rest > 0:
        yield f"    and {rest} more"
    for name, why in ranking.too_young.items():
        yield f"    left out: {name} ({why})"


def _lines(each: Ranked) -> Iterator[str]:
    python = each.standing.axes.get("python", "")
    yield f"python {python}  " + " ".join(f"{name}=={version}" for name, version in each.standing.pins.items())
    if each.standing.platform:
        yield f"on {each.standing.platform}"
    if each.distance is not None:
        moved, steps = each.distance.moved, each.distance.steps
        yield f"= moves {moved} of your packages, {steps} releases of the matrix" if moved else "= moves none of yours"
    yield from (f"{_MARKS[reason.level]} {reason.words}" for reason in each.reasons)


def _refused(proofs: Sequence[Proof]) -> Iterator[str]:
    refused = [proof.certification for proof in proofs if not proof.certification.certified]
    if refused:
        yield from ("", "not certified when it was tried")
        yield from (f"  {each.id}: {'; '.join(each.reasons)}" for each in refused)
