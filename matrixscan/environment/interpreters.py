"""Finds the interpreter of a combination: installed ones first, then one uv can download."""

from __future__ import annotations

import functools
import logging
import threading
from pathlib import Path

import findpython
from packaging.version import Version

from matrixscan.environment import process
from matrixscan.environment.clean import tool_environment
from matrixscan.environment.uv import uv

#: Version managers come before PATH: their shims on PATH fail unless a version is activated there.
_PROVIDERS = (["pyenv", "uv", "rye", "asdf", "macos", "winreg"], ["path"])
_DOWNLOAD_SECONDS = 600.0
_asking: dict[str, threading.Lock] = {}
logging.getLogger("findpython").setLevel(logging.WARNING)  # it tells every interpreter it asks


class NoInterpreterError(Exception):
    """No interpreter of that version is installed and none could be downloaded; the text is uv's."""


def find_interpreter(python: str) -> Path:
    """Return the executable of a CPython `python` (`3.8` or `3.8.18`).

    Raises:
        NoInterpreterError: there is none, and uv cannot provide one.
    """
    with _asking.setdefault(python, threading.Lock()):  # a cache alone lets two threads ask at once
        answer = _answer(python)
    if isinstance(answer, str):
        raise NoInterpreterError(answer)
    return answer


@functools.cache
def _answer(python: str) -> Path | str:
    """Return the executable, or why there is none: asking for a missing one again costs a download's time-outs."""
    for providers in _PROVIDERS:
        found = _newest(python, providers)
        if found is not None:
            return found
    try:
        return _downloaded(python)
    except NoInterpreterError as error:
        return str(error)


def _newest(python: str, providers: list[str]) -> Path | None:
    wanted = Version(python).release
    candidates = [
        entry
        for entry in findpython.Finder(selected_providers=providers).find_all(major=wanted[0], minor=wanted[1])
        if entry.implementation.lower() == "cpython"
        and not entry.version.is_prerelease
        and entry.version.release[: len(wanted)] == wanted
        and not getattr(entry, "freethreaded", False)
    ]
    best = max(candidates, key=lambda entry: entry.version, default=None)
    return None if best is None else Path(best.executable)


def _downloaded(python: str) -> Path:
    environment = tool_environment()
    installed = process.run([uv(), "python", "install", python], env=environment, timeout=_DOWNLOAD_SECONDS)
    found = process.run(
        [uv(), "python", "find", "--managed-python", "--no-project", python], env=environment, timeout=60.0
    )
    if found.returncode != 0:
        raise NoInterpreterError(f"no CPython {python} is installed; uv says: {installed.words.strip()}")
    return Path(found.output.strip())
