"""Makes an empty environment through Nox's uv backend."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import msgspec
from nox.command import CommandFailed
from nox.virtualenv import VirtualEnv

from matrixscan.environment import process

_MARKER = ".matrixscan-created"
INSTALLED_MARKER = ".matrixscan-installed"  # written by install.py
_VERSION = re.compile(r"^version_info\s*=\s*(\d+(?:\.\d+)*)", re.MULTILINE)


class Environment(msgspec.Struct, frozen=True):
    """An isolated environment on disk."""

    folder: Path
    python: Path
    scripts: Path

    @property
    def version(self) -> str:
        """The interpreter's full version, as uv wrote it down."""
        found = _VERSION.search((self.folder / "pyvenv.cfg").read_text(encoding="utf-8"))
        if found is None:
            raise CreationError("pyvenv.cfg names no version")
        return found.group(1)


class CreationError(Exception):
    """The environment could not be made."""


def create(folder: Path, interpreter: Path) -> Environment:
    """Return the environment in `folder`, made anew unless it is a working one of the same interpreter.

    Raises:
        CreationError: Nox or uv could not make it.
    """
    process.kill_strays(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    marker = folder / _MARKER
    if not (_python(folder).exists() and marker.is_file() and marker.read_text(encoding="utf-8") == str(interpreter)):
        _delete(folder)  # half made by a scan that was killed, or of another interpreter
    # Called as a library and not through a session's python=: a session whose interpreter is missing is skipped
    # before any of our code runs, and then there would be no record (docs/adr/0006).
    venv = VirtualEnv(
        os.fspath(folder),
        interpreter=os.fspath(interpreter),
        download_python="never",
        reuse_existing=True,
        venv_backend="uv",
        venv_params=["--quiet", "--no-project"],
    )
    try:
        venv.create()
    except (CommandFailed, OSError, RuntimeError) as error:  # the last when an interpreter cannot be asked what it is
        raise CreationError(f"{type(error).__name__}: {error}") from error
    marker.write_text(str(interpreter), encoding="utf-8")
    return Environment(folder, _python(folder), _python(folder).parent)


def _python(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def remove(folder: Path) -> None:
    """Delete an environment; uv's cache keeps the files it was linked from."""
    process.kill_strays(folder)
    _delete(folder)


def _delete(folder: Path) -> None:
    # The markers go first: a removal that is killed halfway must not leave what looks whole.
    for marker in (INSTALLED_MARKER, _MARKER):
        (folder / marker).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
