"""Turns a matrix into Nox sessions, for this project's noxfile and for any other's.

    import matrixscan.nox
    matrixscan.nox.register("matrices/mine.toml")

gives the sessions `cell(<id>)` (one per combination), `scan` and `plan`. Loading this stays light and offline: Nox
starts one child per session in parallel runs and each of them loads the noxfile.
"""

from __future__ import annotations

import argparse
import atexit
import functools
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import nox

from matrixscan.errors import MatrixNotFoundError, MatrixscanError, did_you_mean

if TYPE_CHECKING:
    from matrixscan.commands import Outcome, Request
    from matrixscan.execution.task import Notice
    from matrixscan.plan.types import Cell, Plans

_EXIT_FILE = "MATRIXSCAN_EXIT_FILE"
_SCAN = "MATRIXSCAN_SCAN"
#: Nox's options that choose sessions, with what is glued to them (`-stests`, `-rs`, `--session=tests`).
_SELECTING = re.compile(r"-[hlrvxNR]*[sekt](.*)|--(?:sessions?|keywords|tags)(?:=(.*))?", re.DOTALL)
_SESSIONS = "scan|plan|report|cell|export_side|run_side"
_LOCK = "lock"
_LISTING = re.compile(r"-[hrvxNR]*l.*|--list(?:-sessions)?|--json|--usage", re.DOTALL)


class UnknownArgumentsError(MatrixscanError):
    """Something after `--` is neither a matrix nor an option of ours."""

    def __init__(self, words: list[str]) -> None:
        files = Path("matrices").glob("*.toml")
        known = sorted(path.stem for path in files if path.name != "known_causes.toml")
        super().__init__(
            f"unknown after `--`: {' '.join(words)}; {did_you_mean(words[0], known)} (`-- --help` lists more)"
        )


class UnreadArgumentsError(MatrixscanError):
    """Something after `--` was left to other sessions, and one of ours runs all the same."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(f"not read after `--`: {' '.join(words)}; name the session, for example -s scan")


def register(matrix: str = "matrices/default.toml", *, prefix: str = "") -> None:
    """Register the sessions of a matrix.

    Args:
        matrix: the matrix to scan unless one is named after `--`, relative to the noxfile.
        prefix: put before the session names, for a noxfile with several matrices.

    A bad matrix or filter ends Nox with exit code 2, an empty selection with 3, before anything is installed; sessions
    that are not ours still run then.
    """
    os.environ.setdefault(_SCAN, f"{time.time():.3f}")
    _take_over_exit_code()
    own, after = _split(sys.argv)
    ours = _asks_for(own, prefix, _SESSIONS)
    listing = any(_LISTING.fullmatch(word) for word in own)
    locks = _asks_for(own, prefix, _LOCK) and _selection(own) is not None
    try:
        arguments = _parse(after if ours or locks else [], matrix)
        if locks or listing:  # no keyword that leaves out others shall ask an index
            _register_lock(prefix, arguments)
        plans = _plans(arguments)
    except MatrixscanError as error:
        if listing or (ours and not locks):
            sys.stderr.write(f"{error}\n")
        if ours and not listing and not locks:
            raise SystemExit(error.exit_code) from None
        _register_broken(prefix, error)
        return
    if not ours and not locks:
        # Sessions of ours that run all the same (by -k, say) must not leave out what they were told.
        arguments.unread = after
    _register_scan(prefix, arguments, plans)
    _register_plan(prefix, arguments)
    _register_report(prefix, arguments)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Split a command line at `--`: Nox's part, and what is handed to the sessions."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _asks_for(words: list[str], prefix: str, names: str) -> bool:
    """Return whether one of our sessions was asked for; without -s the noxfile's default may be ours."""
    asked = _selection(words)
    name = rf"(?<![\w-]){re.escape(prefix)}(?:{names})(?![\w-])"
    return asked is None or any(re.search(name, word) for word in asked)


def _selection(words: list[str]) -> list[str] | None:
    """Return what Nox was told to select, by name, keyword or tag; None where it was told nothing."""
    found: list[str] | None = None
    taking = False
    for word in words[1:]:
        option = _SELECTING.fullmatch(word)
        if option is not None:
            found = [*(found or []), *filter(None, option.groups())]
            taking = True
        elif word.startswith("-"):
            taking = False
        elif taking and found is not None:
            found.append(word)
    environment = os.environ.get("NOXSESSION")
    return environment.split(",") if found is None and environment else found


def _parse(arguments: list[str], matrix: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s scan --", description="Scan a matrix.", allow_abbrev=False)
    parser.add_argument("matrix", nargs="?", default=matrix, help="matrix file, or the name of one in matrices/")
    parser.add_argument("--probe", action="append", default=[], help="run this probe only (name or file; repeatable)")
    parser.add_argument("--exclude", action="append", default=[], help="leave out probes or combinations (glob)")
    parser.add_argument("--fresh", action="store_true", help="ignore earlier records")
    parser.add_argument("--relock", action="store_true", help="resolve again instead of using the locks in reports/")
    parser.add_argument("--keep-env", action="store_true", help="keep the environments under .matrixscan/")
    parser.add_argument("--reclaim", action="store_true", help="delete downloaded wheels when no longer needed")
    parser.add_argument("--joint", action="store_true", help="of a factored matrix: everything in one environment")
    parser.add_argument("--sample", type=float, default=1.0, help="share of the combinations of a joint scan")
    parser.add_argument("--seed", type=int, default=0, help="chooses the sample")
    known, others = parser.parse_known_args(arguments)
    from matrixscan.matrix.reader import find_matrix  # noqa: PLC0415  nothing is read unless register() is called

    try:
        known.matrix = find_matrix(known.matrix)
    except MatrixNotFoundError:
        if known.matrix == matrix or known.matrix.endswith(".toml"):
            raise
        others = [known.matrix, *others]  # as likely a stray word as the name of a matrix
    if others:
        raise UnknownArgumentsError(others)
    known.unread = []
    return known


def _plans(arguments: argparse.Namespace) -> Plans:
    from matrixscan.plan.load import load_plans  # noqa: PLC0415  nothing is read unless register() is called

    named = {name: getattr(arguments, name) for name in ("exclude", "joint", "sample", "seed")}
    return load_plans(arguments.matrix, Path("reports"), probes=arguments.probe, **named)


def _guarded(body: Callable[..., None]) -> Callable[..., None]:
    """Let an error of ours end a session, and Nox, with its text and exit code instead of a traceback."""

    @functools.wraps(body)
    def guarded(session: nox.Session, **more: str) -> None:
        try:
            body(session, **more)
        except MatrixscanError as error:
            sys.stderr.write(f"{error}\n")
            _fail(session, error.exit_code)

    return guarded


def _fail(session: nox.Session, code: int) -> NoReturn:
    _set_exit_code(code)
    session.error(f"exit code {code}")


def _request(arguments: argparse.Namespace) -> Request:
    from matrixscan.commands import Request  # noqa: PLC0415  heavy: only a session that runs needs it
    from matrixscan.execution.task import Options  # noqa: PLC0415

    if arguments.unread:
        raise UnreadArgumentsError(arguments.unread)
    options = Options(
        fresh=arguments.fresh,
        relock=arguments.relock,
        keep_env=arguments.keep_env,
        reclaim=arguments.reclaim,
        scan=os.environ[_SCAN],
    )
    return Request(
        str(arguments.matrix),
        tuple(arguments.probe),
        tuple(arguments.exclude),
        (),
        options,
        joint=arguments.joint,
        sample=arguments.sample,
        seed=arguments.seed,
    )


def _register_environments(prefix: str, arguments: argparse.Namespace, plans: Plans) -> list[str]:
    """Register a session for each environment of the plan and return the names of those that end it."""
    plan = plans.selected
    if plan.matrix.plan != "factored":
        words = "Scan one combination: build its environment, export, compare, write its record."
        return _register_cells(f"{prefix}cell", words, arguments, plan.cells)
    from matrixscan.commands.factored import sides_of  # noqa: PLC0415  no other plan has sides

    sides = sides_of(plan, plans.full)
    words = "Export in one environment of a factored plan: build it, export, keep artifacts and references."
    exports = _register_cells(f"{prefix}export_side", words, arguments, sides.exports)
    words = "Run in one environment of a factored plan what every export side left for it."
    return _register_cells(f"{prefix}run_side", words, arguments, sides.runs, requires=exports)


def _register_cells(
    name: str, words: str, arguments: argparse.Namespace, cells: Sequence[Cell], requires: Sequence[str] = ()
) -> list[str]:
    def cell(session: nox.Session, combination: str) -> None:
        from matrixscan.commands import scan_cell  # noqa: PLC0415

        del session
        request = _request(arguments)
        try:
            scan_cell(request, combination, _listen)
        except MatrixscanError:
            raise
        except Exception as error:  # noqa: BLE001  one cell's trouble must not keep `scan` from reporting the others
            sys.stdout.write(f"{combination}  infra    {type(error).__name__}: {error}\n")

    cell.__doc__ = words
    each = nox.parametrize("combination", [nox.param(cell.id, id=cell.id) for cell in cells])(_guarded(cell))
    session = nox.session(name=name, venv_backend="none", default=False, allow_parallel=True, requires=list(requires))
    session(each)
    return [f"{name}({cell.id})" for cell in cells]


def _register_scan(prefix: str, arguments: argparse.Namespace, plans: Plans) -> None:
    requires = _register_environments(prefix, arguments, plans)

    @nox.session(name=f"{prefix}scan", venv_backend="none", requires=requires, allow_parallel=True)
    @_guarded
    def scan(session: nox.Session) -> None:
        """Scan every combination of the matrix; write and show the table and the known-good pins."""
        # Every environment has its record by now; only a search for boundaries has more to do.
        from matrixscan import commands  # noqa: PLC0415

        request = _request(arguments)
        searching = plans.full.matrix.strategy == "boundary"
        outcome = commands.scan(request, _listen) if searching else commands.conclude(request, _listen)
        _show(session, outcome)


def _show(session: nox.Session, outcome: Outcome) -> None:
    """Print what a command amounts to, and end the session with its exit code."""
    sys.stdout.write(outcome.text)
    sys.stdout.flush()
    if outcome.exit_code:
        _fail(session, outcome.exit_code)


def _register_plan(prefix: str, arguments: argparse.Namespace) -> None:
    @nox.session(name=f"{prefix}plan", venv_backend="none", default=False)
    @_guarded
    def plan(session: nox.Session) -> None:
        """Show the combinations and what each would install, without installing."""
        from matrixscan.commands import describe_plan  # noqa: PLC0415

        del session
        sys.stdout.write(describe_plan(_request(arguments)))


def _register_report(prefix: str, arguments: argparse.Namespace) -> None:
    @nox.session(name=f"{prefix}report", venv_backend="none", default=False)
    @_guarded
    def report(session: nox.Session) -> None:
        """Write the reports again from what was measured, without scanning."""
        from matrixscan.commands import report as derive  # noqa: PLC0415

        outcome = derive(_request(arguments), scanned=False)
        _show(session, outcome)


def _register_lock(prefix: str, arguments: argparse.Namespace) -> None:
    @nox.session(name=f"{prefix}lock", venv_backend="none", default=False)
    @_guarded
    def lock(session: nox.Session) -> None:
        """Ask the package index what the selectors of the matrix mean now; say what is new."""
        from matrixscan.commands import lock as freeze  # noqa: PLC0415

        del session
        sys.stdout.write(freeze(str(arguments.matrix)).text)


def _register_broken(prefix: str, error: MatrixscanError) -> None:
    """Register sessions that say why there are no others, so that a noxfile's own sessions are not lost with ours."""

    @_guarded
    def broken(session: nox.Session) -> None:
        """Cannot run: the matrix has problems."""
        del session
        raise error

    nox.session(name=f"{prefix}scan", venv_backend="none")(broken)
    nox.session(name=f"{prefix}plan", venv_backend="none", default=False)(broken)


def _listen(notice: Notice) -> None:
    sys.stdout.write(f"[{notice.seconds:7.1f} s] {notice.cell}  {notice.stage:<8} {notice.text}\n")
    sys.stdout.flush()


def _take_over_exit_code() -> None:
    """Let a scan's exit code be Nox's, which knows 0 and 1 only, also when the scan ran in a child of `nox -j`."""
    if _EXIT_FILE in os.environ:
        return  # a child: the parent leaves with the code
    path = Path.cwd() / ".matrixscan" / f"exit-{os.getpid()}"
    path.unlink(missing_ok=True)  # of a Nox with our number that was killed
    os.environ[_EXIT_FILE] = os.fspath(path)
    atexit.register(_leave, path)


def _set_exit_code(code: int) -> None:
    path = Path(os.environ[_EXIT_FILE])
    path.parent.mkdir(exist_ok=True)
    path.write_text(str(code), encoding="utf-8")


def _leave(path: Path) -> None:
    if not path.is_file():
        return
    code = int(path.read_text(encoding="utf-8") or 0)
    path.unlink()
    if code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
