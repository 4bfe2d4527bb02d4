"""The end of a scan: failing cases are looked into, then everything is reported."""

from __future__ import annotations

from matrixscan.commands.breaking import examine_all
from matrixscan.commands.diagnosing import diagnose
from matrixscan.commands.factored import is_factored
from matrixscan.commands.reporting import report
from matrixscan.commands.request import Outcome, Request, load_plans
from matrixscan.execution.task import Listener


def conclude(request: Request, listener: Listener) -> Outcome:
    """Look into what failed, as far as the time for it goes, and report.

    Sides of a factored plan hold no whole environment to look into; `diagnose --joint` does.
    """
    plans = load_plans(request)
    if not is_factored(plans):
        diagnose(request, listener)
        if plans.full.matrix.limits.diagnose_seconds:
            examine_all(request, plans, listener)
    return report(request)
