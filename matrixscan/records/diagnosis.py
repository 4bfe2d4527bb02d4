"""What further runs of failing cases showed. Facts in files of their own: no record changes, no verdict needs them.

Errors of values are max |graph - torch| in units of the ordinary magnitude of torch's values: their RMS, unless a few
huge ones make that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.errors import DamagedFileError, RecordVersionError
from matrixscan.records.events import Event, Fold
from matrixscan.records.layout import layout
from matrixscan.records.types import Error

#: Version of the files with diagnoses. Another one is made again by diagnosing; there is nothing to upgrade.
SCHEMA_VERSION = 1


class Seen(msgspec.Struct, frozen=True):
    """One more run of the same artifact, compared as the case was."""

    passed: bool | None  # None: it could not be run
    reason: str | None
    max_abs: float | None
    error: Error | None


class Tensor(msgspec.Struct, frozen=True):
    """A value of a graph; its type and shape where it was seen."""

    name: str
    dtype: str | None
    shape: tuple[int, ...] | None


class Node(msgspec.Struct, frozen=True):
    """One ONNX node."""

    name: str
    op_type: str
    domain: str
    attributes: dict[str, Any]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class NodeRun(msgspec.Struct, frozen=True):
    """A node of the first diverging region, run alone on what it was given; None where there was nothing to compare."""

    node: Node
    runner_torch: float | None  # error of what the runtime gave, against torch's value
    reference_torch: float | None  # of what the reference evaluator gave
    runner_reference: float | None  # of the runtime against the reference evaluator
    max_abs: float | None  # max |runtime - reference evaluator|
    error: Error | None


class Divergence(msgspec.Struct, frozen=True):
    """The first torch call whose inputs agree with the graph and whose result does not."""

    module: str  # dotted path, after the stage of a chain; empty for the model itself
    module_type: str
    operation: str
    arguments: dict[str, Any]
    call: int  # position among the calls of torch functions
    nodes: tuple[Node, ...]  # between what still agrees and what does not
    node: Node | None  # the one that is wrong by itself, if that could be told
    error_before: float
    error_after: float | None  # None: nothing of its shape is there to compare with


class Point(msgspec.Struct, frozen=True):
    """One torch call that has a counterpart in the graph."""

    label: str
    call: int
    error: float


class Diagnosis(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found out about one failing case."""

    case: str
    reproduced: bool
    stage: str | None = None
    reason: str | None = None
    levels: dict[str, Seen] = {}  # ONNX Runtime's graph optimisation: disabled, basic, extended, all
    reference: Seen | None = None  # ONNX's reference evaluator: a witness, never a judge
    first: Divergence | None = None
    runs: tuple[NodeRun, ...] = ()
    curve: tuple[Point, ...] = ()
    error: Error | None = None  # why the diagnosis is incomplete
    left_out: int = 0  # values of torch for which there was no room
    pictures: dict[str, str] = {}  # kind -> file below the report folder


class DiagnosisRecord(msgspec.Struct, frozen=True):
    """The diagnoses of one combination."""

    schema_version: int
    id: str
    matrix: str
    key: str  # digest of what decides whether diagnoses may be kept
    harness: str  # digest of the harness with what diagnoses
    axes: dict[str, str]
    resolved: dict[str, str]
    platform: dict[str, Any]
    lock: str | None  # sha256
    probes: dict[str, str]  # name -> digest of the probe that was diagnosed
    started: str
    finished: str
    diagnoses: tuple[Diagnosis, ...]


def fold_diagnoses(events: Iterable[Event], cases: Iterable[Mapping[str, Any]]) -> tuple[Diagnosis, ...]:
    """Put the steps of each case together; cases that were not begun, or not in time, are left out."""
    events = list(events)
    fold = Fold.of(events)
    found: dict[str, list[Event]] = {}
    for event in events:
        if event["event"] == "diagnosis":
            found.setdefault(event["case"], []).append(event)
    return tuple(
        _diagnosis(case["id"], found.get(case["id"], []), end)
        for case in cases
        if (end := fold.outcome_of(case)) is not None and end.get("reason") != "given_up"
    )


def _diagnosis(case: str, steps: list[Event], end: Event) -> Diagnosis:
    fields: dict[str, Any] = {"reproduced": end["outcome"] in {"crashed", "timed_out"} and not steps}
    errors: list[dict[str, str]] = []
    for step in steps:
        # A case is begun again after something outside it ended the process; what is said last holds.
        errors = [] if "reproduced" in step else errors
        fields |= {name: value for name, value in step.items() if name in Diagnosis.__struct_fields__}
        errors += [step["error"]] if step.get("error") else []
    if end["event"] == "died" or not steps:
        errors += [end["error"]] if end.get("error") else []
        fields = {"stage": end["stage"], "reason": end.get("reason")} | fields
    fields["error"] = _joined(errors)
    return msgspec.convert(fields | {"case": case}, Diagnosis)


def _joined(errors: list[dict[str, str]]) -> dict[str, str] | None:
    if not errors:
        return None
    return {"type": errors[0]["type"], "message": "; ".join(error["message"] for error in errors)}


def decode_diagnoses(text: bytes, path: Path) -> DiagnosisRecord:
    """Decode stored diagnoses.

    Args:
        text: JSON.
        path: where it came from, for the error.

    Raises:
        RecordVersionError: they were written by a newer matrixscan.
        DamagedFileError: it is no file of diagnoses.
    """
    try:
        data = msgspec.json.decode(text, type=dict[str, Any])
        version = msgspec.convert(data.get("schema_version"), int)
        if version > SCHEMA_VERSION:
            raise RecordVersionError(path, version, SCHEMA_VERSION)
        return msgspec.convert(data, DiagnosisRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedFileError(path, str(error), "delete it and diagnose again") from error


def encode_diagnoses(record: DiagnosisRecord) -> bytes:
    """Encode diagnoses as JSON with sorted keys; a node, a run and a point take one line each."""
    plain = msgspec.json.decode(msgspec.json.encode(record, order="sorted"))
    return layout(plain, lines=_LINES).encode() + b"\n"


_LINES = frozenset({"runs", "curve", "nodes"})
