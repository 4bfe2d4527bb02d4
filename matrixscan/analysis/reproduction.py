"""What the records say about a failing case besides itself: whose it looks like, and where it passes."""

from __future__ import annotations

from collections.abc import Iterable

from matrixscan.analysis import blame
from matrixscan.analysis.explained import Explanation
from matrixscan.records.reproduction import Elsewhere, Reduced
from matrixscan.records.types import CaseRecord, Record

EXPORTER, RUNTIME, ONNX = "exporter", "runtime", "onnx"

#: Stage of a failure -> whose it is unless more is known.
_BY_STAGE = {"export": EXPORTER, "check": EXPORTER, "load": RUNTIME, "run": RUNTIME, "compare": RUNTIME}


#: Whose fault it is (analysis/blame.py) -> whose tracker that is. The rest has none of these.
_TRACKERS = {blame.EXPORTER: EXPORTER, blame.KERNEL: RUNTIME, blame.OPTIMIZER: RUNTIME}


def tracker(reduced: Reduced, found: Explanation | None) -> str:
    """Return whose tracker a reduced failure belongs into: that of who is at fault, else the likeliest.

    Where nobody was found to be at fault, the reduction is all there is to go by: if the reference evaluator makes of
    the graph what the runner made, or only several nodes together are wrong for every evaluator, the graph may say
    something else than the model, and the exporter wrote it.
    """
    if found is not None and found.blame.whose in _TRACKERS:
        return _TRACKERS[found.blame.whose]
    causes = [match.cause.whose for match in found.causes if match.certainty == "certain"] if found else []
    if causes and causes[0] in _TRACKERS:
        return _TRACKERS[causes[0]]
    together = reduced.nodes_after > 1 and reduced.reference != "expected"
    if reduced.stage == "compare" and (reduced.reference == "actual" or together):
        return EXPORTER
    return _BY_STAGE[reduced.stage]


def elsewhere(records: Iterable[Record], here: Record, case: CaseRecord) -> tuple[Elsewhere, ...]:
    """Return how the same case ended in other combinations of the matrix."""
    found = []
    for record in records:
        if record.id == here.id:
            continue
        same = next((known for known in record.cases if known.id == case.id), None)
        if same is not None and same.outcome not in {"infra", "skipped"}:
            axes = {**record.axes, **record.resolved}
            found.append(Elsewhere(record.id, axes, ended(same)))
    return tuple(found)


def ended(case: CaseRecord) -> str:
    """Say how a case ended in a few words."""
    if case.stage is None:
        return "passed"
    return f"{case.stage}: {case.reason if case.reason not in {None, 'error'} else case.outcome}"
