"""How a session ends: with our texts and our exit codes, of which Nox itself knows 0 and 1 only."""

from __future__ import annotations

import atexit
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import nox

from matrixscan.errors import MatrixscanError

if TYPE_CHECKING:
    from matrixscan.commands import Outcome

_EXIT_FILE = "MATRIXSCAN_EXIT_FILE"


def guarded(body: Callable[..., None]) -> Callable[..., None]:
    """Let an error of ours end a session, and Nox, with its text and exit code instead of a traceback."""

    @functools.wraps(body)
    def guarded(session: nox.Session, **more: str) -> None:
        try:
            body(session, **more)
        except MatrixscanError as error:
            sys.stderr.write(f"{error}\n")
            fail(session, error.exit_code)

    return guarded


def fail(session: nox.Session, code: int) -> NoReturn:
    """End a session, and Nox, with an exit code."""
    _set_exit_code(code)
    session.error(f"exit code {code}")


def show(session: nox.Session, outcome: Outcome) -> None:
    """Print what a command amounts to, and end the session with its exit code."""
    sys.stdout.write(outcome.text)
    sys.stdout.flush()
    if outcome.exit_code:
        fail(session, outcome.exit_code)


def take_over_exit_code() -> None:
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
