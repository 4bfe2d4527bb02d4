"""Pins of a uv.lock: what `uv sync` would install, found by walking from the project along its dependencies.

A lock holds several versions of a package where forks of the resolution chose differently; the walk takes the one that
the markers lead to.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name

from matrixscan.errors import PinsFileError, did_you_mean
from matrixscan.pins.collect import Found, pinned, pins_of
from matrixscan.pins.files import marker_of, package_places, parse_toml, read_text, tables_of, text_of
from matrixscan.pins.markers import Setting
from matrixscan.pins.pyproject import requires_python
from matrixscan.pins.types import Pins, Place

#: Files of a package stand on lines of their own and are most of a lock; nothing here needs them.
_FILES = re.compile(r"^    \{ url = .*\},?$", re.MULTILINE)
_VERSION = 1
_PROJECT = ("editable", "virtual", "directory")
#: The dependency group that is installed unless told otherwise.
_DEFAULT_GROUP = "dev"

_Table = dict[str, Any]


class _Step(NamedTuple):
    """A package that is reached, and which of its extras."""

    name: str
    version: str | None
    extras: tuple[str, ...]
    certain: bool  # no marker on the way is open


def read_uv_lock(path: Path, python: str | None, extras: Collection[str]) -> Pins:
    """Read what a lock would install.

    Raises:
        PinsFileError: It is no such lock, or there is no such extra.
    """
    text = read_text(path)
    document = parse_toml(_FILES.sub("", text), path)
    place = Place(str(path))
    if document.get("version", _VERSION) != _VERSION:
        raise PinsFileError(
            path, [f"{path}: version {document['version']} of the lock is not known; update matrixscan"]
        )
    requires = requires_python(document.get("requires-python", ""), place)
    setting = Setting(python, requires)
    walk = _Walk(tables_of(document, "package", path), setting, package_places(text, path), path)
    walk.start(extras)
    return pins_of(
        walk.found(),
        setting,
        source=str(path),
        kind="uv-lock",
        complete=True,
        requires_python=requires,
        notes=walk.notes,
    )


class _Walk:
    def __init__(self, packages: Sequence[_Table], setting: Setting, places: Mapping[str, Place], path: Path) -> None:
        self._packages: dict[str, list[_Table]] = {}
        for package in packages:
            name = canonicalize_name(text_of(package, "name", Place(str(path))))
            self._packages.setdefault(name, []).append(package)
        self._setting, self._places, self._path = setting, places, path
        self._reached: dict[tuple[str, str], bool] = {}
        self._seen: set[_Step] = set()
        self.notes: list[str] = []

    def start(self, extras: Collection[str]) -> None:
        """Walk from the project, or from a workspace's members."""
        own = [each for group in self._packages.values() for each in group if self._is_project(each)]
        wanted = {canonicalize_name(extra) for extra in extras}
        known = {canonicalize_name(name) for each in own for name in each.get("optional-dependencies", {})}
        for name in sorted(wanted - known):
            raise PinsFileError(self._path, [f"{self._path}: no extra {name!r}; {did_you_mean(name, known)}"])
        waiting = [step for each in own for step in self._leads(each, sorted(wanted), certain=True, groups=True)]
        if not own:  # made of something that is no project: all of it is meant
            waiting = [_Step(name, None, (), certain=True) for name in self._packages]
        while waiting:
            step = waiting.pop()
            if step not in self._seen:
                self._seen.add(step)
                waiting += self._follow(step)

    def found(self) -> Iterator[Found]:
        """Yield what was reached; what only an open marker leads to is not pinned."""
        for (name, version), certain in self._reached.items():
            place = self._places.get(name, Place(str(self._path)))
            each = pinned(name, version, place)
            yield each if certain else each._replace(unsure=f"{version} under some markers")

    def _is_project(self, package: _Table) -> bool:
        source = package.get("source", {})
        return isinstance(source, dict) and any(kind in source for kind in _PROJECT)

    def _follow(self, step: _Step) -> list[_Step]:
        candidates = self._candidates(step)
        leads = []
        for package in candidates:
            certain = step.certain and len(candidates) == 1
            if not self._is_project(package) and "version" in package:
                key = step.name, str(package["version"])
                self._reached[key] = self._reached.get(key, False) or certain
            leads += self._leads(package, step.extras, certain=certain)
        return leads

    def _candidates(self, step: _Step) -> list[_Table]:
        known = self._packages.get(step.name, [])
        if step.version is not None:
            known = [package for package in known if package.get("version") == step.version]
        if len(known) == 1:
            return known
        kept = [package for package in known if self._forked(package)]
        if len(kept) > 1:
            versions = " or ".join(str(package.get("version")) for package in kept)
            self.notes.append(f"{self._path}: {step.name} is {versions}; which one, markers do not say here")
        return kept

    def _forked(self, package: _Table) -> bool:
        """Return whether a version that some forks of the resolution chose may be the one that counts."""
        markers = package.get("resolution-markers", [])
        place = self._places.get(package["name"], Place(str(self._path)))
        return not markers or any(self._setting.holds(marker_of(text, place)) is not False for text in markers)

    def _leads(self, package: _Table, extras: Sequence[str], *, certain: bool, groups: bool = False) -> list[_Step]:
        optional = {
            canonicalize_name(name): listed for name, listed in package.get("optional-dependencies", {}).items()
        }
        lists = [package.get("dependencies", []), *(optional.get(canonicalize_name(name), []) for name in extras)]
        if groups:
            lists.append(package.get("dev-dependencies", {}).get(_DEFAULT_GROUP, []))
        steps = []
        for dependency in (each for listed in lists for each in listed):
            place = self._places.get(package["name"], Place(str(self._path)))
            holds = self._setting.holds(marker_of(dependency.get("marker"), place))
            if holds is not False:
                name = canonicalize_name(text_of(dependency, "name", place))
                extra = tuple(dependency.get("extra", ()))
                steps.append(_Step(name, dependency.get("version"), extra, certain and holds is True))
        return steps
