"""Commands that plan and measure, and say what the records mean."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from matrixscan import commands
from matrixscan.cli.common import Cell, Exclude, Joint, Matrix, Probe, app, listen, options, request


@app.command()
def scan(
    matrix: Matrix = "default",
    *,
    probe: Probe = None,
    exclude: Exclude = None,
    cell: Cell = None,
    fresh: Annotated[bool, typer.Option(help="ignore earlier records")] = False,
    relock: Annotated[bool, typer.Option(help="resolve again instead of using the locks in reports/")] = False,
    keep_env: Annotated[bool, typer.Option(help="keep the environments under .matrixscan/")] = False,
    reclaim: Annotated[bool, typer.Option(help="delete downloaded wheels as soon as they are not needed")] = False,
    joint: Annotated[bool, typer.Option(help="of a factored matrix: everything in one environment")] = False,
    sample: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of the combinations, by --seed")] = 1.0,
    seed: Annotated[int, typer.Option(help="chooses the sample")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="combinations at once")] = 1,
) -> None:
    """Scan a matrix; write and show the table and what is good."""
    chosen = options(fresh=fresh, relock=relock, keep_env=keep_env, reclaim=reclaim, scan=commands.new_scan())
    asked = request(matrix, probe, exclude, cell, chosen)
    asked = msgspec.structs.replace(asked, joint=joint, sample=sample, seed=seed)
    outcome = commands.scan(asked, listen, executor="threads" if jobs > 1 else "serial", jobs=jobs)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def report(matrix: Matrix = "default", *, joint: Joint = False) -> None:
    """Write the reports again from the records, without scanning."""
    asked = msgspec.structs.replace(request(matrix, None, None, None, options()), joint=joint)
    outcome = commands.report(asked, scanned=False)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def judge(
    matrix: Matrix = "default",
    *,
    rtol: Annotated[float | None, typer.Option(help="relative tolerance of every output")] = None,
    atol: Annotated[float | None, typer.Option(help="absolute tolerance of every output")] = None,
    output: Annotated[list[str] | None, typer.Option(help="of one output: NAME=RTOL,ATOL (repeatable)")] = None,
    half: Annotated[bool, typer.Option("--half", help="judge the lanes in half precision instead")] = False,
    probe: Probe = None,
    exclude: Exclude = None,
    cell: Cell = None,
) -> None:
    """Say what the records would mean with other tolerances; nothing is run and nothing is written."""
    rule = commands.rule_of(rtol, atol, output or (), half=half)
    outcome = commands.judge(request(matrix, probe, exclude, cell, options()), rule)
    typer.echo(outcome.text, nl=False)


@app.command()
def lock(matrix: Matrix = "default") -> None:
    """Ask the package index what the selectors of a matrix mean now, and say what is new."""
    typer.echo(commands.lock(matrix).text, nl=False)


@app.command()
def plan(matrix: Matrix = "default", probe: Probe = None, exclude: Exclude = None, cell: Cell = None) -> None:
    """Show the combinations and what each would install, without installing."""
    typer.echo(commands.describe_plan(request(matrix, probe, exclude, cell, options())), nl=False)


@app.command(name="list")
def list_cells(matrix: Matrix = "default") -> None:
    """List the ids of the combinations."""
    for cell in commands.load_plans(request(matrix, None, None, None, options())).full.cells:
        typer.echo(cell.id)
