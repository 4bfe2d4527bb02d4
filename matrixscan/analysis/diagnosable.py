"""Which failing cases are worth a diagnosis, most telling first."""

from __future__ import annotations

import collections
import math
from collections.abc import Collection, Sequence

from matrixscan.analysis.judge import group_lanes, settle_cases
from matrixscan.matrix.controls import CONTROL
from matrixscan.records.types import CaseRecord, Record

#: Stages that leave an artifact to look at; what the comparison finds says most.
_STAGES = ("compare", "run", "load")


def to_diagnose(record: Record, *, judged: Collection[str], runners: Collection[str]) -> tuple[CaseRecord, ...]:
    """Return one failing case of every failing lane.

    Of each exporter's lanes of a model one comes before all the others: what those show is mostly the same, and the
    time may not do for all. Judged probes go before the others.

    Args:
        record: What one combination did.
        judged: Probes that decide verdicts.
        runners: Those whose artifacts can be looked at.
    """
    cases = (case for case in settle_cases(record.cases) if case.probe != CONTROL)  # one of those is to fail
    lanes = group_lanes(case for case in cases if case.runner in runners and not case.witness)
    chosen = [_telling(failing) for lane in lanes.values() if (failing := list(filter(_fails, lane)))]
    turn: collections.Counter[tuple[str, str, str]] = collections.Counter()
    ranked = []
    for case in chosen:
        model = (case.probe, case.variant, case.exporter)
        ranked.append(((turn[model] > 0, case.probe not in judged, turn[model]), case))
        turn[model] += 1
    return tuple(case for _, case in sorted(ranked, key=lambda pair: pair[0]))


def _fails(case: CaseRecord) -> bool:
    # What dies or hangs leaves nothing to look at, and would do so again.
    return case.outcome == "failed" and case.stage in _STAGES


def _telling(cases: Sequence[CaseRecord]) -> CaseRecord:
    """Return the smallest case; a size at which only the export was wrong about sizes says least."""

    def rank(case: CaseRecord) -> tuple[bool, int, int]:
        return case.reason == "shape_frozen", _STAGES.index(case.stage or ""), math.prod(case.size.values())

    return min(cases, key=rank)
