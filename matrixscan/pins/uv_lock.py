"""Pins of a uv.lock: what `uv sync` would install, found by walking from the project along its dependencies.

A lock holds several versions of a package where forks of the resolution chose differently; the walk takes the one that
the markers lead to.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from matrixscan.errors import PinsFileError, did_you_mean
from matrixscan.pins.collect import BUILT, Found, pinned, pins_of
from matrixscan.pins.files import (
    list_in,
    package_places,
    parse_toml,
    read_text,
    table_in,
    tables_of,
    text_of,
    wrong,
)
from matrixscan.pins.markers import Setting
from matrixscan.pins.requires import refuse_other_python, requires_python
from matrixscan.pins.types import Pins, Place
from matrixscan.pins.uv_conflicts import Chosen, atom, exclusive, named_atoms

#: Files of a package stand on lines of their own and are most of a lock; nothing here needs them.
_FILES = re.compile(r"^    \{ url = .*\},?$", re.MULTILINE)
_VERSION = 1
_PROJECT = ("editable", "virtual", "directory")
#: Where a package comes from if its version says what it is.
_INDEX = "registry"
#: The dependency group that is installed unless told otherwise.
_DEFAULT_GROUP = "dev"

_Table = dict[str, Any]


class _Step(NamedTuple):
    """A package that is reached, and which of its extras."""

    name: str
    version: str | None
    source: str  # empty where the lock has one package of that name and version
    extras: tuple[str, ...]
    certain: bool  # no marker on the way is open


def read_uv_lock(path: Path, python: str | None, extras: Collection[str]) -> Pins:
    """Read what a lock would install.

    Raises:
        PinsFileError: It is no such lock, not one for the Python that is meant, or there is no such extra.
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
    refuse_other_python(path, requires, setting)
    walk = _Walk(document, setting, package_places(text, path), path)
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
    def __init__(self, document: Mapping[str, Any], setting: Setting, places: Mapping[str, Place], path: Path) -> None:
        self._document, self._setting, self._places, self._path = document, setting, places, path
        self._packages: dict[str, list[_Table]] = {}
        for package in tables_of(document, "package", path):
            name = canonicalize_name(text_of(package, "name", Place(str(path))))
            self._version(package)
            self._packages.setdefault(name, []).append(package)
        self._chosen = Chosen(known=self._known_atoms())
        self._clear()

    def _clear(self) -> None:
        self._reached: dict[int, tuple[_Table, bool]] = {}
        self._nowhere: set[str] = set()
        self._seen: set[_Step] = set()
        self.notes: list[str] = []

    def start(self, extras: Collection[str]) -> None:
        """Walk from the project, or from a workspace's members."""
        own = self._own()
        wanted = {canonicalize_name(extra) for extra in extras}
        known = {extra for each in own for extra in self._extras(each)}
        for name in sorted(wanted - known):
            raise PinsFileError(self._path, [f"{self._path}: no extra {name!r}; {did_you_mean(name, known)}"])
        for each in own:
            name = canonicalize_name(each["name"])
            groups = self._table(each, "dev-dependencies").keys() & {_DEFAULT_GROUP}
            self._chosen.surely |= {atom("extra", name, extra) for extra in wanted & self._extras(each)}
            self._chosen.surely |= {atom("group", name, group) for group in groups} | {atom("project", name)}
        problems = exclusive(self._document, self._chosen.surely, Place(str(self._path)))
        if problems:
            raise PinsFileError(self._path, problems)
        while not self._from(own, sorted(wanted)):
            self._clear()

    def _from(self, own: Sequence[_Table], wanted: Sequence[str]) -> bool:
        """Walk once; return False where an extra was met on the way on which markers before it may depend."""
        before = self._chosen.met()
        for each in own:
            self._reach(each, certain=True)
        waiting = [step for each in own for step in self._leads(each, wanted, certain=True, groups=True)]
        if not own:  # made of something that is no project: all of it is meant
            waiting = [_Step(name, None, "", (), certain=True) for name in self._packages]
        while waiting:
            step = waiting.pop()
            if step not in self._seen:
                self._seen.add(step)
                waiting += self._follow(step)
        return self._chosen.met() == before

    def found(self) -> Iterator[Found]:
        """Yield what was reached; what only an open marker leads to is not pinned."""
        for package, certain in self._reached.values():
            place = self._place(package)
            version = self._version(package)
            if self._source(package).keys() - {_INDEX} or version is None:
                yield Found(canonicalize_name(package["name"]), SpecifierSet(), None, place, BUILT)
                continue
            each = pinned(package["name"], version, place)
            yield each if certain else each._replace(unsure=f"{version} under some markers")
        for name in self._nowhere:
            yield Found(name, SpecifierSet(), None, Place(str(self._path)), "a package that the lock does not list")

    def _own(self) -> list[_Table]:
        projects = [each for group in self._packages.values() for each in group if self._is_project(each)]
        members = list_in(self._table(self._document, "manifest"), "members", Place(str(self._path)))
        names = {canonicalize_name(name) for name in members}
        here = [
            each
            for each in projects
            if canonicalize_name(each["name"]) in names or (not names and "." in self._source(each).values())
        ]
        return here or projects

    def _known_atoms(self) -> set[str]:
        found = named_atoms(self._document, Place(str(self._path)))
        for name, group in self._packages.items():
            for package in group:
                found |= {atom("extra", name, extra) for extra in self._extras(package)}
                found |= {atom("group", name, each) for each in self._table(package, "dev-dependencies")}
                found |= {atom("project", name)}
        return found

    def _extras(self, package: _Table) -> set[str]:
        """Return the extras of a package; those that ask for nothing stand in its metadata alone."""
        listed = list_in(self._table(package, "metadata"), "provides-extras", self._place(package))
        return {canonicalize_name(name) for name in (*self._table(package, "optional-dependencies"), *listed)}

    def _table(self, table: Mapping[str, Any], key: str) -> _Table:
        return table_in(table, key, self._place(table))

    def _place(self, package: Mapping[str, Any]) -> Place:
        return self._places.get(str(package.get("name")), Place(str(self._path)))

    def _version(self, table: _Table) -> str | None:
        """Return the version of a package or of a dependency; one that is built need not have any."""
        version = table.get("version")
        if not isinstance(version, str | None):
            raise wrong("version", "a text", self._place(table))
        return version

    def _source(self, package: _Table) -> _Table:
        return self._table(package, "source")

    def _is_project(self, package: _Table) -> bool:
        return any(kind in self._source(package) for kind in _PROJECT)

    def _reach(self, package: _Table, *, certain: bool) -> None:
        before = self._reached.get(id(package), (package, False))[1]
        self._reached[id(package)] = package, before or certain

    def _follow(self, step: _Step) -> list[_Step]:
        candidates = self._candidates(step)
        if not candidates:
            self._nowhere.add(step.name)
        leads = []
        for package in candidates:
            certain = step.certain and len(candidates) == 1 and step.version in {None, package.get("version")}
            self._reach(package, certain=certain)
            for extra in step.extras:
                self._chosen.meet(atom("extra", step.name, canonicalize_name(extra)), certain=certain)
            self._chosen.meet(atom("project", step.name), certain=certain)
            leads += self._leads(package, step.extras, certain=certain)
        return leads

    def _candidates(self, step: _Step) -> list[_Table]:
        listed = self._packages.get(step.name, [])
        known = [package for package in listed if step.version is None or package.get("version") == step.version]
        known = [package for package in known if str(self._source(package)) == step.source] or known
        if len(known) == 1:
            return known
        # What is asked for is there, even where no marker says which one.
        kept = [package for package in known if self._forked(package)] or known or listed
        if len(kept) > 1:
            versions = " or ".join(dict.fromkeys(str(package.get("version")) for package in kept))
            self.notes.append(f"{self._path}: {step.name} is {versions}; which one, markers do not say here")
        return kept

    def _forked(self, package: _Table) -> bool:
        """Return whether a version that some forks of the resolution chose may be the one that counts."""
        place = self._place(package)
        markers = list_in(package, "resolution-markers", place)
        return not markers or any(self._chosen.holds(text, self._setting, place) is not False for text in markers)

    def _leads(self, package: _Table, extras: Iterable[str], *, certain: bool, groups: bool = False) -> list[_Step]:
        place = self._place(package)
        table = self._table(package, "optional-dependencies")
        optional = {canonicalize_name(name): list_in(table, name, place, dict) for name in table}
        lists = [list_in(package, "dependencies", place, dict)]
        lists += [optional.get(canonicalize_name(name), []) for name in extras]
        if groups:
            lists.append(list_in(self._table(package, "dev-dependencies"), _DEFAULT_GROUP, place, dict))
        steps = []
        for dependency in (each for listed in lists for each in listed):
            holds = self._chosen.holds(dependency.get("marker"), self._setting, place)
            if holds is not False:
                steps.append(self._step(dependency, place, certain=certain and holds is True))
        return steps

    def _step(self, dependency: _Table, place: Place, *, certain: bool) -> _Step:
        name = canonicalize_name(text_of(dependency, "name", place))
        source = str(self._table(dependency, "source")) if "source" in dependency else ""
        return _Step(name, self._version(dependency), source, tuple(list_in(dependency, "extra", place)), certain)
