"""Every user-facing error: what happened, which key or file to change, and the exit code.

Call sites pass facts; the class owns the words.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence

EXIT_UNEXPECTED = 1
EXIT_USAGE = 2
EXIT_NOTHING_SELECTED = 3
EXIT_INFRASTRUCTURE = 4
EXIT_UNTESTED = 5


def did_you_mean(name: str, allowed: Iterable[str], *, cutoff: float = 0.7) -> str:
    """Return a hint for a mistyped name: the close matches, else the allowed names in order."""
    names = sorted(set(allowed))
    close = difflib.get_close_matches(name, names, n=3, cutoff=cutoff)
    if close:
        return "did you mean " + " or ".join(repr(match) for match in close) + "?"
    if not names:
        return "there is none to choose from"
    return "choose from: " + ", ".join(names)


class MatrixscanError(Exception):
    """A user-facing error. `str(error)` is the whole text; `exit_code` is the process's."""

    exit_code = EXIT_USAGE


class MatrixFileError(MatrixscanError):
    """A matrix file has problems; all of them are listed, each with its path."""

    def __init__(self, path: str | os.PathLike[str], problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{os.fspath(path)}: {count} problem{'' if count == 1 else 's'}"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


class MatrixNotFoundError(MatrixscanError):
    """The named matrix file does not exist."""

    def __init__(self, path: str | os.PathLike[str], known: Iterable[str]) -> None:
        super().__init__(f"no matrix file {os.fspath(path)!r}; {did_you_mean(os.fspath(path), known)}")


class ProbeFileError(MatrixscanError):
    """A probe file has problems; all of them are listed, each with its path."""

    def __init__(self, path: str | os.PathLike[str], problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([f"probe {os.fspath(path)}:", *(f"  {problem}" for problem in self.problems)]))


class CausesFileError(MatrixscanError):
    """A file of known causes has problems; all of them are listed, each with its entry and key."""

    def __init__(self, path: str | os.PathLike[str], problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([f"known causes {os.fspath(path)}:", *(f"  {problem}" for problem in problems)]))


class PinsFileError(MatrixscanError):
    """A user's file of pins cannot be read; all problems are listed, each with its file and line."""

    def __init__(self, source: str | os.PathLike[str], problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([f"pins in {os.fspath(source)}:", *(f"  {problem}" for problem in self.problems)]))


class PinsWriteError(MatrixscanError):
    """New versions cannot be written into a user's file; nothing of it was changed."""

    def __init__(self, source: str | os.PathLike[str], problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = [f"{os.fspath(source)} is left as it is:", *(f"  {problem}" for problem in self.problems)]
        super().__init__("\n".join(lines))


class BackendFileError(MatrixscanError):
    """A backend's file does not say what a backend has to say."""

    def __init__(self, path: str | os.PathLike[str], problem: str) -> None:
        super().__init__(f"backend {os.fspath(path)}: {problem}; harness/backends/__init__.py says what it needs")


class UnknownNameError(MatrixscanError):
    """A name the user gave (probe, combination, exporter, reporter, ...) is not known."""

    def __init__(self, kind: str, name: str, allowed: Iterable[str]) -> None:
        super().__init__(f"unknown {kind} {name!r}; {did_you_mean(name, allowed)}")


class NothingSelectedError(MatrixscanError):
    """The filters leave nothing to scan."""

    exit_code = EXIT_NOTHING_SELECTED

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(f"nothing selected: {what}; {hint}")


class RecordVersionError(MatrixscanError):
    """A record was written by a newer matrixscan."""

    def __init__(self, path: str | os.PathLike[str], found: int, newest: int) -> None:
        super().__init__(
            f"{os.fspath(path)} has schema_version {found}, this matrixscan reads up to {newest}: update matrixscan"
        )


class DamagedFileError(MatrixscanError):
    """A stored file cannot be read as what it should be."""

    def __init__(self, path: str | os.PathLike[str], why: str, fix: str) -> None:
        super().__init__(f"{os.fspath(path)} cannot be read: {why}; {fix}")


class ToolMissingError(MatrixscanError):
    """A program matrixscan needs is not installed."""

    exit_code = EXIT_INFRASTRUCTURE

    def __init__(self, tool: str, install: str) -> None:
        super().__init__(f"{tool} was not found; install it with: {install}")


class SelectionError(MatrixscanError):
    """Selectors of a matrix cannot be turned into releases."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(["the selectors mean nothing:", *(f"  {problem}" for problem in problems)]))


class BadToleranceError(MatrixscanError):
    """A tolerance on the command line is none."""

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(f"tolerance {text}: {fix}")


class NotFactoredError(MatrixscanError):
    """An option of factored matrices was given for another one."""

    def __init__(self, path: str | os.PathLike[str], option: str) -> None:
        super().__init__(
            f'{option} is for a matrix with plan = "factored"; {os.fspath(path)} is measured jointly as it is: '
            f"leave out {option}"
        )


class IndexSettingsError(MatrixscanError):
    """The user's index settings cannot be used."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}; matrixscan asks the indexes that uv asks: see UV_DEFAULT_INDEX, UV_INDEX and uv.toml"
        )


class IndexUnreachableError(MatrixscanError):
    """The package index does not answer, and nothing of it was kept earlier."""

    exit_code = EXIT_INFRASTRUCTURE

    def __init__(self, package: str, why: str) -> None:
        super().__init__(
            f"the package index does not say what releases {package} has ({why}), and no earlier answer is kept; "
            f"check the network, UV_OFFLINE and the index settings of uv, then try again"
        )


class NoSuchPackageError(MatrixscanError):
    """No index has the package."""

    def __init__(self, package: str) -> None:
        super().__init__(f"no package index has {package!r}; correct the axis, or name the index in the settings of uv")
