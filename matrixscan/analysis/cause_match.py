"""Whether a known cause is that of a failing case: pure, on facts alone."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from matrixscan.matrix.conditions import holds

Certainty = Literal["certain", "possible"]

#: Conditions with the meaning they have for announced failures (matrix/conditions.py).
PLAIN = ("stage", "outcome", "reason", "exporter", "opset", "precision", "runner")

#: What a condition narrows, where that is not 1. A model of ours narrows most, a version least.
_WEIGHTS = {
    "probe": 3,
    **dict.fromkeys(("error", "operator", "attributes", "torch_operation", "argument"), 2),
    **dict.fromkeys(("shown_by", "versions"), 0),
}


class When(msgspec.Struct, frozen=True):
    """The signature of a cause. Everything that is given must hold."""

    stage: str | None = None
    outcome: str | None = None
    reason: str | None = None
    error: str | None = None  # a regular expression on "Type: message"
    exporter: str | None = None
    opset: str | None = None
    precision: str | None = None
    runner: str | None = None
    probe: str | None = None  # a glob on probe/variant
    contains: str | None = None  # an operator that the artifact holds
    operator: str | None = None  # of the first wrong node, by a diagnosis
    attributes: dict[str, Any] = {}  # of that node
    torch_operation: str | None = None  # a glob on the first torch call that is wrong, by a diagnosis
    argument: str | None = None  # that is given to that call
    shown_by: tuple[str, ...] = ()  # probe/variant globs: models of ours that stand in for a diagnosis
    versions: dict[str, str] = {}  # package -> specifier


class Reference(msgspec.Struct, frozen=True):
    """A published case, or without `case` an environment that could not be had."""

    matrix: str
    cell: str
    case: str = ""


class Cause(msgspec.Struct, frozen=True):
    """What goes wrong, where, and what to do about it."""

    id: str
    title: str
    cause: str
    fix: str
    whose: str
    when: When
    upstream: str | None = None
    verified: tuple[Reference, ...] = ()
    unverified: str | None = None
    general: bool = False  # named after every cause that says more


class First(msgspec.Struct, frozen=True):
    """Where a diagnosis says the values part."""

    operation: str
    arguments: frozenset[str]  # that are given, and neither None nor False
    operator: str | None  # None: it could not be told which of `nodes` it is
    attributes: dict[str, Any]
    nodes: tuple[str, ...]  # operators between what agrees and what no longer does


class Facts(msgspec.Struct, frozen=True):
    """What is known of one failure."""

    plain: dict[str, str | int]  # of PLAIN, what there is
    error: str
    probe: str
    versions: dict[str, str]
    operators: frozenset[str] = frozenset()
    first: First | None = None


def match(cause: Cause, facts: Facts) -> Certainty | None:
    """Return whether this cause is that of the failure, may be, or is not.

    A signature that asks for a diagnosis is certain with one, or in a model of ours that shows nothing else. Without
    either it is possible where the artifact holds the operator that `contains` names.
    """
    when = cause.when
    if not _holds(when, facts):
        return None
    located = _asked_of_diagnosis(when)
    if not (located or when.shown_by):
        return "certain"
    if any(fnmatch.fnmatchcase(facts.probe, pattern) for pattern in when.shown_by):
        return "certain"
    if located and facts.first is not None:
        return _by_diagnosis(when, facts.first)
    return "possible" if not located or when.contains in facts.operators else None


def weight(cause: Cause) -> tuple[bool, int]:
    """Return how much a signature narrows, to put the more specific match first; equal ones keep their order."""
    given = (name for name in cause.when.__struct_fields__ if getattr(cause.when, name))
    return not cause.general, sum(_WEIGHTS.get(name, 1) for name in given) + len(cause.when.versions)


def _holds(when: When, facts: Facts) -> bool:
    # Most signatures name another stage, and reading specifiers costs more than all else.
    if when.stage is not None and when.stage.isalpha() and when.stage != facts.plain.get("stage"):
        return False
    plain = {name: getattr(when, name) for name in PLAIN if getattr(when, name) is not None}
    return (
        holds(plain, facts.plain)
        and (when.probe is None or fnmatch.fnmatchcase(facts.probe, when.probe))
        and (when.contains is None or _asked_of_diagnosis(when) or when.contains in facts.operators)
        and (when.error is None or re.search(when.error, facts.error) is not None)
        and holds(when.versions, facts.versions)
    )


def _asked_of_diagnosis(when: When) -> bool:
    return bool(when.operator or when.torch_operation or when.argument or when.attributes)


def _by_diagnosis(when: When, first: First) -> Certainty | None:
    if when.torch_operation and not fnmatch.fnmatchcase(first.operation, when.torch_operation):
        return None
    if when.argument and when.argument not in first.arguments:
        return None
    if not (when.operator or when.attributes):
        return "certain"
    if first.operator is None:
        # Operators that every graph is full of prove nothing; an entry names in `contains` one that does.
        return "possible" if when.contains is not None and when.operator in {None, *first.nodes} else None
    found = _subset(when.attributes, first.attributes) and when.operator in {None, first.operator}
    return "certain" if found else None


def _subset(asked: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    return all(name in found and found[name] == value for name, value in asked.items())
