"""The rules of a matrix for people: in a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from matrixscan.analysis.grid import ENVIRONMENT
from matrixscan.analysis.rules import RULES, RuleSet
from matrixscan.analysis.rules_grid import ANY, Lane, Rulebook, Told
from matrixscan.reporters._markdown import escape
from matrixscan.reporters._rules_words import Line, counts, rule_lines

_MOST_SUBJECTS = 12

HOW_TO_READ = (
    "`iff`: wherever the rule holds the finding is there, and wherever it does not the combination is good; what is "
    "neither says nothing and is counted apart. A release in a rule is the first tested one after the change; where "
    "between it and the one before the change lies was not tested. `docs/explain.md` says how rules are chosen."
)


class Block(msgspec.Struct, frozen=True):
    """What is said alike of some (probe, variant)s."""

    subjects: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    judged: bool

    @property
    def title(self) -> str:
        """Their names, as far as there is room."""
        names = ["/".join(filter(None, subject)) for subject in self.subjects]
        more = len(names) - _MOST_SUBJECTS
        return ", ".join(names) if more <= 1 else f"{', '.join(names[:_MOST_SUBJECTS])} and {more} more"


def blocks(book: Rulebook) -> list[Block]:
    """Return what is to be said; what is alike is said once."""
    own: dict[tuple[str, str], list[Told]] = {}
    for told in book.told:
        own.setdefault(told.subject, []).append(told)
    together: dict[tuple[tuple[Line, ...], bool], list[tuple[str, str]]] = {}
    for subject, all_told in own.items():
        together.setdefault((tuple(_subject(all_told)), subject[0] in book.judged), []).append(subject)
    return [Block(tuple(subjects), lines, judged) for (lines, judged), subjects in together.items()]


def render_text(book: Rulebook, title: str) -> str:
    """Return the rules for a terminal."""
    lines = [f"{title}: {_evidence(book)}"]
    for block in blocks(book):
        lines += ["", block.title, *("  " * (line.depth + 1) + line.text for line in block.lines)]
    return "\n".join(lines) + "\n"


def render_markdown(book: Rulebook, title: str) -> str:
    """Return the rules as Markdown."""
    lines = [f"# Rules of {escape(title)}", "", f"{escape(_evidence(book))}.", "", HOW_TO_READ, ""]
    found = blocks(book)
    for heading, chosen in (
        ("Models", [block for block in found if block.judged]),
        ("Operators and other probes", [block for block in found if not block.judged]),
    ):
        lines += [f"## {heading}", ""] if chosen else []
        for block in chosen:
            lines += [f"### {escape(block.title)}", ""]
            lines += ["  " * line.depth + f"- {escape(line.text)}" for line in block.lines] + [""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _evidence(book: Rulebook) -> str:
    number = book.combinations
    return f"{number} combination{'' if number == 1 else 's'}, {' and '.join(book.evidence) or 'no'} evidence"


def _subject(told: Sequence[Told]) -> Iterator[Line]:
    """Yield the lines of one (probe, variant): of all lanes together, then of lanes that differ."""
    words = {each.finding for each in told if each.finding != ANY}
    names: dict[tuple[tuple[Lane, ...], RuleSet], list[str]] = {}
    for each in told:
        names.setdefault((each.lanes, each.rules), []).append(each.finding)
    whole = {each.finding: each.rules for each in told if not each.lanes}
    for (lanes, rules), findings in names.items():
        head = f"with {_lanes(lanes)}: " if lanes else ""
        what = _findings(findings, words)
        if lanes and _same(rules, whole.get(findings[0])):
            yield Line(1, f"{head}{what} by the same rule, {counts(rules)}")
        else:
            good = "usable" if told[0].probe == ENVIRONMENT.probe else "good"
            yield from rule_lines(head, what, rules, 1 if lanes else 0, good)


def _findings(findings: Sequence[str], words: set[str]) -> str:
    """Return the names of findings with equal rules; "bad" only where it is more than these."""
    own = [finding for finding in findings if finding != ANY]
    return " and ".join(own if words and set(own) == words else findings)


def _same(rules: RuleSet, other: RuleSet | None) -> bool:
    if other is None or rules.state != RULES or other.state != RULES or rules.inverse != other.inverse:
        return False
    return [rule.halves for rule in rules.rules] == [rule.halves for rule in other.rules]


def _lanes(lanes: Sequence[Lane]) -> str:
    """Return `torchscript 13, 17 and dynamo 18`."""
    found: dict[tuple[str, str], list[str]] = {}
    for lane in lanes:
        precision = "" if lane.precision == "fp32" else f" {lane.precision}"
        runner = "" if lane.runner == "onnxruntime-cpu" else f" {lane.runner}"
        found.setdefault((lane.exporter, precision + runner), []).append(str(lane.opset or ""))
    return " and ".join(f"{exporter} {', '.join(opsets)}".rstrip() + rest for (exporter, rest), opsets in found.items())
