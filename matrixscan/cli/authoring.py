"""Commands for people who write probes and matrices."""

from __future__ import annotations

from typing import Annotated

import typer

from matrixscan import commands
from matrixscan.cli.common import Cell, Matrix, app, listen, options, request


@app.command()
def init(folder: Annotated[str, typer.Argument(help="your project's folder")] = ".") -> None:
    """Write a starter matrix, probe and noxfile into a project; nothing that exists is overwritten."""
    for line in commands.init(folder):
        typer.echo(line)


@app.command()
def artifact(
    model: Annotated[str, typer.Argument(help="the ONNX file")],
    inputs: Annotated[list[str], typer.Argument(help="an .npz for each sample: name -> array")],
    *,
    outputs: Annotated[list[str] | None, typer.Option(help="an .npz with what is right, for each sample")] = None,
    matrix_out: Annotated[str, typer.Option(help="the matrix to write, for example matrices/mymodel.toml")],
) -> None:
    """Write a matrix that runs a model without its source in several releases of ONNX Runtime."""
    for line in commands.write_artifact_matrix(model, inputs, outputs or (), matrix_out):
        typer.echo(line)


@app.command()
def probe(
    file: Annotated[str, typer.Argument(help="a probe: a file, a name, or table.toml#row")],
    matrix: Annotated[str, typer.Option(help="matrix whose combinations are meant")] = "default",
    cell: Cell = None,
    check: Annotated[bool, typer.Option("--check", help="read the file and say what is wrong; run nothing")] = False,
) -> None:
    """Run one probe in one combination and show everything, for people writing one.

    Runs in the last combination of the matrix, or in the one given.
    """
    if check:
        outcome = commands.check_probe(file, matrix)
    else:
        outcome = commands.run_probe(file, request(matrix, None, None, cell, options()), listen)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def calibrate(
    probe: Annotated[str, typer.Argument(help="a probe: a name or a file")],
    matrix: Matrix = "default",
    cell: Cell = None,
) -> None:
    """Make a probe's normalisation statistics fit its data: writes the .npz its `weights` key names.

    Runs in the last combination of the matrix, or in the one given.
    """
    path = commands.calibrate(probe, request(matrix, None, None, cell, options()), listen)
    typer.echo(f"wrote {path}")


@app.command()
def schema(of: Annotated[str, typer.Argument(help="matrix or recommended")] = "matrix") -> None:
    """Print a JSON Schema: of matrix files, for editors, or of recommended.json, for programs."""
    typer.echo(commands.schema_text(of), nl=False)
