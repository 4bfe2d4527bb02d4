"""Pins of requirements and constraints files, and of `pip freeze`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matrixscan.errors import PinsFileError
from matrixscan.pins.collect import Found, pins_of
from matrixscan.pins.files import read_text
from matrixscan.pins.markers import Setting
from matrixscan.pins.requirements_text import Include, Parsed, parse
from matrixscan.pins.types import Pins


def read_requirements(path: Path, setting: Setting) -> Pins:
    """Read a file and everything it includes.

    Raises:
        PinsFileError: A line cannot be read, an included file is missing, or pins contradict each other.
    """
    files = dict(parsed_files(path))
    problems = [problem for parsed in files.values() for problem in parsed.problems]
    if problems:
        raise PinsFileError(path, problems)
    entries = [entry for parsed in files.values() for entry in parsed.entries]
    return pins_of(
        [entry.found for entry in entries],
        setting,
        source=str(path),
        kind="requirements",
        # pip then refuses whatever is not listed with its hashes.
        complete=bool(entries)
        and all(entry.hashed for entry in entries)
        and not any(parsed.nameless for parsed in files.values()),
        notes=[note for parsed in files.values() for note in parsed.notes],
    )


def read_freeze(text: str, setting: Setting, *, source: str = "standard input") -> Pins:
    """Read what `pip freeze` says of an environment."""
    parsed = parse(text, source)
    problems = [*parsed.problems, *(f"{each.place}: there is no file beside {source}" for each in parsed.includes)]
    if problems:
        raise PinsFileError(source, problems)
    found: list[Found] = [entry.found for entry in parsed.entries]
    complete = not parsed.nameless  # a package without a name may be any
    return pins_of(found, setting, source=source, kind="requirements", complete=complete, notes=parsed.notes)


def parsed_files(path: Path) -> Iterator[tuple[Path, Parsed]]:
    """Yield a file and those it includes, each once; one that is not there is a problem of the file that names it."""
    waiting, seen = [path], set()
    while waiting:
        file = waiting.pop(0)
        if file.resolve() in seen:
            continue
        seen.add(file.resolve())
        parsed = parse(read_text(file), str(file))
        for include in parsed.includes:
            waiting += _included(file, include, parsed)
        yield file, parsed


def _included(file: Path, include: Include, parsed: Parsed) -> list[Path]:
    if "://" in include.file:
        parsed.notes.append(f"{include.place}: an included file at an address is not read")
        return []
    other = file.parent / include.file
    if not other.is_file():
        parsed.problems.append(f"{include.place}: there is no file {include.file!r}; correct or remove the line")
        return []
    return [other]
