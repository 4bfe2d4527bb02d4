"""Says what single combinations are: from a record that still holds, else by measuring. For commands that search."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import msgspec

from matrixscan.analysis.controls import trusted
from matrixscan.analysis.judge import BAD, GOOD, UNKNOWN, Judgement, judge_cases, judge_environment, settle_cases
from matrixscan.commands.factored import store_folder
from matrixscan.commands.joint import tasks
from matrixscan.commands.reporting import current
from matrixscan.commands.request import Plans, Request, measured_places, places
from matrixscan.execution.executors import execute
from matrixscan.execution.task import Listener, Notice, Task
from matrixscan.plan.expand import make_cell
from matrixscan.plan.ids import combination_id
from matrixscan.plan.types import Plan
from matrixscan.plan.wheels import this_platform
from matrixscan.records.types import Record
from matrixscan.reporters._bisection import Measured
from matrixscan.store.published import published_records


class Bench:
    """Says what a combination is: from a record where there is one that still holds, else by measuring."""

    def __init__(self, request: Request, plan: Plan, suffix: str, listener: Listener) -> None:
        """Take what is asked of every combination.

        Args:
            request: How a scan treats what is there.
            plan: The cases; its matrix has a name of its own, for records of its own.
            suffix: What that name ends with after the name of the published matrix.
            listener: Told about progress.
        """
        self._request, self._plan, self._suffix, self._listener = request, plan, suffix, listener
        self.steps: dict[str, Measured] = {}

    @functools.cached_property
    def _published(self) -> dict[str, Record]:
        folder = places().reports / self._plan.matrix.name.removesuffix(self._suffix)
        return {record.id: record for record in published_records(folder)} if folder.is_dir() else {}

    def judge(self, row: Mapping[str, str], *, again: bool = False) -> Judgement:
        """Judge a combination; `again` measures it even where that was done."""
        name = combination_id(row)
        known = None if again else self._of_published(name)
        found = known or self._of_record(self._measure(row, again=again)) or Judgement("unknown", outcome="infra")
        self._listener(Notice(name, found.verdict, f"{words_of(found)}{' (published)' if known else ''}".strip(), 0.0))
        before = self.steps.get(name) or Measured(name, dict(row), (), "", reused=known is not None)
        verdicts = (*before.verdicts, found.verdict)
        self.steps[name] = msgspec.structs.replace(before, verdicts=verdicts, words=words_of(found))
        return found

    def _of_published(self, name: str) -> Judgement | None:
        """Return what is proven by a published record that was measured on a machine like this one."""
        record = self._published.get(name)
        here = this_platform()
        if record is None or [str(record.platform.get(key, "")).lower() for key in ("system", "machine")] != [
            here.system,
            here.machine.lower(),
        ]:
            return None
        found = self._of_record(record)
        return found if found is not None and found.verdict != UNKNOWN else None

    def _of_record(self, record: Record | None) -> Judgement | None:
        """Return what a record says, None where it does not hold all that is asked."""
        if record is None:
            return None
        plan = self._plan
        held = current(record, plan)
        environment = judge_environment(held)
        if environment is not None:
            return environment
        trust = trusted([held])
        if trust.doubts:
            return None
        cases = settle_cases(trust.records[0].cases)
        if {case.id for case in plan.cases} - {case.id for case in cases}:
            return None
        subjects = dict.fromkeys((case.probe, case.variant) for case in plan.cases)
        judged = [judge_cases([case for case in cases if (case.probe, case.variant) == each]) for each in subjects]
        return min(judged, key=lambda each: (BAD, UNKNOWN, GOOD).index(each.verdict))

    def _measure(self, row: Mapping[str, str], *, again: bool) -> Record | None:
        plan = self._plan
        one = msgspec.structs.replace(plan, cells=(make_cell(row, plan.matrix),))
        options = msgspec.structs.replace(self._request.options, fresh=self._request.options.fresh or again)
        request = msgspec.structs.replace(self._request, options=options)
        made = [self._own(task, again=again) for task in tasks(request, Plans(one, one))]
        return next(iter(execute(made, self._listener, "serial", 1)), None)

    def _own(self, task: Task, *, again: bool) -> Task:
        """Return a task with records of its own, and exports shared by what differs in its runner alone."""
        more = {} if again else {"mode": "once", "store": store_folder(task.matrix.name)}
        return msgspec.structs.replace(task, places=measured_places(), **more)


def words_of(found: Judgement) -> str:
    """Return what a combination is that is not good, in parentheses."""
    if found.verdict == GOOD:
        return ""
    what = found.reason or found.outcome
    said = f": {found.error.type}" if found.error else ""
    return f" ({found.stage}: {what}{said})" if found.stage else f" ({what}{said})"
