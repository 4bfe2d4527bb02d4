"""Pins of a pyproject.toml: `[project] dependencies` and the extras that are asked for."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from matrixscan.errors import PinsFileError, did_you_mean
from matrixscan.pins.collect import Found, found_of, pins_of
from matrixscan.pins.files import parse_toml, read_text
from matrixscan.pins.markers import Setting
from matrixscan.pins.types import Pins, Place


def read_pyproject(path: Path, python: str | None, extras: Collection[str]) -> Pins:
    """Read the dependencies of a project.

    Raises:
        PinsFileError: It lists none, a dependency cannot be read, or there is no such extra.
    """
    text = read_text(path)
    project = parse_toml(text, path).get("project")
    if not isinstance(project, dict) or "dependencies" in project.get("dynamic", ()):
        raise PinsFileError(path, [f"{path}: no `dependencies` under [project]; name the file that has the pins"])
    requires = requires_python(project.get("requires-python", ""), Place(str(path)))
    setting = Setting(python, requires)
    found: list[Found] = []
    problems: list[str] = []
    for listed in _listed(project, extras, path):
        place = Place(str(path), line_of(text, listed))
        try:
            found.append(found_of(Requirement(listed), place))
        except InvalidRequirement as error:
            problems.append(f"{place}: {listed!r} is no requirement: {str(error).partition(chr(10))[0]}")
    if problems:
        raise PinsFileError(path, problems)
    return pins_of(found, setting, source=str(path), kind="pyproject", requires_python=requires)


def requires_python(text: Any, place: Place) -> str:
    """Return a `requires-python`.

    Raises:
        PinsFileError: It is no specifier.
    """
    try:
        return str(SpecifierSet(text))
    except (InvalidSpecifier, AttributeError, TypeError) as error:
        raise PinsFileError(place.file, [f"{place}: requires-python: {text!r} is no PEP 440 specifier"]) from error


def line_of(text: str, listed: str) -> int:
    """Return the line of a requirement as it stands in quotes, 0 if it is written in another way."""
    match = re.search(f"[\"']{re.escape(listed)}[\"']", text)
    return 0 if match is None else text.count("\n", 0, match.start()) + 1


def _listed(project: dict[str, Any], extras: Collection[str], path: Path) -> list[str]:
    optional = {canonicalize_name(name): listed for name, listed in project.get("optional-dependencies", {}).items()}
    missing = [name for name in extras if canonicalize_name(name) not in optional]
    if missing:
        hints = (f"{path}: no extra {name!r}; {did_you_mean(name, optional)}" for name in missing)
        raise PinsFileError(path, list(hints))
    lists = [project.get("dependencies", []), *(optional[canonicalize_name(name)] for name in extras)]
    listed = [each for group in lists for each in (group if isinstance(group, list) else [group])]
    wrong = [each for each in listed if not isinstance(each, str)]
    if wrong:
        raise PinsFileError(path, [f"{path}: {wrong[0]!r} in dependencies is no text"])
    return listed
