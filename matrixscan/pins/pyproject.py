"""Pins of a pyproject.toml: `[project] dependencies`, the extras that are asked for, and what uv puts over them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from matrixscan.errors import PinsFileError, did_you_mean
from matrixscan.pins.collect import BUILT, Found, found_of, pins_of
from matrixscan.pins.files import list_in, marker_of, parse_toml, read_text, table_in
from matrixscan.pins.markers import Setting
from matrixscan.pins.requires import refuse_other_python, requires_python
from matrixscan.pins.types import Pins, Place

#: Keys of `[tool.uv]`. The first replaces every requirement of a name, the second is added to all of them.
OVERRIDES, CONSTRAINTS = "override-dependencies", "constraint-dependencies"
_EXCLUDES = "exclude-dependencies"
#: Keys of a source, as uv and Poetry write it beside a requirement, that is no index.
_BUILT_FROM = frozenset({"git", "url", "path", "file", "workspace"})


def read_pyproject(path: Path, python: str | None, extras: Collection[str]) -> Pins:
    """Read the dependencies of a project.

    Raises:
        PinsFileError: It lists none, a dependency cannot be read, there is no such extra, or it is not for the Python
            that is meant.
    """
    text = read_text(path)
    document = parse_toml(text, path)
    place = Place(str(path))
    project = document.get("project")
    if not isinstance(project, dict) or "dependencies" in list_in(project, "dynamic", place):
        raise PinsFileError(path, [f"{path}: no `dependencies` under [project]; name the file that has the pins"])
    requires = requires_python(project.get("requires-python", ""), place)
    setting = Setting(python, requires)
    refuse_other_python(path, requires, setting, "made for")
    tool = table_in(document, "tool", place)
    uv = table_in(tool, "uv", place)
    own, over, limits = _read(
        [_listed(project, extras, path), list_in(uv, OVERRIDES, place), list_in(uv, CONSTRAINTS, place)], text, path
    )
    replaced = {each.name for each in over} | {canonicalize_name(name) for name in list_in(uv, _EXCLUDES, place)}
    found = [*(each for each in own if each.name not in replaced), *over, *limits]
    elsewhere = set(_built(tool, setting, place))
    return pins_of(
        [each._replace(unsure=BUILT) if each.name in elsewhere else each for each in found],
        setting,
        source=str(path),
        kind="pyproject",
        requires_python=requires,
    )


def _read(lists: Iterable[Iterable[str]], text: str, path: Path) -> list[list[Found]]:
    found: list[list[Found]] = []
    problems: list[str] = []
    for listed in lists:
        found.append([])
        for each in listed:
            place = Place(str(path), line_of(text, each))
            try:
                found[-1].append(found_of(Requirement(each), place))
            except InvalidRequirement as error:
                problems.append(f"{place}: {each!r} is no requirement: {str(error).partition(chr(10))[0]}")
    if problems:
        raise PinsFileError(path, problems)
    return found


def line_of(text: str, listed: str) -> int:
    """Return the line of a requirement as it stands in quotes, 0 if it is written in another way."""
    match = re.search(f"[\"']{re.escape(listed)}[\"']", text)
    return 0 if match is None else text.count("\n", 0, match.start()) + 1


def _listed(project: Mapping[str, Any], extras: Collection[str], path: Path) -> list[str]:
    place = Place(str(path))
    table = table_in(project, "optional-dependencies", place)
    optional = {canonicalize_name(name): list_in(table, name, place) for name in table}
    missing = [name for name in extras if canonicalize_name(name) not in optional]
    if missing:
        hints = (f"{path}: no extra {name!r}; {did_you_mean(name, optional)}" for name in missing)
        raise PinsFileError(path, list(hints))
    lists = [list_in(project, "dependencies", place), *(optional[canonicalize_name(name)] for name in extras)]
    return [each for listed in lists for each in listed]


def _built(tool: Mapping[str, Any], setting: Setting, place: Place) -> Iterator[str]:
    """Yield the names that a tool takes from somewhere else than an index, whatever their requirements say."""
    uv, poetry = (table_in(tool, name, place) for name in ("uv", "poetry"))
    for table in (table_in(uv, "sources", place), table_in(poetry, "dependencies", place)):
        for name, said in table.items():
            sources = [each for each in (said if isinstance(said, list) else [said]) if isinstance(each, dict)]
            if any(
                _BUILT_FROM & each.keys() and setting.holds(marker_of(each.get("marker"), place)) is not False
                for each in sources
            ):
                yield canonicalize_name(name)
