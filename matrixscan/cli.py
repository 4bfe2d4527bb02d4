"""The command line: the only place that prints and exits, besides the sessions in nox.py."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated, Any

import msgspec
import typer
from typer.core import TyperGroup

from matrixscan import __version__, commands
from matrixscan.errors import EXIT_USAGE, MatrixscanError
from matrixscan.execution.task import Notice, Options


class _InterruptedError(MatrixscanError):
    exit_code = 130

    def __init__(self) -> None:
        super().__init__("interrupted; the same command continues where this stopped")


class _Group(TyperGroup):
    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # click's own type moves between versions
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # typer would leave without a word
            raise _InterruptedError from None


app = typer.Typer(
    cls=_Group,
    help="Measure which PyTorch, ONNX and ONNX Runtime combinations export and run a model correctly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_Matrix = Annotated[str, typer.Argument(help="matrix file, or the name of one in matrices/")]
_Probe = Annotated[list[str] | None, typer.Option(help="run this probe only: a name or a file (repeatable)")]
_Exclude = Annotated[
    list[str] | None, typer.Option(help="leave out probes or combinations, globs allowed (repeatable)")
]
_Cell = Annotated[list[str] | None, typer.Option(help="scan this combination only (id, repeatable)")]


@app.command()
def scan(
    matrix: _Matrix = "default",
    *,
    probe: _Probe = None,
    exclude: _Exclude = None,
    cell: _Cell = None,
    fresh: Annotated[bool, typer.Option(help="ignore earlier records")] = False,
    relock: Annotated[bool, typer.Option(help="resolve again instead of using the locks in reports/")] = False,
    keep_env: Annotated[bool, typer.Option(help="keep the environments under .matrixscan/")] = False,
    reclaim: Annotated[bool, typer.Option(help="delete downloaded wheels as soon as they are not needed")] = False,
    joint: Annotated[bool, typer.Option(help="of a factored matrix: everything in one environment")] = False,
    sample: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of the combinations, by --seed")] = 1.0,
    seed: Annotated[int, typer.Option(help="chooses the sample")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="combinations at once")] = 1,
) -> None:
    """Scan a matrix; write and show the table and the known-good pins."""
    options = Options(fresh=fresh, relock=relock, keep_env=keep_env, reclaim=reclaim, scan=commands.new_scan())
    request = _request(matrix, probe, exclude, cell, options)
    request = msgspec.structs.replace(request, joint=joint, sample=sample, seed=seed)
    outcome = commands.scan(request, _listen, executor="threads" if jobs > 1 else "serial", jobs=jobs)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def report(matrix: _Matrix = "default") -> None:
    """Write the reports again from the records, without scanning."""
    outcome = commands.report(_request(matrix, None, None, None, Options()), scanned=False)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def judge(
    matrix: _Matrix = "default",
    *,
    rtol: Annotated[float | None, typer.Option(help="relative tolerance of every output")] = None,
    atol: Annotated[float | None, typer.Option(help="absolute tolerance of every output")] = None,
    output: Annotated[list[str] | None, typer.Option(help="of one output: NAME=RTOL,ATOL (repeatable)")] = None,
    half: Annotated[bool, typer.Option("--half", help="judge the lanes in half precision instead")] = False,
    probe: _Probe = None,
    exclude: _Exclude = None,
    cell: _Cell = None,
) -> None:
    """Say what the records would mean with other tolerances; nothing is run and nothing is written."""
    rule = commands.rule_of(rtol, atol, output or (), half=half)
    outcome = commands.judge(_request(matrix, probe, exclude, cell, Options()), rule)
    typer.echo(outcome.text, nl=False)


@app.command()
def lock(matrix: _Matrix = "default") -> None:
    """Ask the package index what the selectors of a matrix mean now, and say what is new."""
    typer.echo(commands.lock(matrix).text, nl=False)


@app.command()
def plan(matrix: _Matrix = "default", probe: _Probe = None, exclude: _Exclude = None, cell: _Cell = None) -> None:
    """Show the combinations and what each would install, without installing."""
    typer.echo(commands.describe_plan(_request(matrix, probe, exclude, cell, Options())), nl=False)


@app.command(name="list")
def list_cells(matrix: _Matrix = "default") -> None:
    """List the ids of the combinations."""
    for cell in commands.load_plans(_request(matrix, None, None, None, Options())).full.cells:
        typer.echo(cell.id)


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
    cell: _Cell = None,
    check: Annotated[bool, typer.Option("--check", help="read the file and say what is wrong; run nothing")] = False,
) -> None:
    """Run one probe in one combination and show everything, for people writing one.

    Runs in the last combination of the matrix, or in the one given.
    """
    if check:
        outcome = commands.check_probe(file, matrix)
    else:
        outcome = commands.run_probe(file, _request(matrix, None, None, cell, Options()), _listen)
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def calibrate(
    probe: Annotated[str, typer.Argument(help="a probe: a name or a file")],
    matrix: _Matrix = "default",
    cell: _Cell = None,
) -> None:
    """Make a probe's normalisation statistics fit its data: writes the .npz its `weights` key names.

    Runs in the last combination of the matrix, or in the one given.
    """
    path = commands.calibrate(probe, _request(matrix, None, None, cell, Options()), _listen)
    typer.echo(f"wrote {path}")


@app.command()
def diagnose(
    matrix: _Matrix = "default",
    *,
    probe: _Probe = None,
    exclude: _Exclude = None,
    cell: _Cell = None,
    fresh: Annotated[bool, typer.Option(help="ignore earlier diagnoses")] = False,
    keep_env: Annotated[bool, typer.Option(help="keep the environments under .matrixscan/")] = False,
    joint: Annotated[bool, typer.Option(help="of a factored matrix: what was scanned with --joint")] = False,
) -> None:
    """Say of failing cases where they go wrong: the first torch call and the ONNX nodes that differ.

    Needs the records of a scan. The same command goes on with what limits.diagnose-seconds left out.
    """
    request = _request(matrix, probe, exclude, cell, Options(fresh=fresh, keep_env=keep_env))
    request = msgspec.structs.replace(request, joint=joint)
    outcome = commands.describe_diagnoses(request, commands.diagnose(request, _listen))
    typer.echo(outcome.text, nl=False)
    raise typer.Exit(outcome.exit_code)


@app.command()
def packaging(
    matrix: _Matrix = "default",
    *,
    cell: _Cell = None,
    trials: Annotated[int, typer.Option(min=1, help="environments to try for each combination")] = 20,
) -> None:
    """Find the package, beside the axes, whose release broke a combination that was scanned.

    Tries the packages of the combination's era, then looks for the one that flips the outcome, and for its release.
    """
    request = _request(matrix, None, None, cell, Options())
    typer.echo(commands.packaging(request, _listen, trials=trials).text, nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of matrix files, for editors."""
    typer.echo(commands.schema_text(), nl=False)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; every user-facing error ends with its own exit code."""
    # A terminated scan ends its child processes like an interrupted one.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except MatrixscanError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # a cell's trouble is in its record; this is a file of the user's choosing
        typer.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _listen(notice: Notice) -> None:
    typer.echo(f"[{notice.seconds:7.1f} s] {notice.cell}  {notice.stage:<8} {notice.text}")


def _request(
    matrix: str, probe: list[str] | None, exclude: list[str] | None, cell: list[str] | None, options: Options
) -> commands.Request:
    return commands.Request(matrix, tuple(probe or ()), tuple(exclude or ()), tuple(cell or ()), options)
