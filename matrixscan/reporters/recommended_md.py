"""recommended.md: pins for people, each with what was measured and where."""

from __future__ import annotations

from matrixscan.analysis.recommend import Pick, ProbePicks, recommend
from matrixscan.analysis.table import number
from matrixscan.analysis.view import ScanView
from matrixscan.reporters._markdown import escape

NAME = "recommended"
SUFFIX = ".md"

_INTRODUCTION = (
    "Every combination below was installed as one environment, and its exports were compared with eager. "
    "The newest torch comes first. An empty list means that nothing was good."
)


def render(view: ScanView) -> str:
    """Return the recommendations as Markdown."""
    chosen = recommend(view)
    lines = [f"# Recommended pins of {escape(chosen.matrix)}", "", _INTRODUCTION, ""]
    if chosen.warnings:
        lines += [*(f"- **Warning:** {escape(warning)}" for warning in chosen.warnings), ""]
    lines += ["## Good for every probe that decides", ""]
    lines += [*(f"- {escape(cell_id)}" for cell_id in chosen.good)] or ["Nothing was good."]
    lines.append("")
    for key, picks in chosen.probes.items():
        lines += [f"## {escape(key)}", "", *_probe(picks)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _probe(picks: ProbePicks) -> list[str]:
    lines = [line for pick in picks.good for line in _pick(pick, "###")] or ["Nothing was good.", ""]
    if picks.conditional:
        lines += ["### Only with some exporters and opsets", ""]
        lines += ["Not known-good: the other exporters or opsets fail or were not proven here.", ""]
        lines += [line for pick in picks.conditional for line in _pick(pick, "####")]
    return lines


def _pick(pick: Pick, heading: str) -> list[str]:
    margin = "" if pick.smallest_margin is None else f", smallest margin {number(pick.smallest_margin)}"
    cases = f"{pick.cases_passed} case{'' if pick.cases_passed == 1 else 's'} passed"
    files = f"; all pins: `{pick.constraints}`" if pick.constraints else ""
    measured = (
        f"Python {escape(pick.python)}; {cases} with {escape(', '.join(pick.lanes))}{margin}; "
        f"evidence: {pick.evidence}; measured on {escape(pick.platform)}{files}."
    )
    return [
        f"{heading} {escape(pick.id)}",
        "",
        "```text",
        " ".join(f"{name}=={version}" for name, version in pick.pins.items()),
        "```",
        "",
        measured,
        "",
    ]
