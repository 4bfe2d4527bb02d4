"""Commands that look into what failed."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from matrixscan import commands
from matrixscan.cli.common import Cell, Exclude, Joint, Matrix, Probe, app, listen, options, request


@app.command()
def diagnose(
    matrix: Matrix = "default",
    *,
    probe: Probe = None,
    exclude: Exclude = None,
    cell: Cell = None,
    fresh: Annotated[bool, typer.Option(help="ignore earlier diagnoses")] = False,
    keep_env: Annotated[bool, typer.Option(help="keep the environments under .matrixscan/")] = False,
    joint: Joint = False,
) -> None:
    """Say of failing cases where they go wrong: the first torch call and the ONNX nodes that differ.

    Needs the records of a scan. The same command goes on with what limits.diagnose-seconds left out.
    """
    asked = request(matrix, probe, exclude, cell, options(fresh=fresh, keep_env=keep_env))
    asked = msgspec.structs.replace(asked, joint=joint)
    outcome = commands.describe_diagnoses(asked, commands.diagnose(asked, listen))
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def reproduce(
    cell: Annotated[str, typer.Argument(help="combination, as `list` and the reports name it")],
    case: Annotated[str, typer.Argument(help="the failing case, as the records name it")],
    *,
    matrix: Annotated[str, typer.Option(help="matrix file, or the name of one in matrices/")] = "default",
    out: Annotated[str | None, typer.Option(help="folder to write; default: reproductions/CELL/CASE")] = None,
    whose: Annotated[
        str | None, typer.Option(help="tracker the text is for: exporter, runtime or onnx; default: as found")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="how long making it small may take")] = 30.0,
    fresh: Annotated[bool, typer.Option(help="ignore an earlier reduction of this case")] = False,
    keep_env: Annotated[bool, typer.Option(help="keep the environment under .matrixscan/")] = False,
) -> None:
    """Write a folder that shows a failing case to others: one script, the smallest model that fails, an issue text.

    Ends with 1 if the written script does not show the failure.
    """
    chosen = options(fresh=fresh, keep_env=keep_env)
    outcome = commands.reproduce(cell, case, matrix, listen, out=out, whose=whose, seconds=60 * minutes, options=chosen)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def packaging(
    matrix: Matrix = "default",
    *,
    cell: Cell = None,
    trials: Annotated[int, typer.Option(min=1, help="environments to try for each combination")] = 20,
    joint: Joint = False,
) -> None:
    """Find the package, beside the axes, whose release broke a combination that was scanned.

    Tries the packages of the combination's eras, then looks for the one that flips the outcome, and for its release.
    """
    asked = msgspec.structs.replace(request(matrix, None, None, cell, options()), joint=joint)
    typer.echo(commands.packaging(asked, listen, trials=trials).text, nl=False)
