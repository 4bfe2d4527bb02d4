"""The command that looks pins up."""

from __future__ import annotations

import typer

from matrixscan.cli import quick
from matrixscan.cli.common import app

# What stands behind it is read by quick.py, which also starts it without this list of commands.
_AS_IS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=_AS_IS, help=quick.SUMMARY, add_help_option=False)
def check(context: typer.Context) -> None:
    """Look pins up."""
    raise typer.Exit(quick.run(context.args))
