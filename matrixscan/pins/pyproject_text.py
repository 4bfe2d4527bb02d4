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
from matrixscan.pins.files import parse_toml
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
_TABLES = ("project", "project.optional-dependencies", "dependency-groups")


class Listed(NamedTuple):
    """A requirement between quotes; `start` is the offset behind the first one."""

    found: Found
    start: int
    text: str


def pyproject_entries(text: str, file: str) -> list[Listed]:
    """Return the requirements of the project, its extras and its groups that stand in quotes and without escapes.

    Raises:
        PinsFileError: The text is no TOML, or lists requirements in a form in which none can be found.
    """
    document = parse_toml(text, Path(file))
    wanted = _requirements(document)
    entries = [entry for entry in _entries(text, file) if entry.text in wanted]
    missing = wanted - {entry.text for entry in entries}
    if missing:
        name = min(missing)
        raise PinsFileError(file, [f"{file}: {name!r} is not found as it stands; change it by hand"])
    return entries


def _requirements(document: Mapping[str, Any]) -> set[str]:
    project = document.get("project", {})
    tables = (project.get("optional-dependencies", {}), document.get("dependency-groups", {}))
    lists = [project.get("dependencies", []), *(listed for table in tables for listed in table.values())]
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
