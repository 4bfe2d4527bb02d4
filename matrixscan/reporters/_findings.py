"""findings.md: every flip of a grid in words. Not a reporter of a ScanView."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import numpy as np

from matrixscan.analysis.agreement import Agreement, Difference
from matrixscan.analysis.first_line import first_line
from matrixscan.analysis.flip_groups import FlipGroup, Neighbours, grouped
from matrixscan.analysis.flips import Flip, changed_cases, lines, side_of
from matrixscan.analysis.grid import ENVIRONMENT, OK, Grid, version_order
from matrixscan.analysis.table import Table
from matrixscan.reporters._finding_lines import Said, finding_lines, merged
from matrixscan.reporters._markdown import escape, table

FILE = "findings.md"

_MOST_RELEASES = 20
_SIDES = (
    ("export", "On the export side", "What changes with the releases that write the file."),
    ("run", "On the run side", "What changes with the releases that run the file."),
    ("both", "On both sides", "What changes with releases that are installed wherever anything runs."),
)
_HOW_TO_READ = """A **flip** is one case that ends differently in two neighbouring releases of one axis while all other
axes are equal. A case is one probe, variant, exporter, opset, precision, runner and size. Neighbours are the nearest
releases in which the case was measured: what cannot exist, was skipped or was not run is passed over. `ok` is agreement
with eager within the tolerance; anything else is the first stage that did not pass, and why. Flips that say the same
are told once, those that concern most cases first; the words after a dash are the tool's own, from one of the cases."""


class Head(msgspec.Struct, frozen=True):
    """What was measured, when and with what; from the metadata of the scan, never from the clock."""

    matrix: str
    source: str = ""  # what the page is made of, and by which command
    command: str = ""  # which measures it again
    started: str = ""
    finished: str = ""
    harness: tuple[str, ...] = ()  # digests


def render_findings(grid: Grid, flips: Sequence[Flip], head: Head, agreed: Agreement | None = None) -> str:
    """Return the page.

    Args:
        grid: What was measured.
        flips: Its flips.
        head: What the page says of the scan.
        agreed: How far joint evidence says the same, where there is any.
    """
    groups = grouped(flips, grid)
    parts = [f"# Findings of {escape(head.matrix)}", ""]
    parts += [head.source, ""] if head.source else []
    parts += [*_facts(grid, flips, groups, head), "", _HOW_TO_READ, ""]
    parts += [] if agreed is None else [*_agreement(agreed, grid.axes), ""]
    parts += ["## Releases where most things changed", "", *_releases(grid, flips), ""]
    neighbours = Neighbours(grid)
    said = Said(grid)
    for side, title, explained in _SIDES:
        own = [group for group in groups if group.side == side]
        if own:
            parts += [f"## {title}", "", explained, ""]
            for heading, chosen in _KINDS:
                parts += _section(heading, [group for group in own if chosen(group.probe)], said, neighbours)
    return "\n".join(parts).rstrip("\n") + "\n"


def is_operator(probe: str) -> bool:
    """Return whether a probe is about operators rather than a model."""
    return probe.startswith("op_") or probe == "opinfo"


#: Said where both kinds of evidence differ.
_BESIDE = (
    "Packages that are no axis are resolved for each environment as of its youngest release, so the same pins may "
    "stand beside other packages in an export side and in a whole environment. Where they differ, both are shown:"
)
_MOST_PLACES = 3

_KINDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("Environments that can or cannot be used", lambda probe: probe == ENVIRONMENT.probe),
    ("Models", lambda probe: probe != ENVIRONMENT.probe and not is_operator(probe)),
    ("Operators", is_operator),
)


def _section(heading: str, groups: Sequence[FlipGroup], said: Said, neighbours: Neighbours) -> list[str]:
    if not groups:
        return []
    return [f"### {heading}", "", *finding_lines(merged(groups), said, neighbours), ""]


def _facts(grid: Grid, flips: Sequence[Flip], groups: Sequence[FlipGroup], head: Head) -> list[str]:
    measured = grid.measured()[grid.codes[:, 1:]]
    passed = int((grid.codes[:, 1:] == OK).sum())
    evidence = ", ".join(f"{_n(grid.evidence.count(kind))} by {kind} evidence" for kind in sorted(set(grid.evidence)))
    unusable = int(((grid.codes[:, 0] != OK) & (grid.codes[:, 0] != 0)).sum())
    facts = [
        f"- Combinations: {_n(len(grid.rows))} ({evidence}){f'; {unusable} unusable' if unusable else ''}.",
        *(f"- {line}" for line in _axes(grid)),
        f"- Cases: {_n(len(grid.cases) - 1)} in each; {_n(int(measured.sum()))} results, of which {_n(passed)} are ok.",
        f"- Flips: {_n(len(flips))} of {_n(changed_cases(flips))} cases, {_n(len(groups))} different ones.",
    ]
    if head.started:
        facts.append(f"- Measured from {head.started} to {head.finished}.")
    if head.harness:
        facts.append(f"- Harness: {', '.join(f'`{digest}`' for digest in head.harness)}.")
    if head.command:
        facts.append(f"- Measure it again: `{head.command}`.")
    return facts


def _axes(grid: Grid) -> list[str]:
    spans = []
    for axis in grid.axes:
        versions = sorted({row[axis] for row in grid.rows if axis in row}, key=version_order)
        span = versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}, {len(versions)} releases"
        spans.append(f"{axis}: {span}.")
    return spans


def _agreement(agreed: Agreement, order: Sequence[str]) -> list[str]:
    told = [
        "## Agreement with joint evidence",
        "",
        _counts(agreed),
    ]
    if not agreed.differing:
        return told
    found: dict[tuple[str, str, str], list[Difference]] = {}
    for each in agreed.differing:
        words = ": ".join(filter(None, [each.package, first_line(each.joint_error or each.factored_error)]))
        found.setdefault((each.factored, each.joint, words), []).append(each)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = tuple((factored, joint, *_where_they_differ(own, order), words) for (factored, joint, words), own in ordered)
    return [*told, "", _BESIDE, "", *table(Table(("factored", "joint", "cases", "in", "words"), rows))]


def _where_they_differ(own: Sequence[Difference], order: Sequence[str]) -> tuple[str, str]:
    """Return how many cases of how many probes differ, and in which combinations."""
    probes = list(dict.fromkeys(each.case.probe for each in own))
    axes = [dict(items) for items in dict.fromkeys(tuple(each.axes.items()) for each in own)]
    places = [", ".join(f"{name} {row[name]}" for name in order if name in row) for row in axes[:_MOST_PLACES]]
    places += [f"and {len(axes) - _MOST_PLACES} more"] if len(axes) > _MOST_PLACES else []
    of = probes[0] if len(probes) == 1 else f"{len(probes)} probes"
    return f"{_n(len(own))} of {of}", "; ".join(places)


def _counts(agreed: Agreement) -> str:
    return (
        f"{_n(agreed.combinations)} combinations were also measured jointly, with everything in one environment. "
        f"{_n(agreed.same)} of {_n(agreed.cases)} cases measured in both ways end alike; "
        f"{_n(agreed.only_factored)} were measured in the factored way alone, {_n(agreed.only_joint)} jointly alone."
    )


def _releases(grid: Grid, flips: Iterable[Flip]) -> list[str]:
    """Return a table of the pairs of releases between which most cases change."""
    pairs: dict[tuple[str, str, str], list[Flip]] = {}
    for flip in flips:
        if flip.probe != ENVIRONMENT.probe:
            pairs.setdefault((flip.axis, flip.from_, flip.to), []).append(flip)
    if not pairs:
        if not any(lines(grid, axis) for axis in grid.axes):
            return ["No two combinations differ in one axis alone, so there is no flip to see."]
        return ["None: no case changes between two neighbouring releases."]
    # Ties in the order of the versions.
    ranked = sorted(pairs.items(), key=lambda item: (item[0][0], version_order(item[0][1]), version_order(item[0][2])))
    ranked.sort(key=lambda item: -changed_cases(item[1]))
    rows = tuple(_release(*item) for item in ranked[:_MOST_RELEASES])
    heads = ("releases", "side", "cases", "now ok", "no longer ok", "fail differently", "chiefly")
    rest = len(ranked) - len(rows)
    more = ["", f"and {rest} other pair{'' if rest == 1 else 's'} with fewer cases."] if rest else []
    note = "A case counts once a row and column, however many combinations it was seen in."
    return [note, "", *table(Table(heads, rows)), *more]


def _release(pair: tuple[str, str, str], flips: Sequence[Flip]) -> tuple[str, ...]:
    axis, before, after = pair
    kinds = ([], [], [])  # type: tuple[list[Flip], list[Flip], list[Flip]]
    changes: dict[tuple[str, str, str], list[Flip]] = {}
    for flip in flips:
        kinds[0 if flip.after == "ok" else 1 if flip.before == "ok" else 2].append(flip)
        changes.setdefault((flip.exporter, flip.before, flip.after), []).append(flip)
    counts = [(changed_cases(members), key, members) for key, members in changes.items()]
    most, key, members = max(counts, key=lambda item: (item[0], item[1]))
    probes = len({flip.probe for flip in members})
    chiefly = f"{key[0]}: {key[1]} → {key[2]} ({most} cases of {probes} probe{'' if probes == 1 else 's'})"
    counted = (str(changed_cases(kind)) for kind in kinds)
    return (f"{axis} {before} → {after}", side_of(axis), str(changed_cases(flips)), *counted, chiefly)


def _n(number: int | np.integer) -> str:
    """Write a number with thin groups: 3 600 000."""
    return f"{int(number):,}".replace(",", " ")


def head_of(matrix: str, about: Mapping[str, object], **more: str) -> Head:
    """Return the head from what the metadata of a scan says."""
    harness = about.get("harness", ())
    digests = (harness,) if isinstance(harness, str) else tuple(map(str, harness))  # type: ignore[call-overload]
    told = {name: str(about[name]) for name in ("started", "finished", "command") if name in about}
    return Head(matrix=matrix, harness=digests, **(told | more))
