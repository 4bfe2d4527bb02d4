"""Explanations in words: one line for everything that fails in the same way in any combination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matrixscan.analysis.blame import UNKNOWN
from matrixscan.analysis.causes import Match
from matrixscan.analysis.explained import ENVIRONMENT, Explanation
from matrixscan.analysis.table import Table, number, short_ids
from matrixscan.analysis.view import ScanView
from matrixscan.records.diagnosis import Divergence
from matrixscan.records.types import CaseRecord

_MOST_CELLS = 4
_MOST_ADVICE = 4
_HEADS = ("what", "how it fails", "where", "whose fault", "because", "known cause", "what works")

_Group = tuple[Explanation, ...]


def why_lines(view: ScanView) -> tuple[str, ...]:
    """Return what is known of every way in which a judged probe fails."""
    names = _names(view)
    return tuple(_line(group, view, names) for group in _groups(view, judged=True))


def why_table(view: ScanView) -> Table:
    """Return the same of the other probes, a row each."""
    names, cases = _names(view), _cases(view)
    rows = []
    for group in _groups(view, judged=False):
        first = group[0]
        how = _how(cases[first.cell, first.case], first)
        where = place_text(first.diagnosis.first) if first.diagnosis and first.diagnosis.first else ""
        works = "; ".join(advice.text for advice in first.advice[:_MOST_ADVICE])
        because = "; ".join(first.blame.because)
        cells = _cells(group, names)
        cause = cause_text(first.causes[0]) if first.causes else ""
        name = f"{first.probe}/{first.variant}"
        rows.append((name, f"{how}, {cells}", where, whose_text(first), because, cause, works))
    return Table(_HEADS, tuple(rows))


def place_text(first: Divergence) -> str:
    """Return the place of a divergence: `avg_pool1d(kernel_size=100, ceil_mode=True) in xvector.block1`."""
    settings = {name: value for name, value in first.arguments.items() if isinstance(value, (bool, int, float, str))}
    words = ", ".join(f"{name}={value}" for name, value in settings.items())
    module = f" in {first.module} ({first.module_type})" if first.module else ""
    after = "of another shape" if first.error_after is None else number(first.error_after)
    text = f"{first.operation}({words}){module}, error {number(first.error_before)} before and {after} after"
    return text + (f"; node {_node(first)}" if first.node else "")


def whose_text(explanation: Explanation) -> str:
    """Return whose fault it is; where this scan cannot tell, what is known of its cause, marked as such."""
    certain = [match.cause for match in explanation.causes if match.certainty == "certain"]
    if explanation.blame.whose != UNKNOWN or not certain or certain[0].whose == UNKNOWN:
        return explanation.blame.whose
    return f"{certain[0].whose}, by its known cause"


def _node(first: Divergence) -> str:
    node = first.node
    if node is None:
        return ""
    plain = {
        name: value for name, value in sorted(node.attributes.items()) if isinstance(value, (int, float, str, list))
    }
    words = ", ".join(f"{name}={_plain(value)}" for name, value in plain.items())
    return f"{node.op_type} {node.name}{f' ({words})' if words else ''}"


def _plain(value: Any) -> str:
    return str(value).replace(" ", "") if isinstance(value, list) else str(value)


def _groups(view: ScanView, *, judged: bool) -> list[_Group]:
    """Return explanations that say the same of one (probe, variant) in several combinations."""
    cases = _cases(view)
    found: dict[tuple[object, ...], list[Explanation]] = {}
    for each in view.explanations:
        if (each.probe in {*view.judged, ENVIRONMENT}) == judged:
            found.setdefault(_sameness(each, cases.get((each.cell, each.case))), []).append(each)
    return [tuple(group) for group in found.values()]


def _sameness(each: Explanation, case: CaseRecord | None) -> tuple[object, ...]:
    if case is None:
        return (each.probe, each.cell)
    first = each.diagnosis.first if each.diagnosis else None
    place = (first.module, first.operation, first.node.op_type if first.node else "") if first else None
    kind = case.error.type if case.error else ""
    way = (case.exporter, case.precision, case.runner, case.outcome, case.stage, case.reason, kind)
    causes = tuple(match.cause.id for match in each.causes)
    return (each.probe, each.variant, *way, each.blame.whose, each.blame.rule, place, causes)


def _line(group: Sequence[Explanation], view: ScanView, names: Mapping[str, str]) -> str:
    first = group[0]
    case = _cases(view).get((first.cell, first.case))
    what = f"{first.probe}/{first.variant}: {_how(case, first)}, " if case else f"{first.probe} "
    parts = [what + _cells(group, names)]
    if first.diagnosis is not None and first.diagnosis.first is not None:
        parts.append(f"first wrong: {place_text(first.diagnosis.first)}")
    parts.append(f"whose: {whose_text(first)}{_because(first)}")
    if first.causes:
        parts.append(f"known cause: {cause_text(first.causes[0])}")
    if first.advice:
        parts.append("works: " + "; ".join(_advice(first, names)))
    return ". ".join(parts)


def _advice(first: Explanation, names: Mapping[str, str]) -> Iterable[str]:
    for advice in first.advice[:_MOST_ADVICE]:
        here = advice.cell == first.cell
        yield advice.text if here else f"{advice.text} ({names.get(advice.cell, advice.cell)})"


def cause_text(match: Match) -> str:
    """Return a known cause with what to do; one that is only possible says so."""
    sure = "" if match.certainty == "certain" else "possibly "
    return f"{sure}{match.cause.id} ({match.cause.title}; {match.cause.fix})"


def _because(first: Explanation) -> str:
    if first.blame.whose == UNKNOWN:
        return f" ({'; '.join(first.blame.because)})" if first.blame.because else ""
    return f" ({first.blame.rule}: {'; '.join(first.blame.because)})"


def _how(case: CaseRecord, first: Explanation) -> str:
    said = case.reason or case.outcome
    if case.error is not None and said in {"error", case.outcome}:
        said = case.error.type.rpartition(".")[2]
    lane = [case.exporter, *([case.precision] if case.precision != "fp32" else [])]
    return f"{' '.join(lane)} {case.stage}: {said} ({first.cases} case{'' if first.cases == 1 else 's'})"


def _cells(group: Sequence[Explanation], names: Mapping[str, str]) -> str:
    cells = list(dict.fromkeys(names[each.cell] for each in group))
    if len(cells) == len(names):
        return "in every combination" if len(cells) > 1 else f"in {cells[0]}"
    shown = ", ".join(cells[:_MOST_CELLS])
    return f"in {shown}{f' and {len(cells) - _MOST_CELLS} more' if len(cells) > _MOST_CELLS else ''}"


def _names(view: ScanView) -> dict[str, str]:
    ids = [cell.id for cell in view.cells]
    return dict(zip(ids, short_ids(ids), strict=True))


def _cases(view: ScanView) -> dict[tuple[str, str], CaseRecord]:
    return {(cell.id, case.id): case for cell in view.cells for case in cell.cases}
