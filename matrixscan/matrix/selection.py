"""Which probes a matrix names: built-in names, globs over them, and paths to files."""

from __future__ import annotations

import fnmatch
import functools
import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matrixscan.errors import ProbeFileError, UnknownNameError, did_you_mean
from matrixscan.matrix.problems import Problems
from matrixscan.matrix.types import Probes

_BUILTIN = Path(__file__).resolve().parent.parent / "harness" / "probes"
#: Between a table of operator probes and the row that is meant: `operators.toml#avg_pool`.
ROW = "#"
_PREFIX = "op_"
_CONTROL = "control"


class _Entry(NamedTuple):
    side: str  # judge or also
    path: str  # where in the matrix file
    text: str  # what goes into Matrix.probes
    from_glob: bool


def builtin_probes() -> dict[str, Path]:
    """Return name -> file of the probes that come with matrixscan, in order of name; none is imported."""
    # The controls are run by themselves, and are nothing to choose.
    files = {
        file.stem: file for file in _BUILTIN.glob("*.py") if not file.stem.startswith("_") and file.stem != _CONTROL
    }
    for table in _BUILTIN.glob("*.toml"):
        files |= {_PREFIX + row: Path(f"{table}{ROW}{row}") for row in table_rows(table)}
    return dict(sorted(files.items()))


def table_rows(table: Path) -> dict[str, Any]:
    """Return the rows of a table of operator probes by name, unchecked.

    Raises:
        ProbeFileError: The file cannot be read as TOML.
    """
    try:
        rows = _parsed(table, table.stat().st_mtime_ns)
    except OSError as error:
        raise ProbeFileError(table, [f"cannot be read: {error.strerror or error}"]) from None
    except ValueError as error:
        raise ProbeFileError(table, [f"is not valid TOML: {error}"]) from None
    return {name: row for name, row in rows.items() if isinstance(row, dict)}


@functools.cache
def _parsed(table: Path, _changed: int) -> dict[str, Any]:
    return tomllib.loads(table.read_bytes().decode("utf-8-sig"))


def split_row(path: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """Return the file of a probe, and its row where the file is a table."""
    text, mark, row = os.fspath(path).rpartition(ROW)
    return (Path(text), row) if mark and text.endswith(".toml") else (Path(path), None)


def is_path(name_or_path: str) -> bool:
    """Tell a path to a probe file from a probe's name."""
    ends = (".py", ".toml")
    return "/" in name_or_path or "\\" in name_or_path or os.fspath(split_row(name_or_path)[0]).endswith(ends)


def probe_name(name_or_path: str) -> str:
    """Return a probe's name: its file's stem, or that of its row."""
    if not is_path(name_or_path):
        return name_or_path
    file, row = split_row(name_or_path)
    return file.stem if row is None else _PREFIX + row


def is_file(path: Path) -> bool:
    """Tell whether a path given by a user is a file; a name no file system allows is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _file(path: str, base: Path) -> Path | None:
    file, row = split_row(path)
    found = next((place.absolute() for place in (base / file, file) if is_file(place)), None)
    if found is None or row is None:
        return found
    return Path(f"{found}{ROW}{row}") if row in table_rows(found) else None


def find_probe(name_or_path: str, base: Path) -> Path:
    """Return the absolute path of a probe's file.

    Args:
        name_or_path: A built-in probe's name, or a path relative to `base` or to the current folder.
        base: The folder of the matrix file.

    Raises:
        UnknownNameError: It is neither.
    """
    builtin = builtin_probes()
    found = _file(name_or_path, base) if is_path(name_or_path) else builtin.get(name_or_path)
    if found is None:
        raise UnknownNameError("probe", name_or_path, [*builtin, *_neighbours(name_or_path, base)])
    return found


def _neighbours(name_or_path: str, base: Path) -> list[str]:
    """Return the probe files beside a missing one, or the rows of its table, as the user would write them."""
    if not is_path(name_or_path):
        return []
    file, row = split_row(name_or_path)
    table = None if row is None else _file(os.fspath(file), base)
    if table is not None:
        return [f"{file}{ROW}{name}" for name in table_rows(table)]
    folder = Path(name_or_path).parent
    try:
        return sorted({str(folder / file.name) for at in (base, Path()) for file in (at / folder).glob("*.py")})
    except (OSError, ValueError):
        return []


def resolve_probes(
    lists: Mapping[str, Sequence[str]], known: Collection[str], base: Path, problems: Problems
) -> Probes:
    """Expand globs and note every entry that names nothing, or a name that two entries give."""
    before = len(problems)
    entries = [
        found
        for side in ("judge", "also")
        for at, text in enumerate(lists.get(side, ()))
        for found in _expand(text, side, f"probes.{side}[{at}]", known, base, problems)
    ]
    if not entries and len(problems) == before:
        problems.add("probes", "names no probe; add judge = [...] with at least one")
    kept = _once(entries, problems)
    return Probes(
        judge=tuple(entry.text for entry in kept if entry.side == "judge"),
        also=tuple(entry.text for entry in kept if entry.side == "also"),
    )


def _expand(text: str, side: str, path: str, known: Collection[str], base: Path, problems: Problems) -> list[_Entry]:
    if is_path(text):
        if _file(text, base) is None:
            near = _neighbours(text, base)
            hint = f"; {did_you_mean(text, near)}" if near else ""
            problems.add(path, f"no file {text!r} in {base.absolute()} or the current folder{hint}")
            return []
        table = _file(text, base) if text.endswith(".toml") else None
        if table is not None:
            return [_Entry(side, path, f"{text}{ROW}{row}", from_glob=True) for row in table_rows(table)]
        return [_Entry(side, path, text, from_glob=False)]
    if any(mark in text for mark in "*?["):
        names = sorted(fnmatch.filter(known, text))
        if not names:
            problems.add(path, f"{text!r} matches no built-in probe; {did_you_mean(text, known)}")
        return [_Entry(side, path, name, from_glob=True) for name in names]
    if text not in known:
        problems.add(path, f"unknown probe {text!r}; {did_you_mean(text, known)}")
        return []
    return [_Entry(side, path, text, from_glob=False)]


def _once(entries: list[_Entry], problems: Problems) -> list[_Entry]:
    """Keep one entry a name. What a glob finds yields to what is written out; anything else is a problem."""
    claimed: dict[str, _Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.from_glob):
        first = claimed.setdefault(probe_name(entry.text), entry)
        if first is entry or (entry.from_glob and (not first.from_glob or first.side == entry.side)):
            continue
        problems.add(entry.path, f"{entry.text!r} is already in {first.path} as {first.text!r}; name it once")
    return [entry for entry in entries if claimed[probe_name(entry.text)] is entry]
