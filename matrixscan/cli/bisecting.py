"""The command that finds the release at which a model changes."""

from __future__ import annotations

from typing import Annotated

import typer

from matrixscan import commands
from matrixscan.cli.common import Matrix, app, listen, options, request


@app.command()
def bisect(
    matrix: Matrix = "default",
    *,
    probe: Annotated[str, typer.Option(help="the probe to follow: NAME or NAME/VARIANT")],
    good: Annotated[str, typer.Option(help="where it is good: an id, or python=3.11,torch=2.1.2,onnx=...")],
    bad: Annotated[str, typer.Option(help="where it is not: the same")],
    lane: Annotated[str, typer.Option(help="ask about one exporter only: EXPORTER or EXPORTER:OPSET")] = "",
    pre: Annotated[bool, typer.Option("--pre", help="try pre-releases too")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    fresh: Annotated[bool, typer.Option(help="ignore what earlier bisections measured")] = False,
    reclaim: Annotated[bool, typer.Option(help="delete downloaded wheels as soon as they are not needed")] = False,
) -> None:
    """Find the release between two combinations with which a probe breaks, or is mended: first which package's.

    Ends with 1 where the neighbours that were found do not come out the same when they are measured again.
    """
    chosen = options(fresh=fresh, reclaim=reclaim, scan=commands.new_scan())
    asked = request(matrix, [probe], None, None, chosen)
    # Progress beside JSON would be no JSON.
    listener = (lambda _: None) if as_json else listen
    outcome = commands.bisect(asked, good, bad, listener, lane=lane, pre=pre, as_json=as_json)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)
