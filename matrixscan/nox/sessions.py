"""The sessions that plan, measure and report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import nox

from matrixscan.errors import MatrixscanError
from matrixscan.nox.arguments import request
from matrixscan.nox.exits import guarded, show

if TYPE_CHECKING:
    from matrixscan.execution.task import Notice
    from matrixscan.plan.types import Cell, Plans


def _environments(prefix: str, arguments: argparse.Namespace, plans: Plans) -> list[str]:
    """Register a session for each environment of the plan and return the names of those that end it."""
    plan = plans.selected
    if plan.matrix.plan != "factored":
        words = "Scan one combination: build its environment, export, compare, write its record."
        return _cells(f"{prefix}cell", words, arguments, plan.cells)
    from matrixscan.commands.factored import sides_of  # noqa: PLC0415  no other plan has sides

    sides = sides_of(plan, plans.full)
    words = "Export in one environment of a factored plan: build it, export, keep artifacts and references."
    exports = _cells(f"{prefix}export_side", words, arguments, sides.exports)
    words = "Run in one environment of a factored plan what every export side left for it."
    return _cells(f"{prefix}run_side", words, arguments, sides.runs, requires=exports)


def _cells(
    name: str, words: str, arguments: argparse.Namespace, cells: Sequence[Cell], requires: Sequence[str] = ()
) -> list[str]:
    def cell(session: nox.Session, combination: str) -> None:
        from matrixscan.commands import scan_cell  # noqa: PLC0415

        del session
        asked = request(arguments)
        try:
            scan_cell(asked, combination, listen)
        except MatrixscanError:
            raise
        except Exception as error:  # noqa: BLE001  one cell's trouble must not keep `scan` from reporting the others
            sys.stdout.write(f"{combination}  infra    {type(error).__name__}: {error}\n")

    cell.__doc__ = words
    each = nox.parametrize("combination", [nox.param(cell.id, id=cell.id) for cell in cells])(guarded(cell))
    session = nox.session(name=name, venv_backend="none", default=False, allow_parallel=True, requires=list(requires))
    session(each)
    return [f"{name}({cell.id})" for cell in cells]


def register_scan(prefix: str, arguments: argparse.Namespace, plans: Plans) -> None:
    """Register the session that scans, after those of its environments."""
    requires = _environments(prefix, arguments, plans)

    @nox.session(name=f"{prefix}scan", venv_backend="none", requires=requires, allow_parallel=True)
    @guarded
    def scan(session: nox.Session) -> None:
        """Scan every combination of the matrix; write and show the table and what is good."""
        # Every environment has its record by now; only a search for boundaries has more to do.
        from matrixscan import commands  # noqa: PLC0415

        asked = request(arguments)
        searching = plans.full.matrix.strategy == "boundary"
        outcome = commands.scan(asked, listen) if searching else commands.conclude(asked, listen)
        show(session, outcome)


def register_plan(prefix: str, arguments: argparse.Namespace) -> None:
    """Register the session that says what a scan would do."""

    @nox.session(name=f"{prefix}plan", venv_backend="none", default=False)
    @guarded
    def plan(session: nox.Session) -> None:
        """Show the combinations and what each would install, without installing."""
        from matrixscan.commands import describe_plan  # noqa: PLC0415

        del session
        sys.stdout.write(describe_plan(request(arguments)))


def register_report(prefix: str, arguments: argparse.Namespace) -> None:
    """Register the session that derives the reports again."""

    @nox.session(name=f"{prefix}report", venv_backend="none", default=False)
    @guarded
    def report(session: nox.Session) -> None:
        """Write the reports again from what was measured, without scanning."""
        from matrixscan.commands import report as derive  # noqa: PLC0415

        outcome = derive(request(arguments), scanned=False)
        show(session, outcome)


def register_lock(prefix: str, arguments: argparse.Namespace) -> None:
    """Register the one session that asks a package index what there is."""

    @nox.session(name=f"{prefix}lock", venv_backend="none", default=False)
    @guarded
    def lock(session: nox.Session) -> None:
        """Ask the package index what the selectors of the matrix mean now; say what is new."""
        from matrixscan.commands import lock as freeze  # noqa: PLC0415

        del session
        sys.stdout.write(freeze(str(arguments.matrix)).text)


def register_nightly(prefix: str, arguments: argparse.Namespace) -> None:
    """Register the session for every night, which asks a package index too."""

    @nox.session(name=f"{prefix}nightly", venv_backend="none", default=False)
    @guarded
    def nightly(session: nox.Session) -> None:
        """Refresh the lock, scan what is new, and say what changed since the last time."""
        from matrixscan import commands  # noqa: PLC0415

        more = {name: getattr(arguments, name) for name in ("budget", "history", "feed")}
        show(session, commands.nightly(request(arguments), listen, **more))


def register_broken(prefix: str, error: MatrixscanError) -> None:
    """Register sessions that say why there are no others, so that a noxfile's own sessions are not lost with ours."""

    @guarded
    def broken(session: nox.Session) -> None:
        """Cannot run: the matrix has problems."""
        del session
        raise error

    nox.session(name=f"{prefix}scan", venv_backend="none")(broken)
    nox.session(name=f"{prefix}plan", venv_backend="none", default=False)(broken)


def listen(notice: Notice) -> None:
    """Print a line of progress."""
    sys.stdout.write(f"[{notice.seconds:7.1f} s] {notice.cell}  {notice.stage:<8} {notice.text}\n")
    sys.stdout.flush()
