"""A folder with which a stranger sees a failing case fail, and nothing else."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from matrixscan.analysis.explained import Explanation
from matrixscan.analysis.reproduction import elsewhere, tracker
from matrixscan.commands.reporting import view_of
from matrixscan.commands.request import Outcome, Request, load_plans, places
from matrixscan.errors import EXIT_UNEXPECTED, MatrixscanError, UnknownNameError
from matrixscan.execution.reproduce import Bench, NotReproducedError
from matrixscan.execution.task import Listener, Options, Task
from matrixscan.matrix.controls import CONTROL
from matrixscan.matrix.types import Probe
from matrixscan.plan.types import Case, Plan
from matrixscan.records.reproduction import Elsewhere, Reduced, Reproduction
from matrixscan.records.types import CaseRecord, Record
from matrixscan.reporters._reproduction import render_script
from matrixscan.reporters._reproduction_issue import render_issue
from matrixscan.store.files import write_atomically
from matrixscan.store.published import published_records

#: Exporters that make something of a module, so that there is something to make small.
_EXPORTERS = ("torchscript", "dynamo", "pnnx")
_STAGES = ("export", "check", "load", "run", "compare")
_SHOWN = 10
_SECONDS = 1800.0
_REPRODUCED = 1  # exit code of a script that shows the failure


class NothingToReproduceError(MatrixscanError):
    """The case has no failure of a kind that can be shown to others."""

    def __init__(self, case: str, cell: str, why: str, failing: tuple[str, ...]) -> None:
        names = "".join(f"\n  {name}" for name in failing[:_SHOWN])
        more = f"\n  and {len(failing) - _SHOWN} more" if len(failing) > _SHOWN else ""
        tail = f"; what failed there:{names}{more}" if failing else "; nothing failed there"
        super().__init__(f"{case} in {cell}: {why}{tail}")


class NotJointError(MatrixscanError):
    """The combination was measured in parts, so there is no environment in which to see it whole."""

    def __init__(self, cell: str, matrix: str) -> None:
        super().__init__(
            f"{cell} was not measured in one environment; do that first: matrixscan scan {matrix} --joint --cell {cell}"
        )


def reproduce(
    cell: str,
    case: str,
    matrix: str,
    listener: Listener,
    *,
    out: str | None = None,
    whose: str | None = None,
    seconds: float = _SECONDS,
    options: Options | None = None,
) -> Outcome:
    """Write a folder with a script that fails as a case did, what it needs, and a text for the upstream tracker.

    Args:
        cell: combination.
        case: case of its record.
        matrix: name or file.
        listener: told what is going on.
        out: the folder; unless said, `reproductions/<cell>/<case>` in the project.
        whose: exporter, runtime or onnx: whose tracker the text is for; unless said, as the findings suggest.
        seconds: how long the reduction may take.
        options: whether to keep the environment, and to ignore an earlier reduction.

    Raises:
        UnknownNameError: no such combination or case.
        NothingToReproduceError: the case passed, or failed before anything was exported.
        NotReproducedError: it does not fail again.
    """
    plan, records = _measured(matrix, cell)
    record = next(record for record in records if record.id == cell)
    found = _find(record, case)
    probe = _probe(plan, record, found)
    task = _task(plan, probe, cell, found, options or Options())
    target = Path(out) if out else Path("reproductions", cell, case.replace("/", "~"))
    target.mkdir(parents=True, exist_ok=True)
    with Bench(task, listener, seconds) as bench:
        reduced = bench.reduce(found, target)
        whose = whose or tracker(reduced, _explained(plan, records, record, found))
        others = elsewhere(records, record, found)
        reproduction = _reproduction(record, found, probe, reduced, whose, others, plan.matrix.limits.threads)
        if reproduction.probe_module:
            _copy_probe(probe, target)
        script = target / "reproduce.py"
        write_atomically(script, render_script(reproduction).encode())
        write_atomically(target / "ISSUE.md", render_issue(reproduction).encode())
        ended = bench.try_script(script)
    return _outcome(reproduction, target, ended.returncode, ended.output + ended.words)


def _reproduction(
    record: Record,
    case: CaseRecord,
    probe: Probe,
    reduced: Reduced,
    whose: str,
    others: tuple[Elsewhere, ...],
    threads: int,
) -> Reproduction:
    embedded = reduced.kind == "graph" or reduced.code is not None
    return Reproduction(
        case=case.id,
        axes={**record.axes, **record.resolved},
        python=plan_python(record),
        platform=_platform(record),
        variant=case.variant,
        exporter=case.exporter,
        opset=case.opset,
        runner=case.runner,
        stage=reduced.stage,
        reason=case.reason,
        whose=whose,
        probe_module="" if embedded else Path(probe.path).stem,
        requirements=() if embedded else record.probes[probe.name].requirements,
        no_deps=probe.no_deps,
        reduced=reduced,
        threads=threads,
        elsewhere=others,
    )


def _explained(plan: Plan, records: Sequence[Record], record: Record, case: CaseRecord) -> Explanation | None:
    """Return what is known of how this case fails: what is said of it, or of another that fails in its lane's way."""
    view = view_of(plan, records)
    model = (record.id, case.probe, case.variant)
    near = [each for each in view.explanations if (each.cell, each.probe, each.variant) == model]
    same = [each for each in near if each.case == case.id]
    alike = [each for each in near if each.case.split("/")[2:4] == case.id.split("/")[2:4]]
    return next(iter([*same, *alike]), None)


def _outcome(reproduction: Reproduction, target: Path, code: int, output: str) -> Outcome:
    reduced = reproduction.reduced
    if reduced.kind == "graph":
        size = f"{reduced.nodes_after} of {reduced.nodes_before} nodes"
    else:
        left = str(reduced.modules_after or "one call")
        size = f"{left} of {reduced.modules_before} modules ({reduced.module_type})"
    total = sum(path.stat().st_size for path in target.iterdir() if path.is_file())
    last = next((line for line in reversed(output.splitlines()) if "reproduced:" in line), "")
    head = f"{size}, {total} bytes, {reduced.attempts} attempts in {reduced.seconds:.0f} s, for: {reproduction.whose}\n"
    where = f"wrote {target.as_posix()}/\n"
    if code == _REPRODUCED and last.startswith("reproduced:"):
        return Outcome(f"{last}\n{head}{where}", 0)
    words = f"the script does not show the failure (it ended with {code}):\n{output.strip()[-2000:]}\n"
    return Outcome(words + head + where, EXIT_UNEXPECTED)


def _measured(matrix: str, cell: str) -> tuple[Plan, list[Record]]:
    """Return the plan and the records in which the combination was measured in one environment.

    Raises:
        UnknownNameError: the matrix has no such combination.
        NotJointError: it was only measured in parts.
    """
    plan = load_plans(Request(matrix)).full
    if plan.matrix.plan == "factored" and plan.matrix.artifact is None:
        joint = load_plans(Request(matrix, joint=True)).full
        records = _published(joint)
        if cell in {record.id for record in records}:
            return joint, records
        if cell in {known.id for known in plan.cells}:
            raise NotJointError(cell, matrix)
    records = _published(plan)
    names = {record.id for record in records}
    if cell not in names:
        raise UnknownNameError("combination", cell, names | {known.id for known in plan.cells})
    return plan, records


def _published(plan: Plan) -> list[Record]:
    return [record for record in published_records(places().reports / plan.matrix.name) if record.evidence == "joint"]


def _find(record: Record, case: str) -> CaseRecord:
    """Return the case, whose failure can be shown.

    Raises:
        UnknownNameError: no such case was measured.
        NothingToReproduceError: it did not fail, or where nothing can be made of it.
    """
    found = {known.id: known for known in record.cases}
    failing = tuple(known.id for known in record.cases if _why_not(known) is None and known.probe != CONTROL)
    if case not in found:
        close = difflib.get_close_matches(case, found, n=3, cutoff=0.7)
        raise UnknownNameError("case", case, close or failing[:_SHOWN])
    why = _why_not(found[case])
    if why is not None:
        raise NothingToReproduceError(case, record.id, why, failing)
    return found[case]


def _why_not(case: CaseRecord) -> str | None:
    """Say why a case has nothing to show, or None."""
    if case.outcome not in {"failed", "crashed", "timed_out"}:
        return f"it {case.outcome if case.outcome == 'passed' else 'was ' + case.outcome}"
    if case.stage not in _STAGES:
        return f"it ended at {case.stage}, before anything was exported"
    if case.exporter not in _EXPORTERS:
        return f"{case.exporter} has no module behind it with which the inside of a graph could be compared"
    if case.reason == "nondeterministic":
        return "two runs of it differ, so that no run of a part proves anything"
    return None


def _probe(plan: Plan, record: Record, case: CaseRecord) -> Probe:
    """Return the probe, if it is still what was measured."""
    probes = {probe.name: probe for probe in plan.probes}
    if case.probe not in probes:
        raise UnknownNameError("probe of the matrix", case.probe, probes)
    probe = probes[case.probe]
    if record.probes[case.probe].digest != probe.digest:
        raise NotReproducedError(case.id, f"the probe {probe.name} has changed since; scan it again")
    return probe


def _task(plan: Plan, probe: Probe, cell: str, found: CaseRecord, options: Options) -> Task:
    names = Case.__struct_fields__
    case = Case(**{name: getattr(found, name) for name in names})
    return Task(
        matrix=plan.matrix,
        cell=next(known for known in plan.cells if known.id == cell),
        probes=(probe,),
        cases=(case,),
        selected=(case,),
        judged=(),
        options=msgspec.structs.replace(options, relock=False),
        places=places(),
    )


def _copy_probe(probe: Probe, target: Path) -> None:
    source = Path(probe.path)
    for path in (source, *(source.parent / name for name in probe.files)):
        if path.is_file():
            shutil.copyfile(path, target / path.name)


def plan_python(record: Record) -> str:
    """Return the Python of a record as scripts ask for it: 3.8."""
    return ".".join(record.axes["python"].split(".")[:2])


def _platform(record: Record) -> str:
    return " ".join(str(record.platform[name]) for name in ("system", "machine") if name in record.platform)
