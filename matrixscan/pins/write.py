"""New versions written into a user's file: only the version of a pin changes, nothing else of the text does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from matrixscan.errors import PinsWriteError
from matrixscan.pins.collect import Found, exact_version
from matrixscan.pins.files import read_text
from matrixscan.pins.markers import Setting
from matrixscan.pins.pyproject_text import pyproject_entries
from matrixscan.pins.read import kind_of
from matrixscan.pins.requirements import parsed_files
from matrixscan.pins.requirements_text import parse

#: `==` or `===` of one clause, and its version.
_PIN = re.compile(r"(===?\s*)([^\s,;)]+)")


class Edit(NamedTuple):
    """Characters of a text to be replaced."""

    start: int
    end: int
    text: str


class Target(NamedTuple):
    """A requirement that may have to change: where its text stands, and whether hashes go with it."""

    found: Found
    start: int
    text: str
    hashed: bool = False


def rewrite(text: str, changes: Mapping[str, str], *, python: str | None = None, file: str = "requirements.txt") -> str:
    """Return a requirements or constraints file, or a pyproject.toml, with other versions.

    Comments, order, markers, extras and line ends stay. A pin with hashes is refused: its hashes are those of the old
    version, and pip takes no file in which only some have any.

    Args:
        text: The file.
        changes: Name -> new version.
        python: Lines whose marker does not hold for it stay; without it, a name may not stand on several lines that
            markers tell apart.
        file: Name of the file; `pyproject.toml` is read as one.

    Raises:
        PinsFileError: The text cannot be read.
        PinsWriteError: A name is not pinned exactly, is pinned with hashes, or cannot have that version.
    """
    wanted = _canonical(changes, file)
    targets = _targets(text, file)
    edits, problems, written = _edits(targets, wanted, Setting(python))
    problems += _not_there(set(wanted) - written, [target.found for target in targets], file)
    if problems:
        raise PinsWriteError(file, problems)
    return _apply(text, edits)


def rewrite_files(path: Path, changes: Mapping[str, str], *, python: str | None = None) -> dict[Path, str]:
    """Return file -> new text of a file and those it includes, as far as they change. Nothing is written.

    Raises:
        PinsFileError: A file cannot be read.
        PinsWriteError: As of `rewrite`; or the file is one that a tool makes.
    """
    kind = kind_of(path)
    if kind not in {"requirements", "pyproject"}:
        fix = "change what it was made from, then lock or install again"
        raise PinsWriteError(path, [f"{path.name} is made by a tool; {fix}"])
    wanted = _canonical(changes, str(path))
    files = [path] if kind == "pyproject" else [file for file, _ in parsed_files(path)]
    texts, problems, written, seen = {}, [], set(), []
    for file in files:
        text = read_text(file)
        targets = _targets(text, str(file))
        edits, found, there = _edits(targets, wanted, Setting(python))
        problems += found
        written |= there
        seen += [target.found for target in targets]
        if edits:
            texts[file] = _mark_of(file) + _apply(text, edits)
    problems += _not_there(set(wanted) - written, seen, str(path))
    if problems:
        raise PinsWriteError(path, problems)
    return texts


def _mark_of(file: Path) -> str:
    """Return the byte order mark that reading leaves out."""
    return "\ufeff" if file.read_bytes().startswith(b"\xef\xbb\xbf") else ""


def _targets(text: str, file: str) -> list[Target]:
    if Path(file).name == "pyproject.toml":
        return [Target(each.found, each.start, each.text) for each in pyproject_entries(text, file)]
    parsed = parse(text, file)
    if parsed.problems:
        raise PinsWriteError(file, parsed.problems)
    return [Target(*entry) for entry in parsed.entries]


def _canonical(changes: Mapping[str, str], file: str) -> dict[str, str]:
    problems = []
    for name, version in changes.items():
        try:
            Version(version)
        except InvalidVersion:
            problems.append(f"{version!r}, which {name} is to have, is no version")
    if problems:
        raise PinsWriteError(file, problems)
    return {canonicalize_name(name): version for name, version in changes.items()}


def _edits(
    targets: Sequence[Target], wanted: Mapping[str, str], setting: Setting
) -> tuple[list[Edit], list[str], set[str]]:
    """Return what to replace, what is in the way, and the names that were found."""
    edits, problems, written = [], [], set()
    for name, version in wanted.items():
        held = [(each, setting.holds(each.found.marker)) for each in targets if each.found.name == name]
        exact = [(each, holds) for each, holds in held if holds is not False and each.found.exact is not None]
        written |= {name} if exact else set()
        if len(exact) > 1 and any(holds is None for _, holds in exact):
            where = ", ".join(str(each.found.place) for each, _ in exact)
            problems.append(f"{name} is pinned under several markers ({where}); say which Python is meant")
            continue
        for each, _ in exact:
            problem = _obstacle(each, version)
            problems += [problem] if problem else []
            edits += [] if problem else _replaced(each, version)
        problems += [
            f"{each.found.place}: {name}{each.found.specifier} does not allow {version}"
            for each, holds in held
            if holds is not False and each.found.exact is None and not each.found.specifier.contains(version, True)
        ]
    return edits, problems, written


def _obstacle(target: Target, version: str) -> str | None:
    found = target.found
    if target.hashed:
        return (
            f"{found.place}: {found.name} is pinned with hashes of the old version; make the file again with its tool"
        )
    rest = [str(each) for each in found.specifier if exact_version(each) is None]
    if not SpecifierSet(",".join(rest)).contains(version, prereleases=True):
        return f"{found.place}: {found.name} may only be {','.join(rest)}; change that too, by hand"
    return None


def _replaced(target: Target, version: str) -> list[Edit]:
    """Return the edits of one requirement: every clause that pins, and nothing of its marker."""
    clauses = target.text.partition(";")[0]
    return [
        Edit(target.start + match.start(2), target.start + match.end(2), version)
        for match in _PIN.finditer(clauses)
        if not match[2].endswith(".*")
    ]


def _not_there(names: Iterable[str], found: Sequence[Found], file: str) -> list[str]:
    problems = []
    for name in sorted(names):
        loose = next((each for each in found if each.name == name), None)
        if loose is None:
            problems.append(f"{file}: {name} is not listed; add a line {name}==VERSION")
        else:
            problems.append(f"{loose.place}: {name}{loose.specifier} is not pinned exactly; write {name}==VERSION")
    return problems


def _apply(text: str, edits: Sequence[Edit]) -> str:
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text
