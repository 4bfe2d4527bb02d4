"""rules.json: the rules of a matrix for programs."""

from __future__ import annotations

import msgspec

from matrixscan.analysis.rules import RuleSet
from matrixscan.analysis.rules_cost import (
    BOUND_COST,
    EXCEPTION_COST,
    MOST_AXES,
    MOST_EXCEPTIONS,
    MOST_RULES,
    ROWS_PER_EXCEPTION,
    RULE_COST,
)
from matrixscan.analysis.rules_grid import Rulebook
from matrixscan.records.layout import layout

SCHEMA_VERSION = 1

_LINES = ("rule_sets", "findings")


class Criterion(msgspec.Struct, frozen=True):
    """By what the rule sets were chosen; docs/explain.md says how."""

    rules: int = MOST_RULES
    axes: int = MOST_AXES
    counter_examples: int = MOST_EXCEPTIONS
    combinations_per_counter_example: int = ROWS_PER_EXCEPTION
    cost_of_rule: int = RULE_COST
    cost_of_bound: int = BOUND_COST
    cost_of_counter_example: int = EXCEPTION_COST


class FindingRules(msgspec.Struct, frozen=True):
    """Which rule set is that of a finding. Lanes as in the ids of cases; all of them together where there are none."""

    probe: str
    variant: str
    finding: str
    lanes: tuple[str, ...]
    rule_set: int


class RulesFile(msgspec.Struct, frozen=True):
    """The whole file. Equal rule sets stand once."""

    schema_version: int
    matrix: str
    evidence: tuple[str, ...]
    combinations: int
    judged: tuple[str, ...]
    criterion: Criterion
    rule_sets: tuple[RuleSet, ...]
    findings: tuple[FindingRules, ...]


def rules_file(book: Rulebook, matrix: str) -> RulesFile:
    """Return the rules of a matrix as they are published."""
    numbers: dict[RuleSet, int] = {}
    findings = [
        FindingRules(
            told.probe,
            told.variant,
            told.finding,
            tuple(map(str, told.lanes)),
            numbers.setdefault(told.rules, len(numbers)),
        )
        for told in book.told
    ]
    return RulesFile(
        SCHEMA_VERSION,
        matrix,
        book.evidence,
        book.combinations,
        book.judged,
        Criterion(),
        tuple(numbers),
        tuple(findings),
    )


def rules_text(book: Rulebook, matrix: str) -> str:
    """Return rules.json."""
    plain = msgspec.json.decode(msgspec.json.encode(rules_file(book, matrix)))
    return layout(plain, lines=_LINES) + "\n"


def rules_of_json(text: bytes) -> RulesFile:
    """Read rules.json."""
    return msgspec.json.decode(text, type=RulesFile)
