"""Commands that turn what was measured into pins."""

from __future__ import annotations

from typing import Annotated

import typer

from matrixscan import commands
from matrixscan.cli.common import Cell, Matrix, app, listen, options, request

Chosen = Annotated[
    list[str] | None, typer.Option("--probe", help="good for this probe, or probe/variant, alone (repeatable)")
]
Count = Annotated[int | None, typer.Option(min=1, help="combinations for each audience; default: the matrix's")]


@app.command()
def recommend(
    matrix: Matrix = "default",
    *,
    probe: Chosen = None,
    pins: Annotated[str | None, typer.Option(help="your own pins; rank by how few of them move")] = None,
    python: Annotated[str | None, typer.Option(help="only for this Python, for example 3.8")] = None,
    order: Annotated[str | None, typer.Option(help="newest, safest or closest; default: the matrix's")] = None,
    count: Count = None,
) -> None:
    """Rank the combinations that are good, with reasons and a confidence; nothing is run or asked."""
    asked = request(matrix, probe, None, None, options())
    known = None if pins is None else commands.read_user_pins(pins)
    outcome = commands.recommend(asked, pins=known, python=python, order=order, count=count)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def certify(
    matrix: Matrix = "default",
    *,
    cell: Cell = None,
    probe: Chosen = None,
    count: Count = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="download everything again, into a passing cache")
    ] = False,
    fresh: Annotated[bool, typer.Option(help="again, also what is certified already")] = False,
    keep_env: Annotated[bool, typer.Option(help="keep the environments under .matrixscan/")] = False,
) -> None:
    """Rebuild the first of each ranking from its lock in a fresh environment and run everything again.

    What is good again is written to reports/ as a recommendation. Ends with 1 if nothing is.
    """
    chosen = options(fresh=fresh, keep_env=keep_env, reclaim=no_cache, scan=commands.new_scan())
    outcome = commands.certify(request(matrix, probe, None, cell, chosen), listen, count=count)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def pin(
    cell: Annotated[str, typer.Argument(help="a certified combination, as recommended.md names it")],
    *,
    matrix: Annotated[str, typer.Option(help="matrix file, or the name of one in matrices/")] = "default",
    format_: Annotated[
        str, typer.Option("--format", help="requirements (with hashes), constraints, pyproject or pylock")
    ] = "requirements",
    probe: Chosen = None,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", help="file to write, in a folder that is there; default: print, of pylock a file"),
    ] = None,
) -> None:
    """Write the pins of a certified combination for an installer.

    Only pylock asks a package index: yours, for the addresses of the files, of which only those in the lock are taken.
    """
    outcome = commands.pin(request(matrix, probe, None, [cell], options()), format_, out)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)
