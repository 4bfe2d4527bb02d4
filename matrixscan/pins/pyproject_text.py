"""Where the requirements of a pyproject.toml stand in its text, so that one can be changed and all else stays."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from matrixscan.errors import PinsFileError
from matrixscan.pins.collect import Found, found_of
from matrixscan.pins.files import list_in, parse_toml, table_in
from matrixscan.pins.pyproject import CONSTRAINTS, OVERRIDES
from matrixscan.pins.types import Place

#: What TOML knows besides bare text, the longest first: a quote inside of one is none of another.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|^[ \t]*\[\[?(?P<table>[^\[\]\n\"']+)\]\]?(?=[ \t]*(?:\#.*)?\r?$)",
    re.DOTALL | re.MULTILINE,
)
_TABLES = ("project", "project.optional-dependencies", "dependency-groups", "tool.uv")


class Listed(NamedTuple):
    """A requirement between quotes; `start` is the offset behind the first one."""

    found: Found
    start: int
    text: str


def pyproject_entries(text: str, file: str) -> list[Listed]:
    """Return what stands in quotes and without escapes: requirements of the project, its extras, its groups, and of uv.

    Raises:
        PinsFileError: The text is no TOML, or lists requirements in a form in which none can be found.
    """
    document = parse_toml(text, Path(file))
    wanted = _requirements(document, Place(file))
    entries = [entry for entry in _entries(text, file) if entry.text in wanted]
    missing = wanted - {entry.text for entry in entries}
    if missing:
        name = min(missing)
        raise PinsFileError(file, [f"{file}: {name!r} is not found as it stands; change it by hand"])
    return entries


def _requirements(document: Mapping[str, Any], place: Place) -> set[str]:
    project = table_in(document, "project", place)
    uv = table_in(table_in(document, "tool", place), "uv", place)
    lists = [list_in(project, "dependencies", place), list_in(uv, OVERRIDES, place), list_in(uv, CONSTRAINTS, place)]
    extras = table_in(project, "optional-dependencies", place)
    lists += [list_in(extras, name, place) for name in extras]
    groups = table_in(document, "dependency-groups", place)
    lists += [list_in(groups, name, place, object) for name in groups]  # one may include another, in a table
    return {each for listed in lists for each in listed if isinstance(each, str)}


def _entries(text: str, file: str) -> Iterator[Listed]:
    table = ""
    for match in _TOKEN.finditer(text):
        token = match.group()
        if match["table"] is not None:
            table = re.sub(r"\s", "", match["table"])
        elif table in _TABLES and token[0] in "\"'" and token[:3] not in {'"""', "'''"}:
            listed = tomllib.loads(f"x = {token}")["x"]
            if listed != token[1:-1]:
                continue  # escapes: offsets inside would not be those of the value
            try:
                requirement = Requirement(listed)
            except InvalidRequirement:
                continue
            place = Place(file, text.count("\n", 0, match.start()) + 1)
            yield Listed(found_of(requirement, place), match.start() + 1, listed)
