"""The command that says by which rules over versions combinations are good or bad."""

from __future__ import annotations

from typing import Annotated

import typer

from matrixscan import commands
from matrixscan.cli.common import Matrix, app


@app.command()
def explain(
    matrix: Matrix = "default",
    *,
    probe: Annotated[
        list[str] | None, typer.Option(help="a probe, probe/variant or glob (repeatable); default: those that decide")
    ] = None,
    finding: Annotated[str | None, typer.Option(help='one finding only: "compare: mismatch", mismatch, bad')] = None,
    lanes: Annotated[bool, typer.Option("--lanes", help="speak of each exporter and opset by itself")] = False,
) -> None:
    """Say by which rules over versions the published results are good or bad, and what was not tested.

    Reads reports/MATRIX/ and nothing else.
    """
    outcome = commands.explain(matrix, tuple(probe or ()), finding, lanes=lanes)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)
