"""What a scan would say with other tolerances: from the records, nothing is run and nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from matrixscan.analysis.grid_files import trusted_tables
from matrixscan.analysis.rejudge import Rule, rejudge
from matrixscan.analysis.rejudge_runs import rejudge_runs
from matrixscan.commands.reporting import current, view_of
from matrixscan.commands.request import Outcome, Request, load_plans, places
from matrixscan.commands.wide import is_wide, joint_records
from matrixscan.errors import BadToleranceError, UnknownNameError
from matrixscan.reporters._judged import render_grids, render_views
from matrixscan.store.parquet import read_exports, read_runs
from matrixscan.store.reports import Reports
from matrixscan.store.sides import EXPORTS, RUNS


def judge(request: Request, rule: Rule) -> Outcome:
    """Judge the records of a matrix by other tolerances and say what changes.

    Args:
        request: which matrix, and which of its combinations and probes.
        rule: the tolerances.

    Raises:
        UnknownNameError: the rule names an output that nothing has.
    """
    plans = load_plans(request)
    reports = Reports(places().reports, plans.full.matrix.name)
    if is_wide(plans.full):
        return Outcome(_wide(reports, rule), 0)
    records = [current(record, plans.selected) for record in joint_records(plans, reports)]
    declared = {name for probe in plans.selected.probes for name in probe.outputs}
    _check_outputs(rule, declared | {each.name for record in records for case in record.cases for each in case.outputs})
    before = view_of(plans.selected, records)
    after = view_of(plans.selected, [rejudge(record, rule) for record in records])
    return Outcome(render_views(before, after, rule), 0)


def _wide(reports: Reports, rule: Rule) -> str:
    exports, runs = read_exports(reports.folder / EXPORTS), read_runs(reports.folder / RUNS)
    _check_outputs(rule, runs.texts("output").labels)
    before = trusted_tables(exports, runs)
    after = trusted_tables(exports, rejudge_runs(runs, rule))
    return render_grids(before.grid, after.grid, rule)


def _check_outputs(rule: Rule, known: Collection[str]) -> None:
    for name in rule.outputs:
        if name not in known:
            raise UnknownNameError("output", name, known)


def rule_of(rtol: float | None, atol: float | None, outputs: Sequence[str], *, half: bool) -> Rule:
    """Return a rule from what a command line says.

    Args:
        rtol: for every output.
        atol: for every output.
        outputs: `NAME=RTOL,ATOL`, for single ones.
        half: the lanes in half precision are meant.

    Raises:
        BadToleranceError: a text is not of that form, or a number is negative or none.
    """
    own = dict(_own(text) for text in outputs)
    numbers = [number for number in (rtol, atol, *(n for pair in own.values() for n in pair)) if number is not None]
    if not numbers:
        raise BadToleranceError("none given", "give --rtol, --atol or --output")
    if not all(0 <= number < float("inf") for number in numbers):
        raise BadToleranceError(str(min(numbers)), "a tolerance is a number of 0 or more")
    return Rule(rtol, atol, own, half)


def _own(text: str) -> tuple[str, tuple[float, float]]:
    name, _, pair = text.rpartition("=")
    try:
        rtol, atol = (float(number) for number in pair.split(","))
    except ValueError:
        raise BadToleranceError(text, "write NAME=RTOL,ATOL, as in --output logits=1e-3,1e-5") from None
    return name, (rtol, atol)
