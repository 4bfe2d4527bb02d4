"""What moves between combinations without failing: eager itself, and margins of what still passes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from matrixscan.analysis.conflicts import DataConflict
from matrixscan.analysis.grid import version_order
from matrixscan.harness.protocol import size_text
from matrixscan.records.types import CaseRecord, Record

#: A margin above this is not worth a word, nor is one that fell by less than the other.
AMPLE = 100.0
FALL = 10.0

#: Share of an output's size by which eager may differ before the model counts as another one.
EAGER_SHARE = 1e-3


class EagerDrift(msgspec.Struct, frozen=True):
    """Eager gives another output than in an earlier release, from the same weights and inputs."""

    probe: str
    variant: str
    size: str
    output: str
    before: str  # ids of combinations
    after: str
    torch: tuple[str, str]
    share: float  # root mean square of the difference over that of the output; an estimate, good to about a third

    def describe(self) -> str:
        """Return one line for people."""
        releases = " and ".join(dict.fromkeys(f"torch {version}" for version in self.torch))
        return (
            f"{self.probe}/{self.variant} at {self.size}: eager's {self.output} differs by {self.share:.1g} of its "
            f"size between {self.before} and {self.after} ({releases}): the model changed there, not its export alone"
        )


class MarginDrift(msgspec.Struct, frozen=True):
    """An output passes in both combinations, in one of them by much less."""

    case: str
    output: str
    most: tuple[str, float]  # id of a combination, margin
    least: tuple[str, float]

    def describe(self) -> str:
        """Return one line for people."""
        (best, most), (worst, least) = self.most, self.least
        return f"{self.case} {self.output}: margin {least:.3g} in {worst}, {most:.3g} in {best}; it passes in both"


def eager_drifts(records: Sequence[Record], conflicts: Iterable[DataConflict] = ()) -> tuple[EagerDrift, ...]:
    """Compare what eager gave between neighbouring releases of torch; nothing where weights or inputs differ.

    Args:
        records: Of combinations.
        conflicts: Probes whose data differ between them.
    """
    unlike = {conflict.probe for conflict in conflicts}
    rows = sorted(records, key=lambda record: version_order(record.axes.get("torch", "")))
    seen: dict[tuple[str, str, str], list[tuple[Record, tuple[float, ...], float]]] = {}
    for record in rows:
        noises = _noises(record)
        for probe, described in record.probes.items():
            for place, outputs in described.eager.items() if probe not in unlike else ():
                for output, sketch in outputs.items():
                    found = seen.setdefault((probe, place, output), [])
                    found.append((record, sketch, noises.get((probe, place, output), 0.0)))
    return tuple(
        drift
        for (probe, place, output), found in sorted(seen.items())
        for before, after in itertools.pairwise(found)
        if (drift := _eager_drift((probe, place, output), before, after)) is not None
    )


def _eager_drift(
    key: tuple[str, str, str],
    before: tuple[Record, tuple[float, ...], float],
    after: tuple[Record, tuple[float, ...], float],
) -> EagerDrift | None:
    (one, left, noise), (other, right, more) = before, after
    distance = sketch_distance(left, right)
    size = max(left[0], right[0])
    if distance <= EAGER_SHARE * size + max(noise, more):
        return None
    probe, place, output = key
    variant, _, lengths = place.rpartition(" ")
    torch = one.axes.get("torch", "none"), other.axes.get("torch", "none")
    return EagerDrift(probe, variant, lengths, output, one.id, other.id, torch, distance / size)


def sketch_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return an estimate of the root mean square of the difference of two outputs (see harness/sketch.py)."""
    if len(one) != len(other):
        return 0.0  # of another sort, and not to be compared
    return float(np.sqrt(np.sum((np.array(one[1:]) - np.array(other[1:])) ** 2)))


def _noises(record: Record) -> Mapping[tuple[str, str, str], float]:
    return {
        (case.probe, f"{case.variant} {size_text(case.size)}", output.name): output.noise_floor
        for case in record.cases
        for output in case.outputs
        if output.noise_floor is not None
    }


def margin_drifts(cells: Iterable[tuple[str, Sequence[CaseRecord]]]) -> tuple[MarginDrift, ...]:
    """Return of each (probe, variant) and combination the output whose margin fell most, where it fell enough.

    Args:
        cells: Ids of combinations with their settled cases.
    """
    seen: dict[tuple[str, str, str, str], list[tuple[str, float]]] = {}
    for cell, cases in cells:
        for case in cases:
            if case.outcome != "passed" or case.witness:
                continue
            for output in case.outputs:
                if output.margin is not None:
                    key = (case.probe, case.variant, case.id, output.name)
                    seen.setdefault(key, []).append((cell, output.margin))
    worst: dict[tuple[str, str, str], MarginDrift] = {}
    for (probe, variant, case_id, output_name), found in sorted(seen.items()):
        most = max(found, key=lambda pair: pair[1])
        for cell, margin in found:
            known = worst.get((probe, variant, cell))
            if margin < AMPLE and most[1] >= FALL * margin and (known is None or margin < known.least[1]):
                worst[probe, variant, cell] = MarginDrift(case_id, output_name, most, (cell, margin))
    return tuple(worst.values())
