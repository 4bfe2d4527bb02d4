"""recommended.md: certified pins for people, for whom they are, why, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from matrixscan.analysis.certification import Disagreement
from matrixscan.analysis.landscape import ALL
from matrixscan.analysis.recommended import Audience, Combination, Recommended, Refused
from matrixscan.analysis.table import Table, number
from matrixscan.reporters._constraints import render_pyproject
from matrixscan.reporters._markdown import escape, table

_INTRODUCTION = (
    "Every combination below was scanned and found good, then rebuilt from its lock in a fresh environment with hashes "
    "required, where every case ran again. What holds for a day only is said with its day: a recommendation is stale "
    "after the one it names."
)
_NOTHING = "none is certified"
_TITLES = {ALL: "everything that decides"}
_MOST = 12


def render(found: Recommended, packages: Mapping[str, Mapping[str, str]]) -> str:
    """Return the recommendations as Markdown; `packages`: combination -> every pin of its lock."""
    lines = [f"# Recommended pins of {escape(found.matrix)}", "", _INTRODUCTION, ""]
    if found.warnings:
        lines += [*(f"- **Warning:** {escape(warning)}" for warning in found.warnings), ""]
    lines += ["## For whom", "", *table(_whom(found.audiences)), "", *_waiting(found.audiences)]
    for combination in found.combinations:
        lines += _combination(combination, found.matrix, packages.get(combination.id, {}))
    if found.not_certified:
        lines += ["## Not certified", "", *(line for each in found.not_certified for line in _refused(each)), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def audience_title(order: str, python: str | None) -> str:
    """Return what an audience is called: `newest that works`, `newest for Python 3.8`."""
    return f"{order} that works" if python is None else f"{order} for Python {python}"


def scope_title(scope: str) -> str:
    """Return what a scope is called."""
    return _TITLES.get(scope, scope)


def _whom(audiences: Sequence[Audience]) -> Table:
    """Return a row for each scope, those with the same answers together, and a column for each group of users."""
    columns = {each.python: audience_title(each.order, each.python) for each in audiences}
    answers: dict[tuple[str, ...], list[str]] = {}
    for scope in dict.fromkeys(each.scope for each in audiences):
        found = {each.python: each.combinations for each in audiences if each.scope == scope}
        row = tuple(", ".join(found[python]) or _NOTHING for python in columns)
        answers.setdefault(row, []).append(scope_title(scope))
    rows = tuple((_listed(scopes), *row) for row, scopes in answers.items())
    return Table(("good for", *columns.values()), rows)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def _waiting(audiences: Iterable[Audience]) -> list[str]:
    found: dict[str, list[str]] = {}
    for each in audiences:
        for name in each.waiting:
            found.setdefault(name, []).append(f"{audience_title(each.order, each.python)} ({scope_title(each.scope)})")
    lines = [f"- {escape(name)}: {escape(_listed(places))}" for name, places in found.items()]
    return ["Good in the scan and not certified, though they would come first:", "", *lines, ""] if lines else []


def _combination(found: Combination, matrix: str, packages: Mapping[str, str]) -> list[str]:
    margin = "" if found.smallest_margin is None else f"; smallest margin {number(found.smallest_margin)}"
    other = [f"{key} ({verdict})" for key, verdict in found.not_known_good_for.items()]
    lines = [
        f"## {escape(found.id)}",
        "",
        f"Confidence: **{found.confidence}**. Certified on {found.certified}, stale after {found.expires}.",
        f"Good for {escape(_listed(found.good_for))}{margin}.",
        *([f"NOT known good for {escape(_listed(other))}."] if other else []),
        f"Measured on {escape(found.platform)}, Python {escape(found.python)}.",
        "",
        *(f"- {escape(reason)}" for reason in found.reasons),
        "",
        "```text",
        " ".join(f"{name}=={version}" for name, version in found.pins.items()),
        "```",
        "",
    ]
    lines += _files(found, matrix, packages) if found.complete else [_PARTLY, ""]
    if found.disagreements:
        lines += ["Scan and certification do not agree on:", "", *_disagreements(found.disagreements), ""]
    return lines


_PARTLY = (
    "Good for a part of what decides only, so no files are written for it; `matrixscan pin` writes them for whoever "
    "names that part with `--probe`."
)


def _files(found: Combination, matrix: str, packages: Mapping[str, str]) -> list[str]:
    backend = " --torch-backend cpu" if found.torch_index == "cpu" else ""
    return [
        "```sh",
        f"uv pip sync --require-hashes{backend} {found.files['lock']}   # exactly what was measured",
        f"pip install -c {found.files['constraints']} ...   # your own requirements within it",
        f"matrixscan pin {found.id} --matrix {matrix} --format pylock   # PEP 751, for your index",
        "```",
        "",
        "```toml",
        *render_pyproject(found, packages).splitlines(),
        "```",
        "",
    ]


def _refused(found: Refused) -> list[str]:
    return [
        f"- {escape(found.id)} (tried on {found.tried}): {escape('; '.join(found.reasons))}",
        *(f"  {line}" for line in _disagreements(found.disagreements)),
    ]


def _disagreements(found: Sequence[Disagreement]) -> list[str]:
    lines = [
        f"- {escape(each.case)}: scan {escape(_said(each.scan, each.scan_error))}, "
        f"certification {escape(_said(each.certification, each.certification_error))}"
        for each in found[:_MOST]
    ]
    return [*lines, f"- and {len(found) - _MOST} more"] if len(found) > _MOST else lines


def _said(words: str, error: str) -> str:
    return f"{words} ({error})" if error else words
