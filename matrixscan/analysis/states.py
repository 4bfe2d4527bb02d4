"""What is known of a matrix on a day, in few words: the verdict of every lane of every combination.

It is what `nightly` compares with the night before, and small enough to be kept for that.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from matrixscan.analysis.grid import ENVIRONMENT, NOT_RUN, Grid
from matrixscan.analysis.grid_verdicts import code_ranks
from matrixscan.analysis.judge import BAD, BAD_OUTCOMES, GOOD, NOT_APPLICABLE, UNKNOWN
from matrixscan.plan.ids import combination_id

#: A lane that came out both ways with nothing changed.
FLAKY = "flaky"

#: Verdicts that say something.
KNOWN = frozenset({GOOD, BAD, NOT_APPLICABLE, FLAKY})


class LaneKey(NamedTuple):
    """What the sizes of a case have in common."""

    probe: str
    variant: str
    exporter: str
    opset: int
    precision: str
    runner: str

    @property
    def subject(self) -> str:
        """`probe/variant`; empty for the environment."""
        return "" if self == ENVIRONMENT_LANE else f"{self.probe}/{self.variant}"

    @property
    def label(self) -> str:
        """`torchscript, opset 13`, with precision and runner where they are not the usual ones."""
        if self == ENVIRONMENT_LANE:
            return ""
        usual = {"fp32", "onnxruntime-cpu"}
        parts = [self.exporter, f"opset {self.opset}" if self.opset else "", self.precision, self.runner]
        return ", ".join(part for part in parts if part and part not in usual)


ENVIRONMENT_LANE = LaneKey(*ENVIRONMENT[:6])


class Told(msgspec.Struct, frozen=True, array_like=True):
    """A verdict with the words of a failure. `was`: what was known before something came to be unknown."""

    verdict: str
    words: str = ""
    was: str = ""
    was_words: str = ""

    @property
    def known(self) -> str:
        """The last verdict that said something; empty where there was none."""
        return self.verdict if self.verdict in KNOWN else self.was

    @property
    def said(self) -> str:
        """The words that belong to `known`, as people read them."""
        words = self.words if self.verdict in KNOWN else self.was_words
        return words or {GOOD: "ok", NOT_APPLICABLE: "n/a"}.get(self.known, self.known)


class Row(msgspec.Struct, frozen=True):
    """A combination. `setup` is the history's name for what decides its results."""

    axes: dict[str, str]
    lanes: dict[LaneKey, Told]
    setup: str = ""
    gone: bool = False  # not in the plan any more; still what newer releases are compared with


class State(msgspec.Struct, frozen=True):
    """Combinations by id, and the digests of their probes."""

    rows: dict[str, Row] = {}
    probes: dict[str, str] = {}


def state_of_grid(grid: Grid, probes: Mapping[str, str], setups: Mapping[str, str]) -> State:
    """Return the state of judged cases; what was not run is left out, and so is what a witness says.

    Args:
        grid: As far as it can be trusted (analysis/controls.py).
        probes: Name -> digest.
        setups: Id of a combination -> its setup, as far as known.
    """
    names = [combination_id(row) for row in grid.rows]
    lanes: list[dict[LaneKey, Told]] = [{} for _ in names]
    for key, columns in _lanes(grid).items():
        for row, told in _judged(grid, columns):
            lanes[row][key] = told
    for row, code in enumerate(grid.codes[:, 0]):
        environment = _environment(grid, int(code))
        if environment is not None:
            # Its cases say nothing beyond it where it could not be used.
            lanes[row] = {ENVIRONMENT_LANE: environment, **(lanes[row] if environment.verdict == GOOD else {})}
    rows = zip(names, grid.rows, lanes, strict=True)
    return State({name: Row(dict(axes), found, setups.get(name, "")) for name, axes, found in rows}, dict(probes))


def _lanes(grid: Grid) -> dict[LaneKey, list[int]]:
    found: dict[LaneKey, list[int]] = {}
    for column, case in enumerate(grid.cases):
        if case != ENVIRONMENT and case.runner not in grid.witnesses:
            found.setdefault(LaneKey(*case[:6]), []).append(column)
    return found


def _judged(grid: Grid, columns: Sequence[int]) -> list[tuple[int, Told]]:
    """Return row and verdict of one lane wherever some case of it was run."""
    codes = grid.codes[:, columns]
    bad = _flags(grid, BAD_OUTCOMES)[codes].any(axis=1)
    out = _flags(grid, {"infeasible"})[codes].all(axis=1)
    good = _flags(grid, {"passed"})[codes].all(axis=1)
    first = code_ranks(grid)[codes].argmin(axis=1)
    verdicts = np.select([bad, out, good], [BAD, NOT_APPLICABLE, GOOD], UNKNOWN)
    found = []
    for row in np.flatnonzero((codes != NOT_RUN).any(axis=1)):
        verdict, words = str(verdicts[row]), grid.words[codes[row, first[row]]]
        said = words if verdict in {BAD, UNKNOWN} and words != "ok" else ""
        found.append((int(row), Told(verdict, said)))
    return found


def _flags(grid: Grid, outcomes: Collection[str]) -> NDArray[np.bool_]:
    return np.array([outcome in outcomes for outcome in grid.outcomes])


def _environment(grid: Grid, code: int) -> Told | None:
    outcome = grid.outcomes[code]
    if code == NOT_RUN:
        return None
    if outcome == "passed":
        return Told(GOOD)
    return Told(BAD if outcome in BAD_OUTCOMES or outcome == "infeasible" else UNKNOWN, grid.words[code])


def without_changed_probes(state: State, probes: Mapping[str, str]) -> State:
    """Return a state without the lanes of probes that are not what they were: those were other models."""
    changed = {name for name, digest in state.probes.items() if probes.get(name, digest) != digest}
    if not changed:
        return state
    rows = {
        name: msgspec.structs.replace(
            row, lanes={key: told for key, told in row.lanes.items() if key.probe not in changed}
        )
        for name, row in state.rows.items()
    }
    return State(rows, state.probes)


def pack(state: State) -> bytes:
    """Return a state as it is kept: names and verdicts once, then numbers."""
    lanes: dict[LaneKey, int] = {}
    words: dict[Told, int] = {}
    rows = {name: (row.axes, row.setup, row.gone, _numbers(row, lanes, words)) for name, row in state.rows.items()}
    body: tuple[Any, ...] = (state.probes, list(lanes), list(words), rows)
    return zlib.compress(msgspec.msgpack.encode(body))


def _numbers(row: Row, lanes: dict[LaneKey, int], words: dict[Told, int]) -> list[int]:
    found: list[int] = []
    for key, told in row.lanes.items():
        found += (lanes.setdefault(key, len(lanes)), words.setdefault(told, len(words)))
    return found


_PACKED = tuple[dict[str, str], list[LaneKey], list[Told], dict[str, tuple[dict[str, str], str, bool, list[int]]]]


def unpack(body: bytes) -> State:
    """Return what was packed."""
    probes, lanes, words, rows = msgspec.msgpack.decode(zlib.decompress(body), type=_PACKED)
    made = {}
    for name, (axes, setup, gone, numbers) in rows.items():
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        made[name] = Row(axes, {lanes[lane]: words[word] for lane, word in pairs}, setup, gone)
    return State(made, probes)
