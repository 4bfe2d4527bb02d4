"""What the records say about a failing case besides itself: whose it looks like, and where it passes."""

from __future__ import annotations

from collections.abc import Iterable

from matrixscan.records.reproduction import Elsewhere, Reduced
from matrixscan.records.types import CaseRecord, Record

EXPORTER, RUNTIME, ONNX = "exporter", "runtime", "onnx"

#: Stage of a failure -> whose it is unless more is known.
_BY_STAGE = {"export": EXPORTER, "check": EXPORTER, "load": RUNTIME, "run": RUNTIME, "compare": RUNTIME}


def blame(reduced: Reduced) -> str:
    """Say whose tracker a reduced failure belongs into, as far as the reduction alone tells.

    Where ONNX's own reference evaluator makes of the graph what the runner made, the graph says something else than
    the model, and the exporter wrote it. So it is where only several nodes together are wrong for every evaluator.
    """
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
