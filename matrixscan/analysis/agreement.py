"""Factored against joint evidence of the same combinations. A disagreement is shown, never averaged."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from matrixscan.analysis.flips import word_numbers
from matrixscan.analysis.grid import NOT_RUN, CaseKey, Grid
from matrixscan.analysis.grid_evidence import experience_of
from matrixscan.records.packaging import PackagingRecord


class Difference(msgspec.Struct, frozen=True):
    """One case that does not end alike."""

    axes: dict[str, str]
    case: CaseKey
    factored: str
    joint: str
    factored_error: str = ""
    joint_error: str = ""
    package: str = ""  # the release of a package that was found to be behind the joint end


class Agreement(msgspec.Struct, frozen=True):
    """How far both kinds of evidence say the same. Environments are among the differing, and are not counted."""

    combinations: int  # in both
    cases: int  # measured in both
    same: int
    differing: tuple[Difference, ...]
    unmatched: int  # combinations of the joint scan that the factored one does not have
    only_factored: int  # cases of these combinations measured in one of both alone
    only_joint: int


def agreement(factored: Grid, joint: Grid, looked: Iterable[PackagingRecord] = ()) -> Agreement:
    """Compare every case that both measured, in combinations with the same axes.

    Args:
        factored: Sides measured apart.
        joint: Whole environments.
        looked: What was found out about packages beside the axes of those.
    """
    experience = experience_of(joint, (), looked)
    ours = {frozenset(row.items()): index for index, row in enumerate(factored.rows)}
    pairs = [(ours.get(frozenset(row.items())), index) for index, row in enumerate(joint.rows)]
    matched = [(left, right) for left, right in pairs if left is not None]
    columns = {case: index for index, case in enumerate(factored.cases)}
    shared = [(columns[case], index) for index, case in enumerate(joint.cases) if case in columns]
    here, there = word_numbers(factored), word_numbers(joint)
    differing: list[Difference] = []
    cases = same = 0
    for left, right in matched:
        for one, other in shared:
            if NOT_RUN in (here[left, one], there[right, other]):
                continue
            alike = factored.words[factored.codes[left, one]] == joint.words[joint.codes[right, other]]
            cases += one != 0
            same += alike and one != 0
            if not alike:
                found = _difference(factored, joint, (left, one), (right, other))
                package = experience.evidence(right, other).packaging if experience.is_bad(right, other) else ""
                differing.append(msgspec.structs.replace(found, package=package))
    return Agreement(
        combinations=len(matched),
        cases=cases,
        same=same,
        differing=tuple(differing),
        unmatched=len(pairs) - len(matched),
        only_factored=sum(int((here[left, 1:] != NOT_RUN).sum()) for left, _ in matched) - cases,
        only_joint=sum(int((there[right, 1:] != NOT_RUN).sum()) for _, right in matched) - cases,
    )


def _difference(factored: Grid, joint: Grid, ours: tuple[int, int], theirs: tuple[int, int]) -> Difference:
    return Difference(
        axes=joint.rows[theirs[0]],
        case=joint.cases[theirs[1]],
        factored=factored.words[factored.codes[ours]],
        joint=joint.words[joint.codes[theirs]],
        factored_error=factored.texts[factored.errors[ours]],
        joint_error=joint.texts[joint.errors[theirs]],
    )
