"""Controls of a wide scan: the rules of controls.py on a grid, where a control is a column like any other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.controls import (
    QUARANTINED,
    Doubt,
    Lane,
    LaneState,
    Seen,
    failure_kind,
    honest,
    lane_facts,
    lane_state,
    of_the_machine,
    whole_doubt,
)
from matrixscan.analysis.grid import ENVIRONMENT, OK, CaseKey, Grid, Words
from matrixscan.analysis.judge import BAD_OUTCOMES
from matrixscan.matrix.controls import CONTROL, KNOWN_BAD, KNOWN_GOOD, control_probe
from matrixscan.plan.ids import combination_id
from matrixscan.records.types import ExpectedFailure

_Mask = NDArray[np.bool_]
_Columns = dict[Lane, dict[str, list[int]]]

_MANY = 3


class TrustedGrid(msgspec.Struct, frozen=True, eq=False):
    """A grid without controls, in which what is quarantined says nothing."""

    grid: Grid
    doubts: tuple[Doubt, ...]
    controlled: tuple[str, ...]
    uncontrolled: tuple[str, ...]


def trusted_grid(grid: Grid, today: dt.date) -> TrustedGrid:
    """Return a grid as far as it can be trusted.

    Args:
        grid: With the columns of the controls.
        today: The day of the scan: announcements run out.
    """
    own = [index for index, case in enumerate(grid.cases) if case.probe != CONTROL]
    columns = _control_columns(grid)
    announced = _announced() if columns else ()
    names = [combination_id(row) for row in grid.rows]
    usable = grid.codes[:, 0] == OK
    codes, errors = grid.codes.copy(), grid.errors.copy()
    texts = {text: index for index, text in enumerate(grid.texts)}
    withdrawn_code, words, outcomes = _withdrawn_code(grid)
    states = [_states(grid, row, columns, announced, today) if usable[row] else {} for row in range(len(names))]
    doubts = []
    for row, doubt in _doubts(grid, own, names, states):
        doubts.append(doubt)
        where = _concerned(grid, row, own, doubt)
        codes[row, where] = withdrawn_code
        errors[row, where] = texts.setdefault(f"{QUARANTINED}: {doubt.words}", len(texts))
    controlled = [name for name, known in zip(names, states, strict=True) if _vouched(known)]
    silent = [name for name, known, good in zip(names, states, usable, strict=True) if good and not known]
    trusted = msgspec.structs.replace(
        grid,
        cases=tuple(grid.cases[index] for index in own),
        words=words,
        outcomes=outcomes,
        codes=codes[:, own],
        texts=tuple(texts),
        errors=errors[:, own],
        plain=None if grid.plain is None else grid.plain[:, own],
    )
    return TrustedGrid(trusted, tuple(doubts), tuple(controlled), tuple(silent))


def _control_columns(grid: Grid) -> _Columns:
    columns: _Columns = {}
    for index, case in enumerate(grid.cases):
        if case.probe == CONTROL:
            sides = columns.setdefault(_lane(case), {KNOWN_GOOD: [], KNOWN_BAD: []})
            sides.setdefault(case.variant, []).append(index)
    return columns


def _lane(case: CaseKey) -> Lane:
    return (case.exporter, case.opset, case.precision, case.runner)


def _announced() -> tuple[ExpectedFailure, ...]:
    """Return what is announced today: a table of a wide scan does not keep it."""
    known = control_probe().expected
    return tuple(ExpectedFailure(each.match, each.reason, each.until, each.when) for each in known)


def _withdrawn_code(grid: Grid) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    # After all that the grid has; its own codes stay what they are.
    known = Words()
    for word, outcome in zip(grid.words, grid.outcomes, strict=True):
        known.add(word, outcome)
    code = known.add("quarantined", "infra")
    return code, known.words, known.outcomes


def _states(
    grid: Grid, row: int, columns: _Columns, announced: Sequence[ExpectedFailure], today: dt.date
) -> dict[Lane, LaneState]:
    found = {}
    for lane, sides in columns.items():
        good, bad = ([_seen(grid, row, column) for column in sides[side]] for side in (KNOWN_GOOD, KNOWN_BAD))
        if any(case.outcome != "not_run" for case in (*good, *bad)):
            facts = {**grid.rows[row], **lane_facts(lane)}
            found[lane] = lane_state(good, bad, _honest(facts, announced, today))
    return found


def _honest(
    facts: Mapping[str, str | int], announced: Sequence[ExpectedFailure], today: dt.date
) -> Callable[[Seen], bool]:
    return lambda seen: honest(seen, facts, announced, today)


def _seen(grid: Grid, row: int, column: int) -> Seen:
    code = grid.codes[row, column]
    stage, _, reason = grid.words[code].partition(": ")
    return Seen(stage or None, grid.outcomes[code], reason or None, grid.texts[grid.errors[row, column]])


def _vouched(states: Mapping[Lane, LaneState]) -> bool:
    return any(state.state == "controlled" for state in states.values())


def _doubts(
    grid: Grid, own: Sequence[int], names: Sequence[str], states: Sequence[Mapping[Lane, LaneState]]
) -> list[tuple[int, Doubt]]:
    passes = (grid.codes == OK).sum(axis=0)
    deciding = [
        index for index in own if grid.cases[index] != ENVIRONMENT and grid.cases[index].runner not in grid.witnesses
    ]
    found = []
    for row, name in enumerate(names):
        whole = whole_doubt(states[row], grid.witnesses)
        doubt = Doubt(name, *whole) if whole else _all_at_once(grid, row, deciding, name, states[row], passes)
        if doubt is not None:
            found.append((row, doubt))
    return found


def _all_at_once(
    grid: Grid, row: int, columns: Sequence[int], name: str, states: Mapping[Lane, LaneState], passes: NDArray[np.intp]
) -> Doubt | None:
    """Return the doubt about a row in which everything fails for one reason; in others the same cases pass."""
    outcomes = np.array(grid.outcomes)[grid.codes[row, columns]]
    failing = [index for index, outcome in zip(columns, outcomes, strict=True) if outcome in BAD_OUTCOMES]
    if "passed" in outcomes or not failing:
        return None
    seen = [_seen(grid, row, index) for index in failing]
    kinds = {failure_kind(case.stage, case.outcome, case.reason, case.said.partition(":")[0]) for case in seen}
    probes = {grid.cases[index].probe for index in failing}
    if len(kinds) != 1 or len(probes) < _MANY or not passes[failing].any():
        return None
    vouched = any(state.state in {"controlled", "honest"} for state in states.values())
    if vouched and not of_the_machine(seen[0].outcome, (seen[0].reason or "").rpartition(", ")[2]):
        return None
    words = f"all {len(probes)} probes fail for one reason ({kinds.pop()}), and elsewhere they do not"
    return Doubt(name, words)


def _concerned(grid: Grid, row: int, own: Sequence[int], doubt: Doubt) -> list[int]:
    """Return the columns of a row that are withdrawn; what was not run or does not exist stays so."""
    return [
        index
        for index in own
        if grid.cases[index] != ENVIRONMENT
        and grid.outcomes[grid.codes[row, index]] not in {"not_run", "infeasible"}
        and (not doubt.lanes or _lane(grid.cases[index]) in doubt.lanes)
    ]
