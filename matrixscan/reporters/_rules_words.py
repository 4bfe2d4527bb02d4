"""A rule set in words: what it says, on how many combinations, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from matrixscan.analysis.rules import ALWAYS, NEVER, RULES, UNEXPLAINED, Bound, RuleSet, conjunction
from matrixscan.analysis.rules_cost import MOST_AXES, MOST_RULES, limits_of

_MOST_NAMED = 8
_MOST_ALTERNATIVES = 3
_BOTH = 2


class Line(msgspec.Struct, frozen=True):
    """A line of text, so far to the right."""

    depth: int
    text: str


def rule_lines(prefix: str, finding: str, rules: RuleSet, depth: int, good: str = "good") -> Iterator[Line]:
    """Yield what there is to say about a finding.

    Args:
        prefix: What the first line starts with.
        finding: Its name.
        rules: What was found.
        depth: Of the first line.
        good: What combinations are called that do not show it.
    """
    some = rules.positives + rules.negatives
    head, details = {
        ALWAYS: (f"{finding} in {_all(some)}; none is {good}", []),
        NEVER: (f"{good} in {_all(some)}" if some else f"{finding}: nothing is known", []),
        UNEXPLAINED: (_unexplained(finding, rules, good), [*_listed(rules, good), *_search(rules)]),
        RULES: (_head(finding, rules), [*_counted(rules, good), *_details(rules)]),
    }[rules.state]
    yield Line(depth, prefix + head)
    for each in details:
        yield Line(depth + 1, each)


def counts(rules: RuleSet, good: str = "good") -> str:
    """Return `12 of 12 combinations that show it and 0 of 30 good ones; no counter-example`."""
    covered = len(rules.wrong)
    if rules.inverse:
        text = f"{rules.right} of {_ones(rules.negatives, good)} and {covered} of {rules.positives} that show it"
    else:
        shown = "combination that shows" if rules.positives == 1 else "combinations that show"
        text = f"{rules.right} of {rules.positives} {shown} it and {covered} of {_ones(rules.negatives, good)}"
    return f"{text}; {_exceptions(rules)}"


def _ones(number: int, good: str) -> str:
    return f"{number} {good} {'one' if number == 1 else 'ones'}"


def _exceptions(rules: RuleSet) -> str:
    if not rules.exceptions:
        return "no counter-example"
    return f"{rules.exceptions} counter-example{'' if rules.exceptions == 1 else 's'}"


def _all(number: int) -> str:
    if number == 1:
        return "the only combination that says something"
    return f"{'both' if number == _BOTH else f'all {number}'} combinations that say something"


def _unexplained(finding: str, rules: RuleSet, good: str) -> str:
    allowed = limits_of(rules.positives, rules.negatives).exceptions
    but = f" with at most {allowed} counter-examples" if allowed else ""
    return (
        f"{finding} in {rules.positives} combinations and {rules.negatives} are {good}: no set of at most {MOST_RULES} "
        f"rules on at most {MOST_AXES} axes each tells them apart{but}"
    )


def _listed(rules: RuleSet, good: str) -> list[str]:
    which = "that show it" if rules.positives <= rules.negatives else f"that are {good}"
    return [f"those {which}: {_named(rules.listed)}"] if rules.listed else []


def _head(finding: str, rules: RuleSet) -> str:
    sign = "unless" if rules.inverse else "iff"
    but = f", but for {_exceptions(rules)}" if rules.exceptions else ""
    if len(rules.rules) == 1:
        return f"{finding} {sign} {conjunction(rules.rules[0].halves)}{but}"
    return f"{finding} {sign} one of these holds{but}"


def _counted(rules: RuleSet, good: str) -> Iterator[str]:
    several = len(rules.rules) > 1
    for rule in rules.rules if several else ():
        wrong = f", and wrong about {rule.wrong}" if rule.wrong else ""
        yield f"{conjunction(rule.halves)}: {rule.right} combination{'' if rule.right == 1 else 's'}{wrong}"
    few = f"; {rules.positives + rules.negatives} combinations are few, and the rule is weak" if rules.few else ""
    silent = f"; {rules.silent} more say nothing about it" if rules.silent else ""
    if rules.united:
        yield f"no set of at most {MOST_RULES} rules fits: these are those of its findings together"
    yield f"{counts(rules, good)}{silent}{few}"


def _details(rules: RuleSet) -> Iterator[str]:
    bounds = list(dict.fromkeys(bound for rule in rules.rules for bound in rule.bounds))
    gaps = dict.fromkeys(_gap(bound) for bound in bounds if bound.inside and not bound.silent)
    if gaps:
        yield f"nothing tested between {'; '.join(gaps)}"
    for bound in bounds:
        if bound.silent:
            say = "says" if len(bound.silent) == 1 else "say"
            yield f"nothing known between {_gap(bound)}: {_named(bound.silent)} {say} nothing there"
    for bound in bounds:
        if bound.instead:
            yield f"{_or(list(map(str, bound.instead)))} would do as well as {bound.half}: they moved together here"
    if rules.alternatives:
        named = [_set(each) for each in rules.alternatives[:_MOST_ALTERNATIVES]]
        more = rules.more + len(rules.alternatives) - len(named)
        yield f"as good: {'; '.join(named)}{f'; and {more} more' if more else ''}"
    for names, what in ((rules.missed, "not covered"), (rules.wrong, "covered")):
        if names:
            yield f"counter-examples, {what}: {_named(names)}"
    yield from _search(rules)


def _gap(bound: Bound) -> str:
    older, newer = (bound.outside, bound.inside) if bound.half.sign == ">=" else (bound.inside, bound.outside)
    return f"{bound.half.axis} {older} and {newer}"


def _set(rules: Sequence[Sequence[object]]) -> str:
    return " or ".join(conjunction(each) for each in rules)  # type: ignore[arg-type]


def _search(rules: RuleSet) -> list[str]:
    return [] if rules.complete else ["the search was cut short: there may be a smaller set"]


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:_MOST_NAMED])} and {more} more"


def _or(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
