"""Commands that remember: the nightly run and the history."""

from __future__ import annotations

from typing import Annotated

import typer

from matrixscan import commands
from matrixscan.cli.common import Matrix, app, listen, options, request

HistoryUrl = Annotated[
    str | None,
    typer.Option("--history", help="file or address of the database; default: MATRIXSCAN_HISTORY, else .matrixscan/"),
]

history = typer.Typer(help="What was measured so far, over all scans and machines.", no_args_is_help=True)
app.add_typer(history, name="history")


@app.command()
def nightly(
    matrix: Matrix = "default",
    *,
    budget: Annotated[str | None, typer.Option(help="for how long environments are begun: 90s, 45m, 2h")] = None,
    url: HistoryUrl = None,
    feed: Annotated[str | None, typer.Option(help="file of the Atom feed; default: reports/MATRIX/feed.xml")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="combinations at once")] = 1,
) -> None:
    """Refresh the lock, scan what is new, and say what changed since the last time.

    Ends with 1 on a regression that a second run confirms.
    """
    asked = request(matrix, None, None, None, options(scan=commands.new_scan()))
    outcome = commands.nightly(asked, listen, budget=budget, history=url, feed=feed, jobs=jobs)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@history.command(name="import")
def import_(
    matrices: Annotated[list[str] | None, typer.Argument(metavar="[MATRIX]...", help="default: all reports")] = None,
    *,
    url: HistoryUrl = None,
) -> None:
    """Import the records of matrices; what is there already adds nothing."""
    typer.echo(commands.import_history(matrices or (), url).text, nl=False)


@history.command()
def show(
    *,
    probe: Annotated[list[str] | None, typer.Option(help="of this probe only (repeatable)")] = None,
    url: HistoryUrl = None,
) -> None:
    """Show what the history holds, and what contradicts itself in it."""
    typer.echo(commands.show_history(probe or (), url).text, nl=False)


@history.command()
def trends(
    *,
    probe: Annotated[str, typer.Option(help="name of the probe")],
    url: HistoryUrl = None,
) -> None:
    """Show how margin and latency of a probe went over time."""
    typer.echo(commands.show_trends(probe, url).text, nl=False)
