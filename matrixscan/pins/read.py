"""Pins of whatever a user names: a file, a folder, or what comes through a pipe."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from matrixscan.errors import PinsFileError
from matrixscan.pins.markers import Setting
from matrixscan.pins.types import Pins

#: What stands for standard input.
PIPE = "-"

_PYTHON = re.compile(r"\d+\.\d+(?:\.\d+)?")


def read_pins(
    path: str | Path, *, python: str | None = None, extras: Sequence[str] = (), text: str | None = None
) -> Pins:
    """Read pins.

    Args:
        path: A requirements or constraints file, pyproject.toml, pylock.toml, pylock.NAME.toml, uv.lock, poetry.lock,
            the folder of a virtual environment, or `-` for what `pip freeze` prints.
        python: For which Python, `3.11` or `3.11.7`; what the source itself says when None.
        extras: Extras of a pyproject.toml or a lock that count too.
        text: What came through the pipe, where it was read already.

    Raises:
        PinsFileError: It cannot be read; every problem is named with its file and line.
    """
    if python is not None and not _PYTHON.fullmatch(python):
        raise PinsFileError(path, [f"--python {python}: write a version such as 3.11"])
    if str(path) == PIPE:
        from matrixscan.pins.requirements import read_freeze  # noqa: PLC0415  see _READERS

        return read_freeze(sys.stdin.read() if text is None else text, Setting(python))
    place = Path(path)
    if place.is_dir():
        from matrixscan.pins.environment import read_environment  # noqa: PLC0415

        return read_environment(place, python)
    if not place.exists():
        raise PinsFileError(place, [f"{place}: there is no such file or folder"])
    pins = _reader(place)(place, python, extras)
    # What a shell gives for `<(command)` can be read once: nobody is to read it again for another Python.
    return pins if place.is_file() else msgspec.structs.replace(pins, by_python=False)


def kind_of(path: Path) -> str:
    """Return how a file is read, by its name: one of KINDS.

    Raises:
        PinsFileError: It has the name of something else.
    """
    if path.is_dir():
        return "environment"
    return _reader(path).__name__.removeprefix("_").replace("_", "-")


def _reader(path: Path) -> _Reader:
    found = next((read for pattern, read in _READERS if pattern.fullmatch(path.name)), None)
    if found is None and path.suffix.lower() in _FOREIGN:
        known = f"{', '.join(KNOWN_NAMES)} (PEP 751 has no other name for its locks)"
        fix = f"known by their names are {known}, and a requirements file ends in .txt; rename it"
        raise PinsFileError(path, [f"{path}: this name is of no file of pins; {fix}"])
    return found or _requirements


# Each reader is imported where it is needed: a check is to answer at once.
def _requirements(path: Path, python: str | None, _extras: Sequence[str]) -> Pins:
    from matrixscan.pins.requirements import read_requirements  # noqa: PLC0415

    return read_requirements(path, Setting(python))


def _pyproject(path: Path, python: str | None, extras: Sequence[str]) -> Pins:
    from matrixscan.pins.pyproject import read_pyproject  # noqa: PLC0415

    return read_pyproject(path, python, extras)


def _pylock(path: Path, python: str | None, extras: Sequence[str]) -> Pins:
    from matrixscan.pins.pylock import read_pylock  # noqa: PLC0415

    return read_pylock(path, python, extras)


def _uv_lock(path: Path, python: str | None, extras: Sequence[str]) -> Pins:
    from matrixscan.pins.uv_lock import read_uv_lock  # noqa: PLC0415

    return read_uv_lock(path, python, extras)


def _poetry_lock(path: Path, python: str | None, _extras: Sequence[str]) -> Pins:
    from matrixscan.pins.poetry_lock import read_poetry_lock  # noqa: PLC0415

    return read_poetry_lock(path, python)


_Reader = Callable[[Path, str | None, Sequence[str]], Pins]

_READERS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (re.compile(r"pyproject\.toml"), _pyproject),
    (re.compile(r"pylock(?:\.[^.]+)?\.toml"), _pylock),
    (re.compile(r"uv\.lock"), _uv_lock),
    (re.compile(r"poetry\.lock"), _poetry_lock),
    (re.compile(r"(?:requirements|constraints).*\.lock"), _requirements),  # Rye's, and of many scripts
)

#: Ends of names under which no requirements are kept: read as such, every line of them would be a problem.
_FOREIGN = frozenset({".toml", ".lock", ".json", ".yml", ".yaml"})

#: Files that are read by their name; what does not end as another format does is a requirements file.
KNOWN_NAMES = ("pyproject.toml", "pylock.toml", "pylock.NAME.toml", "uv.lock", "poetry.lock")
