"""Lines of a requirements file as pip reads them, with the place of everything: what reading and writing share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from matrixscan.pins.collect import BUILT, Found, found_of
from matrixscan.pins.types import Place

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.DOTALL)
_OPTION = re.compile(r"(?:^|\s)-{1,2}[A-Za-z]")
_HASH = re.compile(r"(?:^|\s)--hash[=\s]")
_INCLUDE = re.compile(r"(?:-r\s*|--requirement(?:\s+|=)|-c\s*|--constraint(?:\s+|=))(?P<file>.+)")
_EDITABLE = re.compile(r"(?:-e\b|--editable\b)[\s=]*(?P<address>.*)")
#: Where an address names its package; a version may follow in old ones.
_EGG = re.compile(r"#(?:[^#]*&)?egg=(?P<name>[A-Za-z0-9._-]*[A-Za-z0-9])")
_ADDRESS = re.compile(
    r"^[A-Za-z][A-Za-z0-9+.-]*://|^\.{0,2}[/\\]|^\.{1,2}$|\.(?:whl|zip|tar\.[a-z0-9]+|tgz)(?:[#?].*)?$"
)

#: Options that say where packages come from and how they are built; no pin is among them.
_OTHER_OPTIONS = frozenset(
    {"-i", "--index-url", "--pypi-url", "--extra-index-url", "--no-index", "-f", "--find-links", "--no-binary"}
    | {"--only-binary", "--prefer-binary", "--require-hashes", "--pre", "--trusted-host", "--use-feature"}
    | {"--always-unzip", "-Z", "--uploaded-prior-to"}
)


class Line(NamedTuple):
    """A logical line. `text` is as long as what it stands for: comments and line joints are blanks in it."""

    number: int
    start: int
    text: str


class Entry(NamedTuple):
    """A requirement. `start` is the offset of its own text, options such as hashes left out."""

    found: Found
    start: int
    text: str
    hashed: bool


class Include(NamedTuple):
    """Another file of the same kind."""

    file: str
    place: Place


class Parsed(NamedTuple):
    """What one file says."""

    entries: list[Entry]
    includes: list[Include]
    notes: list[str]
    problems: list[str]
    nameless: list[Place]  # packages of which only an address is known


def lines_of(text: str) -> Iterator[Line]:
    """Yield logical lines: a backslash at the end joins the next line, a line that is a comment ends that."""
    pending, start, first, offset = "", 0, 0, 0
    for number, raw in enumerate(_physical(text), start=1):
        body = raw.rstrip("\r\n")
        if not pending:
            start, first = offset, number
        offset += len(raw)
        is_comment = body.lstrip().startswith("#")
        if body.endswith("\\") and not is_comment:
            pending += body[:-1] + " " * (len(raw) - len(body) + 1)
            continue
        yield Line(first, start, _without_comment(pending + body))
        pending = ""
    if pending:
        yield Line(first, start, _without_comment(pending))


def _physical(text: str) -> list[str]:
    """Split at line feeds alone: what else `splitlines` knows stands inside of lines."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _without_comment(text: str) -> str:
    return _COMMENT.sub(lambda match: " " * len(match.group()), text)


def parse(text: str, file: str) -> Parsed:
    """Read one file; what it includes is named and not read.

    Args:
        text: Its text.
        file: Its name in places and messages.
    """
    parsed = Parsed([], [], [], [], [])
    for line in lines_of(text):
        said = line.text.strip()
        if said.startswith("-"):
            _option(said, line, Place(file, line.number), parsed)
        elif said:
            _requirement(line, Place(file, line.number), parsed)
    return parsed


def _option(said: str, line: Line, place: Place, parsed: Parsed) -> None:
    include, editable = _INCLUDE.fullmatch(said), _EDITABLE.fullmatch(said)
    if include is not None:
        parsed.includes.append(Include(include["file"].strip().strip("\"'"), place))
    elif editable is not None:
        found = _at_address(editable["address"].strip("\"' "), place)
        if found is not None:
            parsed.entries.append(Entry(found, line.start + line.text.index(said), said, hashed=False))
        else:
            parsed.notes.append(f"{place}: an editable package; its version is not read")
            parsed.nameless.append(place)
    elif re.split(r"[=\s]", said, maxsplit=1)[0] not in _OTHER_OPTIONS and said[:2] not in {"-i", "-f"}:
        name = re.split(r"[=\s]", said, maxsplit=1)[0]
        parsed.problems.append(f"{place}: {name} is no option of a requirements file; correct or remove it")


def _requirement(line: Line, place: Place, parsed: Parsed) -> None:
    option = _OPTION.search(line.text)
    whole = line.text if option is None else line.text[: option.start()]
    said = whole.strip()
    start = line.start + whole.index(said)
    hashed = option is not None and _HASH.search(line.text, option.start()) is not None
    try:
        found = found_of(Requirement(said), place)
    except InvalidRequirement as error:
        if not _ADDRESS.search(said.partition(";")[0].strip()):
            words = str(error).partition("\n")[0]
            parsed.problems.append(f"{place}: {_shown(said)!r} is no requirement: {words}; write NAME==VERSION")
            return
        named = _wheel(said, place) or _at_address(said, place)
        if named is None:
            parsed.notes.append(f"{place}: a file or an address without a name before it; its version is not read")
            parsed.nameless.append(place)
            return
        found = named
    parsed.entries.append(Entry(found, start, said, hashed))


def _shown(said: str) -> str:
    """Return a text as messages quote it: an address may hold a password."""
    return " ".join(re.sub(r"\S*://\S*", "ADDRESS", said).split())


def _wheel(said: str, place: Place) -> Found | None:
    """Return the package of a wheel that is named by where it lies."""
    file = re.split(r"[#?;\s]", said, maxsplit=1)[0].rpartition("/")[2]
    try:
        name = parse_wheel_filename(file.replace("%2B", "+").replace("%2b", "+"))[0]
    except InvalidWheelFilename:
        return None
    return found_of(Requirement(name), place)._replace(unsure=BUILT)


def _at_address(said: str, place: Place) -> Found | None:
    """Return the package that an address names, before it or at its end."""
    try:
        found = found_of(Requirement(said), place)
    except InvalidRequirement:
        egg = _EGG.search(said)
        return None if egg is None else found_of(Requirement(egg["name"]), place)._replace(unsure=BUILT)
    return found if found.unsure else None  # `-e folder` reads as a name and is none
