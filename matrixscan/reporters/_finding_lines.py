"""One line of findings.md: groups of flips that differ in their opsets, precisions and variants alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from matrixscan.analysis.first_line import first_line
from matrixscan.analysis.flip_groups import FlipGroup, Neighbours
from matrixscan.analysis.flips import Flip
from matrixscan.analysis.grid import ENVIRONMENT, Grid
from matrixscan.reporters._markdown import escape

_MOST_NAMED = 8
_MOST_WORDS = 200
#: Probes of which the same is said in one line, from which on that is done.
_FEWEST_PROBES = 3


class Line(msgspec.Struct, frozen=True):
    """Groups alike in all but opset, precision and variant: each of those with each of the others."""

    first: FlipGroup
    opsets: tuple[int, ...]
    precisions: tuple[str, ...]
    variants: tuple[str, ...]
    cases: int
    flips: int
    whose: tuple[tuple[str, str], ...]


class Said:
    """Finds what a tool said about a case in a combination, and the variants a probe has."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._rows = {frozenset(row.items()): index for index, row in enumerate(grid.rows)}
        self._columns = {case: index for index, case in enumerate(grid.cases)}
        self.variants: dict[tuple[str, str], set[str]] = {}
        for case in grid.cases:
            self.variants.setdefault((case.probe, case.exporter), set()).add(case.variant)

    def words(self, flip: Flip, version: str) -> str:
        """Return the first line of the error on one side of a flip, "" where there is none."""
        row = self._rows.get(frozenset({**flip.at, flip.axis: version}.items()))
        column = self._columns.get(flip.case)
        if row is None or column is None:
            return ""
        text = first_line(self._grid.texts[self._grid.errors[row, column]])
        return text if len(text) <= _MOST_WORDS else text[: _MOST_WORDS - 3].rstrip() + "..."


def merged(groups: Sequence[FlipGroup]) -> list[Line]:
    """Return groups joined over opsets, then precisions, then variants; those that concern most cases first."""
    bundles = [[group] for group in groups]
    for field in ("opset", "precision", "variant"):
        found: dict[tuple[object, ...], list[FlipGroup]] = {}
        for bundle in bundles:
            found.setdefault(
                (*_alike(bundle), *(_values(bundle, name) for name in _JOINED if name != field)), []
            ).extend(bundle)
        bundles = list(found.values())
    lines = [_line(bundle) for bundle in bundles]
    return sorted(lines, key=lambda line: (-line.cases, -line.flips, line.first.probe, repr(line)))


_JOINED = ("opset", "precision", "variant")


def _values(groups: Sequence[FlipGroup], field: str) -> tuple[Any, ...]:
    return tuple(sorted({getattr(group, field) for group in groups}))


def _alike(groups: Sequence[FlipGroup]) -> tuple[object, ...]:
    group = groups[0]
    sizes = "every" if group.every_size and len(group.sizes) > 1 else group.sizes
    names = (group.probe, group.exporter, group.runner, group.axis, group.from_, group.to)
    return (*names, group.before, group.after, group.where, sizes)


def _line(groups: Sequence[FlipGroup]) -> Line:
    return Line(
        first=min(groups, key=lambda group: (group.variant, group.precision, group.opset)),
        opsets=_values(groups, "opset"),
        precisions=_values(groups, "precision"),
        variants=_values(groups, "variant"),
        cases=sum(len(group.sizes) for group in groups),
        flips=sum(group.count for group in groups),
        whose=tuple(sorted({item for group in groups for item in group.whose}, reverse=True)),
    )


def finding_lines(lines: Sequence[Line], said: Said, neighbours: Neighbours) -> list[str]:
    """Return the items of a list: one for all probes of which the tools say the same in the same words."""
    alike: dict[tuple[object, ...], list[Line]] = {}
    for number, line in enumerate(lines):
        quotes = _quotes(line.first, said)
        same = (_lane(line), _change(line.first, neighbours), line.first.where, quotes, line.whose)
        alike.setdefault(same if quotes else (number,), []).append(line)
    bundles = sorted(alike.values(), key=lambda bundle: -sum(line.cases for line in bundle))
    return [item for bundle in bundles for item in _items(bundle, said, neighbours)]


def _items(bundle: Sequence[Line], said: Said, neighbours: Neighbours) -> list[str]:
    probes = list(dict.fromkeys(line.first.probe for line in bundle))
    if len(probes) < _FEWEST_PROBES:
        return [finding_line(line, said, neighbours) for line in bundle]
    line, group = bundle[0], bundle[0].first
    count = sum(line.cases for line in bundle)
    name = f"**{len(probes)} probes** ({_lane(line)})"
    where = f", {group.where}" if group.where else ""
    change = f"{_change(group, neighbours)}: {count} cases ({escape(_short(probes))}){where}"
    return [f"- {name}, {change}{_quotes(group, said)}{_whose(line)}"]


def finding_line(line: Line, said: Said, neighbours: Neighbours) -> str:
    """Return one item of a list."""
    group = line.first
    change = _change(group, neighbours)
    where = f", {group.where}" if group.where else ""
    if group.probe == ENVIRONMENT.probe:
        return f"- {change}{where}{_quotes(group, said)}{_whose(line)}"
    count = f"{line.cases} case{'' if line.cases == 1 else 's'}"
    of = "; ".join(part for part in (_variants(line, said), _sizes(group)) if part)
    name = f"**{escape(group.probe)}** ({_lane(line)})"
    return f"- {name}, {change}: {count}{f' ({of})' if of else ''}{where}{_quotes(group, said)}{_whose(line)}"


def _change(group: FlipGroup, neighbours: Neighbours) -> str:
    over = len(neighbours.between(group.example))
    gap = f" ({over} release{'' if over == 1 else 's'} between not measured there)" if over else ""
    return f"{group.axis} {group.from_} → {group.to}{gap}: `{group.before}` → `{group.after}`"


def _lane(line: Line) -> str:
    group = line.first
    parts = [f"{group.exporter} {_opsets(line.opsets)}".rstrip()]
    parts += [" and ".join(line.precisions)] if line.precisions != ("fp32",) else []
    parts += [f"in {group.runner}"] if group.runner != "onnxruntime-cpu" else []
    return ", ".join(parts)


def _quotes(group: FlipGroup, said: Said) -> str:
    before = said.words(group.example, group.from_)
    after = said.words(group.example, group.to)
    told = [("before: " if after else "", before), ("after: " if before else "", after)]
    return "".join(f" — {when}{escape(words)}" for when, words in told if words)


def _whose(line: Line) -> str:
    sides: dict[str, list[str]] = {}
    for side, whose in line.whose:
        sides.setdefault(side, []).append(whose)
    told = "; ".join(f"{side}: {' or '.join(names)}" for side, names in sides.items())
    return f" — whose fault {told}" if told else ""


def _opsets(opsets: Sequence[int]) -> str:
    named = [str(opset) for opset in opsets if opset]
    return f"opset{'' if len(named) == 1 else 's'} {', '.join(named)}" if named else ""


def _variants(line: Line, said: Said) -> str:
    every = said.variants.get((line.first.probe, line.first.exporter), set())
    if len(line.variants) == len(every):
        return f"all {len(every)} variants" if len(every) > 1 else ""
    return escape(_short(line.variants))


def _sizes(group: FlipGroup) -> str:
    if group.every_size:
        return "every size" if len(group.sizes) > 1 else ""
    return f"at {_short([f'`{size}`' for size in group.sizes])}"


def _short(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMED
    more = f" and {rest} other{'' if rest == 1 else 's'}"
    return ", ".join(names[:_MOST_NAMED]) + (more if rest > 0 else "")
