"""What matrixscan can do, as plain functions: values in, values and files out. Nothing here prints or exits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import msgspec

from matrixscan.analysis.judge import GOOD, UNKNOWN, judge_record
from matrixscan.analysis.view import ScanView, build_view
from matrixscan.errors import EXIT_INFRASTRUCTURE, EXIT_UNEXPECTED, EXIT_USAGE, UnknownNameError
from matrixscan.execution.calibrate import calibrate_probe
from matrixscan.execution.executors import EXECUTORS
from matrixscan.execution.requests import effective_tolerances
from matrixscan.execution.run_task import run_task
from matrixscan.execution.task import Listener, Options, Places, Task
from matrixscan.matrix import schema
from matrixscan.matrix.probe import find_probe, read_probe
from matrixscan.matrix.probe_lint import lint_probe
from matrixscan.matrix.reader import find_matrix, read_matrix
from matrixscan.matrix.types import Probe
from matrixscan.plan.expand import cells_of, make_plan
from matrixscan.plan.types import Plan
from matrixscan.records.types import Record
from matrixscan.reporters import all_reporters, render_constraints
from matrixscan.reporters._probe import render_probe
from matrixscan.reporters._summary import render_summary
from matrixscan.store.files import write_atomically
from matrixscan.store.reports import Reports
from matrixscan.store.work import CellWork


class Request(msgspec.Struct, frozen=True):
    """What the user asked for."""

    matrix: str = "default"
    probes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    options: Options = Options()


class Outcome(msgspec.Struct, frozen=True):
    """What a scan amounts to: text for people and the exit code."""

    text: str
    exit_code: int


class Plans(msgspec.Struct, frozen=True):
    """Everything the matrix says, and the part of it that was asked for."""

    full: Plan
    selected: Plan


def places() -> Places:
    """Return where reports and work folders of the current project are."""
    return Places(Path.cwd() / "reports", Path.cwd() / ".matrixscan")


def new_scan() -> str:
    """Return a name for a scan that starts now; report() reads its start from it."""
    return f"{time.time():.3f}"


def load_plans(request: Request) -> Plans:
    """Read the matrix and expand it, whole and as selected. Never touches the network."""
    matrix = read_matrix(find_matrix(request.matrix))
    full = make_plan(matrix)
    if not (request.probes or request.exclude or request.cells):
        return Plans(full, full)
    selected = make_plan(matrix, only_probes=request.probes, exclude=request.exclude, cells=request.cells)
    return Plans(full, selected)


def scan(request: Request, listener: Listener, *, executor: str = "serial", jobs: int = 1) -> Outcome:
    """Scan every selected cell and report."""
    plans = load_plans(request)
    EXECUTORS[executor](tasks(request, plans), listener, jobs)
    return report(request)


def scan_cell(request: Request, cell: str, listener: Listener) -> Record:
    """Scan one cell; the report is another step."""
    chosen = msgspec.structs.replace(request, cells=(cell,))
    (task,) = tasks(chosen, load_plans(chosen))
    return run_task(task, listener)


def tasks(request: Request, plans: Plans) -> list[Task]:
    """Return one task for each selected cell."""
    probes = {probe.name: probe for probe in (*plans.full.probes, *plans.selected.probes)}
    return [
        Task(
            matrix=plans.full.matrix,
            cell=cell,
            probes=tuple(probes.values()),
            cases=plans.full.cases,
            selected=plans.selected.cases,
            judged=plans.full.judged,
            options=request.options,
            places=places(),
        )
        for cell in plans.selected.cells
    ]


def report(request: Request, *, scanned: bool = True) -> Outcome:
    """Derive every report from the records and say how the selected part came out.

    Args:
        request: what was asked for.
        scanned: whether a scan precedes; then its cost is part of the text.
    """
    plans = load_plans(request)
    reports = Reports(places().reports, plans.full.matrix.name)
    records = [record for cell in plans.full.cells if (record := reports.read(cell.id)) is not None]
    published = _with_extras(plans)
    _publish(reports, _view(published, [_only(record, published) for record in records]))
    view = _view(plans.selected, [_only(record, plans.selected) for record in records])
    cost = _cost(request, view, records) if scanned else f"derived from {len(records)} records"
    text = render_summary(view, reports.folder.relative_to(Path.cwd()).as_posix(), cost)
    unexpected = _unexpected(plans, view)
    if all(cell.verdict == UNKNOWN for cell in view.cells):
        return Outcome(text + "\nNothing could be judged.\n", EXIT_INFRASTRUCTURE)
    if unexpected:
        return Outcome(text + "\nExpected to be good, and is not: " + ", ".join(unexpected) + "\n", EXIT_UNEXPECTED)
    return Outcome(text, 0)


def describe_plan(request: Request) -> str:
    """Say which cells and cases a scan would run and what each would install, without installing."""
    plan = load_plans(request).selected
    lines = []
    for cell in plan.cells:
        lines += [cell.id, f"  python {cell.python}", *(f"  {requirement}" for requirement in cell.requirements)]
    own = [f"{probe.name}: {', '.join(probe.dependencies)}" for probe in plan.probes if probe.dependencies]
    if own:
        lines += ["probes with packages of their own (installed beside each environment)", *(f"  {row}" for row in own)]
    total = f"{len(plan.cells)} combinations x {len(plan.cases)} cases of {len(plan.probes)} probes"
    return "\n".join([*lines, total]) + "\n"


def _with_extras(plans: Plans) -> Plan:
    """Return the whole plan with the probes that were named on top of the matrix; those decide nothing in it."""
    known = {probe.name for probe in plans.full.probes}
    probes = tuple(probe for probe in plans.selected.probes if probe.name not in known)
    names = {probe.name for probe in probes}
    cases = tuple(case for case in plans.selected.cases if case.probe in names)
    return msgspec.structs.replace(plans.full, probes=plans.full.probes + probes, cases=plans.full.cases + cases)


def _view(plan: Plan, records: Sequence[Record]) -> ScanView:
    matrix = plan.matrix
    planned = [(cell.id, cell.axes) for cell in plan.cells]
    wanted = [record for record in records if record.id in dict(planned)]
    families = [probe.name for probe in plan.probes if probe.family]
    return build_view(
        matrix.name, matrix.description, planned, wanted, judged=plan.judged, cases=plan.cases, families=families
    )


def _only(record: Record, plan: Plan) -> Record:
    """Cut a record down to what was asked about and still holds.

    A case measured with an earlier state of its probe, or judged with other tolerances, says nothing about the plan's.
    """
    planned = {probe.name: probe for probe in plan.probes}
    current = {
        name for name, probe in record.probes.items() if name in planned and probe.digest == planned[name].digest
    }
    tolerances = plan.matrix.tolerances
    wanted = {case.id for case in plan.cases}
    cases = tuple(
        case
        for case in record.cases
        if case.id in wanted
        and case.probe in current
        and all(
            (output.rtol, output.atol)
            == effective_tolerances(planned[case.probe], tolerances, case.precision, output.name)
            for output in case.outputs
        )
    )
    probes = {probe.name: record.probes[probe.name] for probe in plan.probes if probe.name in record.probes}
    return msgspec.structs.replace(record, cases=cases, judged=plan.judged, probes=probes)


def _publish(reports: Reports, view: ScanView) -> None:
    texts = {name: module.render(view) for name, module in all_reporters().items()}
    constraints = render_constraints(view)
    reports.write_texts(texts | constraints)
    reports.prune_constraints(constraints)


def _cost(request: Request, view: ScanView, records: Sequence[Record]) -> str:
    """Say what this scan measured and what that took; cells with a complete record were not measured again."""
    found = {cell.id: CellWork(places().work, view.matrix, cell.id).done() for cell in view.cells}
    measured = [cell for cell, done in found.items() if done is not None and done.scan == request.options.scan]
    unfinished = [cell for cell, done in found.items() if done is None]
    lines = []
    if measured:
        spent = sum(r.timings["environment"] + r.timings["cases"] for r in records if r.id in measured)
        wall = time.time() - float(request.options.scan)
        lines.append(
            f"measured {len(measured)} combinations in {wall:.0f} s; their installs, imports, exports and runs "
            f"themselves took {spent:.0f} s; ratio {wall / spent if spent else 0:.2f}"
        )
    if unfinished:
        lines.append(f"could not be measured here, and will be tried again: {', '.join(unfinished)}")
    return "\n".join(lines) or "nothing to do: every record is complete and its inputs did not change"


def _unexpected(plans: Plans, view: ScanView) -> list[str]:
    """Return the combinations under `[expect] good` that are not; only asked when judged probes were selected."""
    if not set(plans.selected.judged) <= set(plans.full.judged):
        return []
    expected = plans.full.matrix.expect.good
    return [cell.id for cell in view.cells if cell.id in expected and cell.verdict != GOOD]


def schema_text() -> str:
    """Return the JSON Schema of matrix files."""
    return schema.schema_text()


def init(folder: str) -> list[str]:
    """Write a starter matrix, its schema, a probe and a noxfile; return what was written and what was left alone."""
    starter = resources.files("matrixscan") / "starter"
    texts = {
        "matrices/mine.toml": (starter / "matrix.toml").read_text(encoding="utf-8"),
        "matrices/matrix.schema.json": schema_text(),
        "probes/my_model.py": (starter / "my_model.py.txt").read_text(encoding="utf-8"),
        "noxfile.py": (starter / "noxfile.py.txt").read_text(encoding="utf-8"),
    }
    lines = []
    for name, text in texts.items():
        path = Path(folder) / name
        if path.exists():
            lines.append(f"kept    {path} (it exists)")
            continue
        write_atomically(path, text.encode())
        lines.append(f"wrote   {path}")
    return [*lines, "next    nox -s scan   or   python -m matrixscan scan mine"]


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
    chosen = request.cells[0] if request.cells else list(cells)[-1]
    if chosen not in cells:
        raise UnknownNameError("combination", chosen, cells)
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


def _probe_plan(name: str, matrix: str) -> tuple[Plan, Probe]:
    """Return the plan of one probe alone in the combinations of a matrix."""
    plan = make_plan(read_matrix(find_matrix(matrix)), only_probes=[name])
    return plan, plan.probes[0]


def calibrate(name: str, request: Request, listener: Listener) -> Path:
    """Make a probe's normalisation statistics fit its data and write the file its `weights` key names.

    Raises:
        UncalibratedError: the probe names no file, or the environment or the model failed.
        UnknownNameError: there is no such combination.
    """
    matrix = read_matrix(find_matrix(request.matrix))
    cells = {cell.id: cell for cell in cells_of(matrix)}
    chosen = request.cells[0] if request.cells else list(cells)[-1]
    if chosen not in cells:
        raise UnknownNameError("combination", chosen, cells)
    probe = read_probe(find_probe(name, Path(matrix.path).parent), calibrated=False)
    task = Task(matrix, cells[chosen], (probe,), (), (), (), request.options, places())
    return calibrate_probe(task, probe, listener)
