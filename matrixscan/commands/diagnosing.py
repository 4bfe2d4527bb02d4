"""Diagnoses failing cases: where they go wrong, and what the same artifact does elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from matrixscan.analysis.controls import trusted
from matrixscan.analysis.diagnosable import to_diagnose
from matrixscan.commands.factored import is_factored
from matrixscan.commands.joint import tasks
from matrixscan.commands.request import Outcome, Plans, Request, load_plans, places
from matrixscan.commands.wide import adopt_locks, has_many_cases, joint_records
from matrixscan.errors import MatrixFileError
from matrixscan.execution.diagnose import diagnose_cases
from matrixscan.execution.task import Listener, Notice, Task
from matrixscan.matrix.backends import runners
from matrixscan.records.diagnosis import Diagnosis, DiagnosisRecord
from matrixscan.records.types import Record
from matrixscan.store.reports import Reports

_FORMATS = ("onnx", "ncnn")


class Diagnosed(msgspec.Struct, frozen=True):
    """What diagnosing a matrix amounts to."""

    records: tuple[DiagnosisRecord, ...]
    left_out: dict[str, tuple[str, ...]]  # combination -> failing cases for which there was no time


def diagnose(request: Request, listener: Listener) -> Diagnosed:
    """Diagnose one case of every failing lane of the selected combinations, as far as the time for it goes.

    Calling it again goes on with what was left out; what is known and still holds is not looked at twice.

    Raises:
        MatrixFileError: the matrix is factored: there no environment has both an export and its run.
    """
    plans = load_plans(request)
    matrix = plans.full.matrix
    if is_factored(plans):
        raise MatrixFileError(matrix.path, ["plan: only joint scans are diagnosed; add --joint"])
    if matrix.limits.diagnose_seconds == 0:
        return Diagnosed((), {})
    reports = Reports(places().reports, matrix.name)
    records = {record.id: record for record in joint_records(plans, reports)}
    if has_many_cases(plans.full):
        adopt_locks(plans, reports)
    made, left_out = [], {}
    for task in tasks(request, plans):
        if task.cell.id not in records:
            continue
        chosen = _chosen(task, records[task.cell.id])
        found = diagnose_cases(chosen, places().reports, listener) if chosen.selected else None
        done = {diagnosis.case for diagnosis in found.diagnoses} if found is not None else set()
        missing = tuple(case.id for case in chosen.selected if case.id not in done)
        made += [found] if found is not None else []
        if missing:
            left_out[task.cell.id] = missing
            listener(Notice(task.cell.id, "diagnose", f"{len(missing)} cases left out: no time was left", 0.0))
    return Diagnosed(tuple(made), left_out)


def describe_diagnoses(request: Request, diagnosed: Diagnosed) -> Outcome:
    """Say in a few lines what was found."""
    plans = load_plans(request)
    lines = [line for record in diagnosed.records for line in _lines(record, plans)]
    lines += [f"{cell}: {len(cases)} failing cases left out" for cell, cases in diagnosed.left_out.items()]
    return Outcome("\n".join(lines or ["nothing to diagnose"]) + "\n", 0)


def _chosen(task: Task, record: Record) -> Task:
    """Return the task with the cases that are worth a diagnosis, the most telling first."""
    readers = [name for name, info in runners().items() if info.reads in _FORMATS and not info.witness]
    # Neither the controls, one of which is wrong on purpose, nor what is quarantined.
    (believed,) = trusted([record]).records
    wanted = to_diagnose(believed, judged=task.judged, runners=readers)
    planned = {case.id: case for case in task.selected}
    return msgspec.structs.replace(task, selected=tuple(planned[case.id] for case in wanted if case.id in planned))


def _lines(record: DiagnosisRecord, plans: Plans) -> Iterable[str]:
    selected = {case.id for case in plans.selected.cases}
    yield record.id
    for diagnosis in record.diagnoses:
        if diagnosis.case in selected:
            yield f"  {diagnosis.case}: {_said(diagnosis)}"


def _said(diagnosis: Diagnosis) -> str:
    first = diagnosis.first
    if not diagnosis.reproduced:
        return "did not fail again"
    if first is None:
        return f"{diagnosis.stage}; " + (diagnosis.error.message if diagnosis.error else "no place was found")
    after = "nothing like it" if first.error_after is None else f"{first.error_after:.2g}"
    node = f", node {first.node.op_type} {first.node.name}".rstrip() if first.node else ""
    settings = {name: value for name, value in first.arguments.items() if isinstance(value, (bool, int, float, str))}
    words = ", ".join(f"{name}={value}" for name, value in settings.items())
    place = first.module or "the model"
    return f"{place}: {first.operation}({words}), error {first.error_before:.2g} before, {after} after{node}"
