"""Which rows of a grid show which finding, and the rules for it: of a whole probe, and by lane where lanes differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from matrixscan.analysis.grid import ENVIRONMENT, OK, Grid
from matrixscan.analysis.grid_verdicts import judge_grid
from matrixscan.analysis.judge import BAD, BAD_OUTCOMES, GOOD
from matrixscan.analysis.rules import NEVER, RULES, UNEXPLAINED, Labels, RuleSet, labels_of
from matrixscan.analysis.rules_find import rules_of, state_rules
from matrixscan.analysis.rules_space import Mask, space_of
from matrixscan.analysis.rules_union import united
from matrixscan.harness.protocol import STAGES

#: The finding of a verdict, whatever the words of it.
ANY = "bad"

_ENVIRONMENT_BAD = BAD_OUTCOMES | {"infeasible"}


class Lane(msgspec.Struct, frozen=True, order=True):
    """One way of converting and running."""

    exporter: str
    opset: int
    precision: str
    runner: str

    def __str__(self) -> str:
        return f"{self.exporter}/opset{self.opset}/{self.precision}/{self.runner}"


class Told(msgspec.Struct, frozen=True):
    """The rules for one finding of one (probe, variant)."""

    probe: str
    variant: str
    finding: str  # "bad", or words like "compare: mismatch"
    lanes: tuple[Lane, ...]  # these alone, each by itself; all of them together where empty
    rules: RuleSet

    @property
    def subject(self) -> tuple[str, str]:
        """Its probe and variant."""
        return self.probe, self.variant


class Rulebook(msgspec.Struct, frozen=True):
    """All rules of a matrix."""

    evidence: tuple[str, ...]
    combinations: int
    judged: tuple[str, ...]
    told: tuple[Told, ...]  # judged probes first, then in the order of the cases; the environment last


def rulebook(
    grid: Grid,
    judged: Sequence[str] = (),
    *,
    subjects: Collection[tuple[str, str]] | None = None,
    every_lane: bool = False,
) -> Rulebook:
    """Return the rules of a grid.

    Args:
        grid: What was measured, without controls.
        judged: Probes that decide; theirs come first.
        subjects: The (probe, variant) to speak of; all, and the environment, where None.
        every_lane: Speak of each lane by itself, also where they agree.
    """
    explainer = _Explainer(grid, every_lane=every_lane)
    chosen = [subject for subject in grid.subjects() if subjects is None or subject in subjects]
    chosen.sort(key=lambda subject: subject[0] not in judged)
    told = [each for subject in chosen for each in explainer.subject(subject)]
    if subjects is None or ENVIRONMENT[:2] in subjects:
        told += explainer.environment()
    return Rulebook(tuple(sorted(set(grid.evidence))), len(grid.rows), tuple(judged), tuple(told))


class _Explainer:
    """Asks for the rules of equal labels once."""

    def __init__(self, grid: Grid, *, every_lane: bool) -> None:
        self._grid = grid
        self._every_lane = every_lane
        self._space = space_of(grid.rows)
        self._verdicts = judge_grid(grid)
        self._usable = grid.codes[:, 0] == OK
        self._bad = np.array([outcome in BAD_OUTCOMES for outcome in grid.outcomes])
        self._known: dict[bytes, RuleSet] = {}
        self._columns: dict[tuple[str, str], dict[Lane, list[int]]] = {}
        for index, case in enumerate(grid.cases):
            if case != ENVIRONMENT and case.runner not in grid.witnesses:
                lane = Lane(case.exporter, case.opset, case.precision, case.runner)
                self._columns.setdefault(case[:2], {}).setdefault(lane, []).append(index)

    def environment(self) -> Iterator[Told]:
        """Yield the rules for environments that could not be made or used."""
        codes = self._grid.codes[:, 0]
        shown = [outcome in _ENVIRONMENT_BAD for outcome in self._grid.outcomes]
        bad = np.array(shown)[codes]
        if bad.any():
            words = {self._grid.words[code] for code in codes[bad]}
            for finding in (ANY, *sorted(words, key=_by_stage)):
                own = bad & np.array([finding in {ANY, word} for word in self._grid.words])[codes]
                yield Told(*ENVIRONMENT[:2], finding, (), self._rules(labels_of(own, self._usable)))

    def subject(self, subject: tuple[str, str]) -> Iterator[Told]:
        """Yield the rules for one (probe, variant)."""
        lanes = dict(sorted(self._columns.get(subject, {}).items()))
        verdict = self._verdicts.verdict[:, self._verdicts.of(subject)]
        bad, good = (verdict == BAD) & self._usable, (verdict == GOOD) & self._usable
        columns = [column for own in lanes.values() for column in own]
        words = self._words(columns)
        labels = {word: labels_of(self._shows(columns, word), good) for word in words}
        for finding in (ANY, *words):
            rules = (
                self._verdict(labels_of(bad, good), labels.values()) if finding == ANY else self._rules(labels[finding])
            )
            yield Told(*subject, finding, (), rules)
            own = {lane: self._lane(lanes[lane], finding) for lane in lanes}
            if own and (self._every_lane or _differ(own.values())):
                yield from self._lanes(subject, finding, own, lanes)

    def _verdict(self, labels: Labels, findings: Iterable[Labels]) -> RuleSet:
        """Return the rules for a verdict; where no few of them fit, those of its findings."""
        rules = self._rules(labels)
        if rules.state != UNEXPLAINED:
            return rules
        parts = [self._rules(one) for one in findings if (one > 0).any()]
        return united(parts, self._grid.rows, labels, self._space) or rules

    def _lanes(
        self, subject: tuple[str, str], finding: str, labels: dict[Lane, Labels], columns: Mapping[Lane, list[int]]
    ) -> Iterator[Told]:
        """Yield the rules of lanes; what holds for one is asked of the others before rules of their own are sought."""
        stated: list[RuleSet] = []
        found: dict[Lane, RuleSet] = {}
        for lane in sorted(labels, key=lambda lane: (-int((labels[lane] != 0).sum()), lane)):
            known = (self._again(rules, labels[lane]) for rules in stated)
            words = self._words(columns[lane]) if finding == ANY else []
            findings = (self._lane(columns[lane], word) for word in words)
            rules = next((each for each in known if each is not None), None) or self._verdict(labels[lane], findings)
            found[lane] = rules
            if rules.state == RULES:
                stated.append(rules)
        together: dict[RuleSet, list[Lane]] = {}
        for lane in labels:
            if found[lane].state != NEVER or found[lane].negatives:
                together.setdefault(found[lane], []).append(lane)
        for rules, lanes in together.items():
            yield Told(*subject, finding, tuple(lanes), rules)

    def _again(self, rules: RuleSet, labels: Labels) -> RuleSet | None:
        """Return rules with their counts in another lane, where they hold without any counter-example."""
        sets = [rule.halves for rule in rules.rules]
        if not (labels > 0).any() or not (labels < 0).any():
            return None
        made = state_rules(sets, self._grid.rows, labels, self._space, inverse=rules.inverse)
        return made if made is not None and not made.exceptions else None

    def _rules(self, labels: Labels) -> RuleSet:
        key = labels.tobytes()
        if key not in self._known:
            self._known[key] = rules_of(self._grid.rows, labels, self._space)
        return self._known[key]

    def _lane(self, columns: Sequence[int], finding: str) -> Labels:
        good = (self._grid.codes[:, columns] == OK).all(axis=1)
        return labels_of(self._shows(columns, finding), good & self._usable)

    def _shows(self, columns: Sequence[int], finding: str) -> Mask:
        """Return which rows show a finding in any of some cases."""
        wanted = [bool(bad) and finding in {ANY, word} for word, bad in zip(self._grid.words, self._bad, strict=True)]
        shown: Mask = np.array(wanted)[self._grid.codes[:, columns]].any(axis=1) & self._usable
        return shown

    def _words(self, columns: Sequence[int]) -> list[str]:
        codes = np.unique(self._grid.codes[self._usable][:, columns])
        return sorted({self._grid.words[code] for code in codes if self._bad[code]}, key=_by_stage)


def _by_stage(word: str) -> tuple[int, str]:
    stage = word.partition(":")[0]
    return STAGES.index(stage) if stage in STAGES else len(STAGES), word


def _differ(labels: Collection[Labels]) -> bool:
    """Return whether any row shows a finding in one lane and is good in another."""
    every = np.array(list(labels))
    return bool(((every > 0).any(axis=0) & (every < 0).any(axis=0)).any())
