"""Turns a matrix into Nox sessions, for this project's noxfile and for any other's.

    import matrixscan.nox
    matrixscan.nox.register("matrices/mine.toml")

gives the sessions `cell(<id>)` (one per combination), `scan` and `plan`. Loading this stays light and offline: Nox
starts one child per session in parallel runs and each of them loads the noxfile.
"""

from __future__ import annotations

import argparse
import atexit
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import nox

from matrixscan.errors import MatrixscanError, did_you_mean

if TYPE_CHECKING:
    from matrixscan.commands import Request
    from matrixscan.execution.task import Notice

_EXIT_FILE = "MATRIXSCAN_EXIT_FILE"
_SCAN = "MATRIXSCAN_SCAN"


class UnknownArgumentsError(MatrixscanError):
    """Something after `--` is neither a matrix nor an option of ours."""

    def __init__(self, words: list[str]) -> None:
        known = sorted(path.stem for path in Path("matrices").glob("*.toml"))
        super().__init__(
            f"unknown after `--`: {' '.join(words)}; {did_you_mean(words[0], known)} (`-- --help` lists more)"
        )


def register(matrix: str = "matrices/default.toml", *, prefix: str = "") -> None:
    """Register the sessions of a matrix.

    Args:
        matrix: the matrix to scan unless one is named after `--`, relative to the noxfile.
        prefix: put before the session names, for a noxfile with several matrices.

    A bad matrix or filter ends Nox with exit code 2, an empty selection with 3, before anything is installed.
    """
    os.environ.setdefault(_SCAN, f"{time.time():.3f}")
    own, after = _split(sys.argv)
    arguments = _parse(after, matrix)
    try:
        if arguments.others and _asks_for_us(own, prefix):
            raise UnknownArgumentsError(arguments.others)
        cells = _cells(arguments)
    except MatrixscanError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from None
    _take_over_exit_code()
    _register_cells(prefix, arguments, cells)
    _register_scan(prefix, arguments, cells)
    _register_plan(prefix, arguments)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Split a command line at `--`: Nox's part, and what is handed to the sessions."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _asks_for_us(words: list[str], prefix: str) -> bool:
    """Return whether one of our sessions was asked for; without -s the noxfile's default may be ours."""
    ours = (f"{prefix}scan", f"{prefix}plan", f"{prefix}cell")
    named = any(word in {"-s", "-e", "--session", "--sessions"} for word in words)
    return not named or any(word == name or word.startswith(f"{name}(") for word in words for name in ours)


def _parse(arguments: list[str], matrix: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s scan --", description="Scan a matrix.")
    parser.add_argument("matrix", nargs="?", default=matrix, help="matrix file, or the name of one in matrices/")
    parser.add_argument("--probe", action="append", default=[], help="run this probe only (name or file; repeatable)")
    parser.add_argument("--exclude", action="append", default=[], help="leave out probes or combinations (glob)")
    parser.add_argument("--fresh", action="store_true", help="ignore earlier records")
    parser.add_argument("--relock", action="store_true", help="resolve again instead of using the locks in reports/")
    parser.add_argument("--keep-env", action="store_true", help="keep the environments under .matrixscan/")
    known, others = parser.parse_known_args(arguments)
    # Arguments of other sessions (pytest's, say) come through the same `--`; they are refused by ours, when run.
    known.others = others or []
    if not str(known.matrix).endswith(".toml") and not Path("matrices", f"{known.matrix}.toml").is_file():
        known.others = [known.matrix, *known.others]
        known.matrix = matrix
    return known


def _cells(arguments: argparse.Namespace) -> list[str]:
    from matrixscan.matrix.reader import read_matrix  # noqa: PLC0415  nothing is read unless register() is called
    from matrixscan.plan.expand import make_plan  # noqa: PLC0415

    matrix = read_matrix(_matrix_file(arguments.matrix))
    plan = make_plan(matrix, only_probes=arguments.probe, exclude=arguments.exclude)
    return [cell.id for cell in plan.cells]


def _matrix_file(name: str) -> Path:
    path = Path(name)
    return path if path.suffix == ".toml" else Path("matrices", f"{name}.toml")


def _request(arguments: argparse.Namespace) -> Request:
    from matrixscan.commands import Request  # noqa: PLC0415  heavy: only a session that runs needs it
    from matrixscan.execution.task import Options  # noqa: PLC0415

    options = Options(
        fresh=arguments.fresh, relock=arguments.relock, keep_env=arguments.keep_env, scan=os.environ[_SCAN]
    )
    return Request(str(arguments.matrix), tuple(arguments.probe), tuple(arguments.exclude), (), options)


def _register_cells(prefix: str, arguments: argparse.Namespace, cells: list[str]) -> None:
    @nox.session(name=f"{prefix}cell", venv_backend="none", default=False, allow_parallel=True)
    @nox.parametrize("combination", [nox.param(cell, id=cell) for cell in cells])
    def cell(session: nox.Session, combination: str) -> None:
        """Scan one combination: build its environment, export, compare, write its record."""
        from matrixscan.commands import scan_cell  # noqa: PLC0415

        del session
        scan_cell(_request(arguments), combination, _listen)


def _register_scan(prefix: str, arguments: argparse.Namespace, cells: list[str]) -> None:
    requires = [f"{prefix}cell({cell})" for cell in cells]

    @nox.session(name=f"{prefix}scan", venv_backend="none", requires=requires, allow_parallel=True)
    def scan(session: nox.Session) -> None:
        """Scan every combination of the matrix; write and show the table and the known-good pins."""
        from matrixscan.commands import report  # noqa: PLC0415

        outcome = report(_request(arguments))
        sys.stdout.write(outcome.text)
        sys.stdout.flush()
        _set_exit_code(outcome.exit_code)
        if outcome.exit_code:
            session.error(f"exit code {outcome.exit_code}")


def _register_plan(prefix: str, arguments: argparse.Namespace) -> None:
    @nox.session(name=f"{prefix}plan", venv_backend="none", default=False)
    def plan(session: nox.Session) -> None:
        """Show the combinations and what each would install, without installing."""
        from matrixscan.commands import describe_plan  # noqa: PLC0415

        del session
        sys.stdout.write(describe_plan(_request(arguments)))


def _listen(notice: Notice) -> None:
    sys.stdout.write(f"[{notice.seconds:7.1f} s] {notice.cell}  {notice.stage:<8} {notice.text}\n")
    sys.stdout.flush()


def _take_over_exit_code() -> None:
    """Let a scan's exit code be Nox's, which knows 0 and 1 only, also when the scan ran in a child of `nox -j`."""
    if _EXIT_FILE in os.environ:
        return  # a child: the parent leaves with the code
    handle, name = tempfile.mkstemp(prefix="matrixscan-exit-")
    os.close(handle)
    os.environ[_EXIT_FILE] = name
    atexit.register(_leave, Path(name))


def _set_exit_code(code: int) -> None:
    Path(os.environ[_EXIT_FILE]).write_text(str(code), encoding="utf-8")


def _leave(path: Path) -> None:
    code = int(path.read_text(encoding="utf-8") or 0)
    path.unlink()
    if code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
