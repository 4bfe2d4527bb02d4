"""Says what a scan would do, without installing anything."""

from __future__ import annotations

import collections
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from matrixscan.commands.factored import is_factored, sides_of
from matrixscan.commands.request import Plans, Request, load_plans, places
from matrixscan.commands.wide import environments_of
from matrixscan.errors import MatrixscanError
from matrixscan.plan.estimate import Estimate, disk_problem, estimate, words
from matrixscan.plan.types import Cell, Plan
from matrixscan.plan.wheels import this_platform
from matrixscan.store.spent import seconds_spent

#: Combinations that are listed with all that each would install; of more, the counts say enough.
_LISTED = 20
_EXAMPLES = 2


class DiskTooSmallError(MatrixscanError):
    """The environments of a scan do not fit on the disk."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the scan {problem}; free some, choose less with --cell or --exclude, or add --reclaim")


def describe_plan(request: Request) -> str:
    """Say which cells and cases a scan would run, what cannot be, and what it would cost."""
    plans = load_plans(request)
    plan = plans.selected
    lines = [
        *_environments(plan.cells),
        *_own_packages(plan),
        *_infeasible(plan),
        f"{len(plan.cells)} combinations x {len(plan.cases)} cases of {len(plan.probes)} probes",
    ]
    if plan.controls:
        lines.append(f"besides, {len(plan.controls)} cases in each show that what is wrong is found")
    if plan.coverage:
        lines.append(f"{plan.matrix.strategy}: {plan.coverage}")
    if is_factored(plans):
        sides = sides_of(plan, plans.full)
        makers = "export sides" if plan.matrix.artifact is None else "environment for the reference"
        lines.append(f"factored: {len(sides.exports)} {makers} and {len(sides.runs)} run sides")
    figures = estimate_of(plans)
    if figures is not None:
        lines.append(words(figures))
        problem = disk_problem(figures, _free())
        lines += [f"too much for this disk: it {problem}"] if problem else []
    return "\n".join(lines) + "\n"


def check_disk(request: Request, plans: Plans) -> None:
    """Refuse a scan that the disk will not hold; without a lock of the matrix nothing is known.

    Raises:
        DiskTooSmallError: with the figure.
    """
    figures = None if request.options.reclaim else estimate_of(plans)
    problem = None if figures is None else disk_problem(figures, _free())
    if problem:
        raise DiskTooSmallError(problem)


def estimate_of(plans: Plans) -> Estimate | None:
    """Return what the environments of the selected cells will cost, as far as the lock of the matrix knows."""
    plan = plans.selected
    if plan.matrix.catalog is None:
        return None
    work = places().work
    spent = seconds_spent(work, plan.matrix.name)
    rows = [cell.axes for cell in environments_of(plan, plans.full) if cell.id not in spent]
    return estimate(rows, plan.matrix.catalog, this_platform(), spent=spent)


def _free() -> int:
    return shutil.disk_usage(Path.cwd()).free


def _environments(cells: Sequence[Cell]) -> Iterator[str]:
    if len(cells) > _LISTED:
        yield f"{cells[0].id} ... {cells[-1].id} (`matrixscan list` names all)"
        return
    for cell in cells:
        yield cell.id
        yield f"  python {cell.python}"
        yield from (f"  {requirement}" for requirement in cell.requirements)


def _own_packages(plan: Plan) -> Iterator[str]:
    own = [f"  {probe.name}: {', '.join(probe.dependencies)}" for probe in plan.probes if probe.dependencies]
    if own:
        yield "probes with packages of their own (installed beside each environment)"
        yield from own


def _infeasible(plan: Plan) -> Iterator[str]:
    """Count what cannot be by its rule, with examples."""
    by_rule: dict[str, collections.Counter[str]] = {}
    for excluded in plan.infeasible:
        by_rule.setdefault(excluded.rule, collections.Counter())[excluded.words] += 1
    for rule, found in by_rule.items():
        yield f"{found.total()} infeasible by {rule}:"
        for text, count in found.most_common(_EXAMPLES):
            yield f"  {count} x {text}"
        if len(found) > _EXAMPLES:
            yield f"  and {len(found) - _EXAMPLES} more"
