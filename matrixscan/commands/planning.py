"""Says what a scan would do, without installing anything."""

from __future__ import annotations

from matrixscan.commands.request import Request, load_plans


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
