"""What is known of a user's pins. Nothing is run, and next to nothing imported: a hook waits for the answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from matrixscan.analysis.known_pins import answer
from matrixscan.analysis.known_pins_index import FILE, Index, decode_index
from matrixscan.analysis.known_pins_types import KNOWN_BAD, KNOWN_GOOD, UNTESTED, Answer
from matrixscan.commands.outcome import Outcome
from matrixscan.errors import EXIT_UNEXPECTED, EXIT_UNTESTED, NothingSelectedError, UnknownNameError
from matrixscan.pins.markers import Setting
from matrixscan.pins.read import PIPE, read_pins
from matrixscan.pins.types import Pins, Place

FORMATS = ("text", "json", "github")

_EXIT = {KNOWN_GOOD: 0, KNOWN_BAD: EXIT_UNEXPECTED, UNTESTED: EXIT_UNTESTED}

#: What a folder of `reports/` has if something was published in it, the fastest to read first.
_PUBLISHED = (FILE, "exports.parquet", "cases.parquet", "records")


def check(
    path: str,
    matrices: Sequence[str] = (),
    probes: Sequence[str] = (),
    python: str | None = None,
    *,
    extras: Sequence[str] = (),
    form: str = "text",
    allow_untested: bool = False,
    reports: Path | None = None,
    text: str | None = None,
) -> Outcome:
    """Say what is known of pins; the exit code is 0 for known good, 1 for known bad and 5 for untested.

    Args:
        path: A file of pins, the folder of a virtual environment, or `-`; see `pins.read.read_pins`.
        matrices: Names of published matrices, all of which have to know the pins as good; every one when empty, of
            which one is enough.
        probes: `probe` or `probe/variant`, all of which have to be good; those that decide when empty.
        python: The Python that is meant, `3.11`; what the pins say when None.
        extras: Extras that count too.
        form: One of FORMATS.
        allow_untested: Give 0 for untested too.
        reports: The folder of published reports; `reports/` of the current one when None.
        text: What came through the pipe.

    Raises:
        PinsFileError: The pins cannot be read.
        UnknownNameError: No such matrix or probe.
        NothingSelectedError: Nothing is published.
    """
    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    pins = read_pins(path, python=python, extras=extras, text=text)
    indexes, notes = _indexes(Path.cwd() / "reports" if reports is None else reports, matrices)

    @cache
    def reread(version: str) -> Pins:
        # One that the pins are not for is left out; reading them for it would be refused.
        if not pins.by_python or path == PIPE or Setting(version).admits(pins.requires_python) is False:
            return msgspec.structs.replace(pins, python=version)
        return read_pins(path, python=version, extras=extras)

    found = answer(pins, indexes, reread=reread, probes=probes, strict=bool(matrices))
    found = msgspec.structs.replace(found, notes=(*found.notes, *notes))
    code = 0 if allow_untested and found.verdict == UNTESTED else _EXIT[found.verdict]
    return Outcome(_rendered(found, form, code, pins), code)


def _rendered(found: Answer, form: str, code: int, pins: Pins) -> str:
    # Each is imported where it is needed: see the head of this file.
    if form == "text":
        from matrixscan.reporters._check_text import render_check  # noqa: PLC0415

        return render_check(found)
    from matrixscan.reporters._check_machine import render_check_github, render_check_json  # noqa: PLC0415

    if form == "json":
        return render_check_json(found, code)
    place = next((pins.places[name] for name in found.pins if name in pins.places), Place(pins.source))
    return render_check_github(found, place)


def _indexes(folder: Path, names: Sequence[str]) -> tuple[list[Index], list[str]]:
    """Return what is published, and a note for each matrix whose records had to be read."""
    known = sorted(each.name for each in folder.iterdir() if _is_published(each)) if folder.is_dir() else []
    if not known:
        raise NothingSelectedError(f"nothing is published in {folder.name}/", "scan a matrix first, or name --reports")
    wanted = [Path(name).stem if name.endswith(".toml") else name for name in names]
    for name in wanted:
        if name not in known:
            raise UnknownNameError("published matrix", name, known)
    indexes, notes = [], []
    for name in dict.fromkeys(wanted or known):
        path = folder / name / FILE
        index = decode_index(path.read_bytes()) if path.is_file() else None
        if index is None:
            from matrixscan.commands.indexing import read_index  # noqa: PLC0415  the slow way

            index, words = read_index(folder / name)
            notes.append(words)
        indexes.append(index)
    advising = [index for index in indexes if wanted or index.advises]
    if not advising:
        raise NothingSelectedError("no published matrix says anything about pins", "name one with --matrix")
    return advising, notes


def _is_published(folder: Path) -> bool:
    return any((folder / name).exists() for name in _PUBLISHED)
