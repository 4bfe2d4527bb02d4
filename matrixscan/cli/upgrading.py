"""The command that says how far a package can be upgraded."""

from __future__ import annotations

from typing import Annotated

import typer

from matrixscan import commands
from matrixscan.cli.common import app, listen, options, request


@app.command()
def upgrade(
    file: Annotated[str, typer.Argument(help="requirements, pyproject.toml, a lock, or a virtual environment")],
    *,
    package: Annotated[str, typer.Option(help="the package to upgrade")] = "torch",
    matrix: Annotated[str, typer.Option(help="matrix whose probes decide")] = "default",
    probe: Annotated[list[str] | None, typer.Option(help="let this probe decide: name or file (repeatable)")] = None,
    pin: Annotated[list[str] | None, typer.Option(help="NAME==VERSION of what the file leaves open")] = None,
    python: Annotated[str | None, typer.Option(help="the Python that is meant, like 3.11")] = None,
    budget: Annotated[int, typer.Option(min=1, help="combinations to try at most")] = 20,
    pre: Annotated[bool, typer.Option("--pre", help="try pre-releases too")] = False,
    write: Annotated[bool, typer.Option("--write", help="change the versions in the file")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    fresh: Annotated[bool, typer.Option(help="ignore what earlier searches measured")] = False,
    reclaim: Annotated[bool, typer.Option(help="delete downloaded wheels as soon as they are not needed")] = False,
) -> None:
    """Say how far a package can be upgraded, in which order, through nothing but combinations that were seen to work.

    Ends with 1 where no newer release can be reached.
    """
    chosen = options(fresh=fresh, reclaim=reclaim, scan=commands.new_scan())
    outcome = commands.upgrade_pins(
        file,
        package,
        request(matrix, probe, None, None, chosen),
        (lambda _: None) if as_json else listen,
        python=python,
        more=commands.parse_pins(pin or ()),
        budget=budget,
        pre=pre,
        write=write,
        as_json=as_json,
    )
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)
