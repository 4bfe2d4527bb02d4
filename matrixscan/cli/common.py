"""What every command of the command line shares: the application, common options, progress and the end."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from matrixscan import __version__, commands
from matrixscan.errors import EXIT_USAGE, MatrixscanError

if TYPE_CHECKING:
    from matrixscan.commands import Request
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

Matrix = Annotated[str, typer.Argument(help="matrix file, or the name of one in matrices/")]
Probe = Annotated[list[str] | None, typer.Option(help="run this probe only: a name or a file (repeatable)")]
Exclude = Annotated[list[str] | None, typer.Option(help="leave out probes or combinations, globs allowed (repeatable)")]
Cell = Annotated[list[str] | None, typer.Option(help="scan this combination only (id, repeatable)")]

Joint = Annotated[bool, typer.Option(help="of a factored matrix: what was scanned with --joint")]


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


def listen(notice: Notice) -> None:
    """Print a line of progress."""
    typer.echo(f"[{notice.seconds:7.1f} s] {notice.cell}  {notice.stage:<8} {notice.text}")


def request(
    matrix: str, probe: list[str] | None, exclude: list[str] | None, cell: list[str] | None, options: Options
) -> Request:
    """Return what was asked for."""
    return commands.Request(matrix, tuple(probe or ()), tuple(exclude or ()), tuple(cell or ()), options)


def options(**given: Any) -> Options:
    """Return how a scan treats what is there; what it takes to do one is imported now and not before."""
    from matrixscan.execution.task import Options  # noqa: PLC0415  a command that measures nothing starts fast

    return Options(**given)
