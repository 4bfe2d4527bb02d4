"""Commands for workflows: a scan on many machines, and its results on the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matrixscan import commands
from matrixscan.cli.common import Exclude, Matrix, Probe, app, options, request

#: Jobs that GitHub starts for one matrix of a workflow.
_MOST = 256


@app.command()
def shards(
    matrix: Matrix = "default",
    *,
    count: Annotated[int, typer.Option(min=1, max=_MOST, help="the most shards; they are of nearly equal size")] = 8,
    probe: Probe = None,
    exclude: Exclude = None,
    sessions: Annotated[Path | None, typer.Option(help="file with what `nox -l --json -- MATRIX` printed")] = None,
    form: Annotated[str, typer.Option("--format", help="json, or github for the outputs of a job")] = "json",
) -> None:
    """Cut the sessions of a matrix into shards for several machines, those with the same torch together."""
    outcome = commands.shards(request(matrix, probe, exclude, None, options()), count, sessions, form=form)
    typer.echo(outcome.text, nl=False)


@app.command()
def forget(
    matrix: Matrix = "default",
    *,
    keep_lock: Annotated[
        list[str] | None, typer.Option(help="delete all locks but those of this environment (repeatable)")
    ] = None,
) -> None:
    """Delete the published records of a matrix, so that nothing old stands for what is not measured again."""
    typer.echo(commands.forget(request(matrix, None, None, None, options()), keep_lock or ()).text, nl=False)


@app.command()
def annotate(
    matrix: Matrix = "default",
    *,
    probe: Probe = None,
    exclude: Exclude = None,
    summary: Annotated[
        Path | None, typer.Option(envvar="GITHUB_STEP_SUMMARY", help="file that the summary is added to")
    ] = None,
) -> None:
    """Print what is published of a matrix as annotations of a GitHub workflow, and write the summary of its job."""
    found = commands.annotate(request(matrix, probe, exclude, None, options()))
    typer.echo(found.commands, nl=False)
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(found.summary)


@app.command()
def site(
    folder: Annotated[Path, typer.Argument(help="folder to write; what is in it is replaced")],
    *,
    title: Annotated[str, typer.Option(help="heading of the first page")] = "matrixscan",
) -> None:
    """Write what is published of all matrices as a folder of static files with a first page."""
    typer.echo(commands.site(folder, title).text, nl=False)
