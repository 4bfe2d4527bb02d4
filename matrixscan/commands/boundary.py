"""Searches for the releases between which results change: rows are added where measured neighbours disagree."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from matrixscan.analysis.controls import trusted
from matrixscan.analysis.judge import judge_cases, judge_environment, settle_cases
from matrixscan.commands.request import Plans, Request, load_plans, places
from matrixscan.commands.wide import combination_records
from matrixscan.plan.boundary import next_rows
from matrixscan.plan.ids import combination_id
from matrixscan.records.types import Record
from matrixscan.store.reports import Reports

BOUNDARY = "boundary"


def search(request: Request, plans: Plans, measure: Callable[[Plans], None], say: Callable[[str], None]) -> None:
    """Measure, and go on with what the results ask for until every flip is located or the budget is spent.

    Args:
        request: what was asked for.
        plans: the rows to begin with.
        measure: takes the selected cells of plans to their records.
        say: told about every round.
    """
    measure(plans)
    while plans.full.matrix.strategy == BOUNDARY:
        reports = Reports(places().reports, plans.full.matrix.name)
        # One that was to be measured and left no record says nothing; asked for again, it would be so for ever.
        results: dict[str, Hashable] = dict.fromkeys(cell.id for cell in plans.full.cells)
        results |= {record.id: _signature(record, plans) for record in combination_records(plans, reports)}
        more = next_rows(plans.full.rows, results, plans.full.matrix.reduction.budget)
        if not more:
            return
        say(f"{len(more)} more combinations, where neighbours disagree: {', '.join(map(combination_id, more))}")
        reports.add_searched(more)
        plans = load_plans(request)
        measure(plans)


def _signature(record: Record, plans: Plans) -> Hashable:
    """Return what came out of a combination, coarsely: the verdict of each judged variant and where it failed."""
    environment = judge_environment(record)
    if environment is not None:
        return None if environment.outcome in {"infra", "skipped"} else (environment.stage, environment.outcome)
    trust = trusted([record])
    if trust.doubts:
        return None  # a search would follow what an accident seems to change
    cases = settle_cases(trust.records[0].cases)
    subjects = dict.fromkeys((case.probe, case.variant) for case in plans.full.cases if case.probe in plans.full.judged)
    found = (judge_cases([case for case in cases if (case.probe, case.variant) == subject]) for subject in subjects)
    return tuple((judgement.verdict, judgement.stage, judgement.reason) for judgement in found)
