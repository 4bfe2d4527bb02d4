"""For people who write a probe: look at its file, run it alone, calibrate it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from matrixscan.analysis.judge import GOOD, judge_record
from matrixscan.commands.request import Outcome, Request, places
from matrixscan.errors import EXIT_UNEXPECTED, EXIT_USAGE, MatrixFileError, NothingSelectedError, UnknownNameError
from matrixscan.execution.calibrate import calibrate_probe
from matrixscan.execution.run_task import run_task
from matrixscan.execution.task import Listener, Places, Task
from matrixscan.matrix.probe import find_probe, read_probe
from matrixscan.matrix.probe_lint import lint_probe
from matrixscan.matrix.reader import find_matrix, read_matrix
from matrixscan.matrix.types import Probe
from matrixscan.plan.expand import cells_of, make_plan
from matrixscan.plan.types import Cell, Plan
from matrixscan.reporters._probe import render_probe
from matrixscan.store.reports import Reports


def check_probe(name: str, matrix: str) -> Outcome:
    """Say what is wrong with a probe's file, or what it would run.

    Raises:
        ProbeFileError: the file cannot be read as a probe; every problem is listed.
    """
    plan, probe = _probe_plan(name, matrix)
    objections = lint_probe(probe)
    lanes = dict.fromkeys((case.exporter, case.opset, case.precision, case.runner) for case in plan.cases)
    lines = [f"{probe.name}: {probe.summary}"]
    lines += [f"  {objection}" for objection in objections]
    lines.append(
        f"  {len(plan.cases)} cases: {len(dict.fromkeys(case.variant for case in plan.cases))} variants x "
        f"{len(lanes)} lanes x {1 + len(probe.run_sizes)} sizes"
    )
    lines += [f"  {exporter} opset {opset} {precision} -> {runner}" for exporter, opset, precision, runner in lanes]
    return Outcome("\n".join(lines) + "\n", EXIT_USAGE if objections else 0)


def run_probe(name: str, request: Request, listener: Listener) -> Outcome:
    """Run one probe in one combination and show everything; nothing goes to the reports of a matrix.

    Raises:
        ProbeFileError: the file cannot be read as a probe.
        UnknownNameError: there is no such combination.
    """
    plan, probe = _probe_plan(name, request.matrix)
    cells = {cell.id: cell for cell in plan.cells}
    chosen = _one_cell(request, cells)
    work = places().work
    # The environment stays for the next try; the cases are always run again.
    options = msgspec.structs.replace(request.options, fresh=True, keep_env=True)
    matrix = msgspec.structs.replace(plan.matrix, name=f"probe-{plan.matrix.name}")
    task = Task(
        matrix=matrix,
        cell=cells[chosen],
        probes=(probe,),
        cases=plan.cases,
        selected=plan.cases,
        judged=(probe.name,),
        options=options,
        places=Places(work / "probes", work),
    )
    record = run_task(task, listener)
    log = Reports(task.places.reports, matrix.name).log_path(record.id)
    where = f"log: {log.relative_to(Path.cwd()).as_posix()}\n" if log.is_file() else ""
    good = judge_record(record).verdict == GOOD
    return Outcome(render_probe(record) + where, 0 if good else EXIT_UNEXPECTED)


def _one_cell(request: Request, cells: Mapping[str, Cell]) -> str:
    """Return the combination that was asked for, or the last one."""
    if len(request.cells) > 1:
        raise NothingSelectedError("a probe runs in one combination at a time", "name one --cell")
    chosen = request.cells[0] if request.cells else list(cells)[-1]
    if chosen not in cells:
        raise UnknownNameError("combination", chosen, cells)
    return chosen


def _probe_plan(name: str, matrix: str) -> tuple[Plan, Probe]:
    """Return the plan of one probe alone in the combinations of a matrix."""
    read = read_matrix(find_matrix(matrix))
    if read.artifact is not None:
        raise MatrixFileError(read.path, ["artifact: is no probe to run by itself; scan the matrix"])
    plan = make_plan(read, only_probes=[name])
    return plan, plan.probes[0]


def calibrate(name: str, request: Request, listener: Listener) -> Path:
    """Make a probe's normalisation statistics fit its data and write the file its `weights` key names.

    Raises:
        UncalibratedError: the probe names no file, or the environment or the model failed.
        UnknownNameError: there is no such combination.
    """
    matrix = read_matrix(find_matrix(request.matrix))
    cells = {cell.id: cell for cell in cells_of(matrix)}
    chosen = _one_cell(request, cells)
    probe = read_probe(find_probe(name, Path(matrix.path).parent), calibrated=False)
    task = Task(matrix, cells[chosen], (probe,), (), (), (), request.options, places())
    return calibrate_probe(task, probe, listener)
