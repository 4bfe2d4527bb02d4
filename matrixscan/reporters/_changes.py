"""What a night has to tell, as sections of lines in plain text; Markdown and the feed share them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from matrixscan.records import night
from matrixscan.records.night import Change, Entry, Move

_TITLES = {
    night.REGRESSION: "Regressions",
    night.UNCONFIRMED: "Looks like a regression, not confirmed",
    night.FLAKY: "Flaky",
    night.FIXED: "Fixed",
    night.CHANGED: "Changed",
    night.UNKNOWN: "Not known any more",
    night.NEW: "New",
    night.GONE: "Not in the matrix any more",
}
_COUNTED = {
    night.REGRESSION: ("regression", "regressions"),
    night.UNCONFIRMED: ("unconfirmed regression", "unconfirmed regressions"),
    night.FLAKY: ("flaky case", "flaky cases"),
    night.FIXED: ("fixed", "fixed"),
    night.CHANGED: ("changed", "changed"),
    night.UNKNOWN: ("unknown", "unknown"),
    night.NEW: ("new", "new"),
    night.GONE: ("gone", "gone"),
}
_NAMED = 3  # combinations or lanes that are named one by one


class Section(NamedTuple):
    """A heading and its lines."""

    title: str
    lines: tuple[str, ...]


def sections(entry: Entry) -> tuple[Section, ...]:
    """Return what a night has to tell, most important first."""
    found = []
    for kind in night.KINDS:
        lines = _lines([change for change in entry.changes if change.kind == kind])
        if lines:
            found.append(Section(_TITLES[kind], lines))
    about = tuple(_about(entry))
    return (*found, Section("About this night", about)) if about else tuple(found)


def headline(entry: Entry) -> str:
    """Return a night in one line."""
    counts = [(kind, len(_lines([change for change in entry.changes if change.kind == kind]))) for kind in night.KINDS]
    parts = [f"{count} {_COUNTED[kind][count != 1]}" for kind, count in counts if count]
    return ", ".join(["first night"] * entry.first + parts) or "no changes"


def _about(entry: Entry) -> Iterable[str]:
    if entry.untold:
        yield f"{entry.untold} more changes are not listed"
    if entry.measured:
        yield f"measured {entry.measured} environment{'s' * (entry.measured != 1)}"
    if entry.left:
        yield f"left for the next night: {_named(entry.left)}"
    yield from entry.notes


def _lines(changes: Sequence[Change]) -> tuple[str, ...]:
    """Return a line for all changes that differ in their combination and lane alone."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        key = (change.moved, change.subject, change.before, change.after, change.decides, change.runs)
        groups.setdefault(key, []).append(change)
    return tuple(_line(group) for group in groups.values())


def _line(group: Sequence[Change]) -> str:
    first = group[0]
    lanes = list(dict.fromkeys(change.lane for change in group if change.lane))
    where = list(dict.fromkeys(change.combination for change in group if change.combination))
    words = _SENTENCES[first.kind](first)
    parts = [
        f" ({'; '.join(lanes[:_NAMED])}{f'; {len(lanes) - _NAMED} more' * (len(lanes) > _NAMED)})" if lanes else "",
        f" in {_named(where)}" if where else "",
        _runs(first),
        "" if first.decides else "; decides nothing",
    ]
    return words + "".join(parts)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def _runs(change: Change) -> str:
    if change.kind == night.UNCONFIRMED:
        return "; the run that was to confirm it says nothing, so the next night tries again"
    if not change.runs or change.kind not in {night.REGRESSION, night.FLAKY}:
        return ""
    runs = "a second run" if change.runs == 1 else f"{change.runs} further runs"
    return f"; confirmed by {runs}" if change.kind == night.REGRESSION else f"; {runs} did not agree"


def _broken(change: Change) -> str:
    subject = change.subject or "the environment"
    if not change.moved:
        return f"{subject}: {change.after}; was {change.before}"
    new, old = _together(change.moved, new=True), _together(change.moved, new=False)
    return f"{new} breaks {subject}: {change.after}; {old} was good"


def _together(moved: Sequence[Move], *, new: bool) -> str:
    return " with ".join(f"{move.axis} {move.new if new else move.old}" for move in moved)


def _subject(change: Change) -> str:
    return change.subject or "the environment"


_SENTENCES: dict[str, Callable[[Change], str]] = {
    night.REGRESSION: _broken,
    night.UNCONFIRMED: _broken,
    night.FLAKY: lambda change: f"{_subject(change)}: passes and fails with nothing changed; now {change.after}",
    night.FIXED: lambda change: f"{_subject(change)}: passes; was {change.before}",
    night.CHANGED: lambda change: f"{_subject(change)}: {change.after}; was {change.before}",
    night.UNKNOWN: lambda change: f"{_subject(change)}: {change.after}; was {change.before}",
    night.NEW: lambda change: f"{change.subject}: {change.after}" if change.subject else change.after,
    night.GONE: lambda change: f"last known: {change.before}",
}
