"""How far every tested combination of an index is from a user's pins: which axes differ, and by how much."""

from __future__ import annotations

import bisect
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from matrixscan.analysis.known_pins_index import ABSENT, Index, version_key
from matrixscan.analysis.known_pins_types import Difference
from matrixscan.pins.types import Pins

PYTHON = "python"

#: Packages that decide what an export or a run does, whether or not a matrix has an axis for them.
_PARTS = ("torch", "onnx", "onnxruntime", "onnxscript")

#: Packages that bring the same module: one of them in place of, or beside, another is another combination. Of
#: onnxruntime there is one for every kind of machine, and more come: all but those that are known to stand beside it.
_SAME_MODULE = (
    re.compile(r"onnxruntime(-(?!extensions$|genai\b|tools$|web$|inference-examples$).+)?|ort-nightly(-.+)?"),
    re.compile(r"onnx(-weekly|-nightly)?"),
    re.compile(r"ncnn(-vulkan)?"),
)

# One number orders combinations: axes that differ first, then how far, then how many are left open.
_DIFFERS, _STEP = 10**9, 10**3


class Place(NamedTuple):
    """What the pins say of an axis. `yours`: a version, None where it is not there; `open`: it may be any in `said`."""

    yours: str | None
    open: bool = False
    said: str = ""
    name: str = ""  # of the package, where it is another one that brings the same module


def known_axes(indexes: Collection[Index]) -> tuple[str, ...]:
    """Return every axis that any matrix has, and the packages that count although none has them."""
    names = dict.fromkeys(axis for index in indexes for axis in index.axes)
    return (*names, *(name for name in _PARTS if name not in names))


def place_of(axis: str, pins: Pins) -> Place:
    """Return what the pins say of one axis."""
    if axis == PYTHON:
        return Place(pins.python, open=pins.python is None, said=pins.requires_python)
    for other in _rivals(axis, pins):
        return Place(pins.versions.get(other, pins.loose.get(other, "")), name=other)
    if axis in pins.versions:
        return Place(pins.versions[axis])
    if axis in pins.loose:
        return Place(None, open=True, said=pins.loose[axis])
    return Place(None, open=not pins.complete)


def _rivals(axis: str, pins: Pins) -> list[str]:
    """Return the packages among the pins that bring the module of an axis, and are not the axis."""
    same_module = next((names for names in _SAME_MODULE if names.fullmatch(axis)), None)
    found = {name for name in (*pins.versions, *pins.loose) if same_module is not None and same_module.fullmatch(name)}
    return sorted(found - {axis})


def is_named(pins: Pins, axis: str) -> bool:
    """Return whether the pins say anything of an axis."""
    return _asks(place_of(axis, pins))


class Distances:
    """The distance of every combination of an index from pins.

    Args:
        index: The combinations.
        pins: As read for one Python.
        axes: All axes of all indexes, see `known_axes`.
    """

    def __init__(self, index: Index, pins: Pins, axes: Sequence[str]) -> None:
        self._index = index
        self.places = {axis: place_of(axis, pins) for axis in axes}
        self._tables = [
            _costs(self.places[axis], axis, known) for axis, known in zip(index.axes, index.versions, strict=True)
        ]
        # Of an axis that this matrix does not have, what was installed decides.
        asked = [axis for axis in axes if _asks(self.places[axis])]
        self._beside = [axis for axis in asked if axis not in index.axes]
        self._own = [(position, axis) for position, axis in enumerate(index.axes) if axis in asked]
        self._known: dict[int, dict[str, str]] = {}

    def cost(self, row: int) -> int:
        """Return a number that orders combinations; 0 where the pins are the combination."""
        places = self._index.rows[row]
        total = sum([table[place] for table, place in zip(self._tables, places, strict=True)])
        absent = [axis for position, axis in self._own if places[position] == ABSENT] if ABSENT in places else []
        if not absent and not self._beside:
            return total
        # An axis that the combination has not costs nothing if the same version was installed all the same.
        packages = self._packages(self._index.environment[row])
        there = (self._cost_of(axis, None) for axis in absent if self._is_there(axis, packages))
        return total - sum(there) + _DIFFERS * sum(not self._is_there(axis, packages) for axis in self._beside)

    def _is_there(self, axis: str, packages: Mapping[str, str]) -> bool:
        place = self.places[axis]
        version = packages.get(place.name or axis)
        return version is not None and place.yours is not None and not place.open and same(place.yours, version)

    def _packages(self, environment: int) -> dict[str, str]:
        """Return what one environment holds of the packages that were asked for and are no axis of the combination."""
        if environment not in self._known:
            here = self._wanted.keys() & self._index.places(environment)
            self._known[environment] = dict(self._wanted[place] for place in here)
        return self._known[environment]

    @cached_property
    def _wanted(self) -> dict[int, tuple[str, str]]:
        names = {self.places[axis].name or axis for axis in self.places}
        pairs = (package.partition("==")[::2] for package in self._index.packages)
        return {place: (name, version) for place, (name, version) in enumerate(pairs) if name in names}

    def differences(self, row: int) -> tuple[Difference, ...]:
        """Return the axes on which a combination differs from the pins."""
        axes = self._index.axes_of(row)
        packages = self._packages(self._index.environment[row])
        found = []
        for axis, place in self.places.items():
            tested = axes.get(axis)
            if axis not in axes and (not _asks(place) or self._is_there(axis, packages)):
                continue
            if axis in axes and not self._differs(axis, tested):
                continue
            yours = f"{place.name} {place.yours}" if place.name else place.yours or place.said or None
            found.append(Difference(axis, yours, tested or packages.get(axis), self._steps(axis, tested)))
        return tuple(found)

    def open_axes(self, row: int) -> tuple[str, ...]:
        """Return the axes of a combination that the pins leave open and do not exclude."""
        axes = self._index.axes_of(row)
        return tuple(axis for axis in axes if self.places[axis].open and not self._differs(axis, axes[axis]))

    def _differs(self, axis: str, tested: str | None) -> bool:
        return self._cost_of(axis, tested) >= _DIFFERS

    def _steps(self, axis: str, tested: str | None) -> int:
        return self._cost_of(axis, tested) % _DIFFERS // _STEP if axis in self._index.axes else 0

    def _cost_of(self, axis: str, tested: str | None) -> int:
        position = self._index.axes.index(axis)
        place = ABSENT if tested is None else self._index.versions[position].index(tested)
        return self._tables[position][place]


def is_match(cost: int) -> bool:
    """Return whether a combination is the one that is pinned."""
    return cost == 0


def is_open(cost: int) -> bool:
    """Return whether a combination is one of those that the pins allow, some axes being left open."""
    return 0 < cost < _STEP


def _asks(place: Place) -> bool:
    return place.yours is not None or bool(place.said) or bool(place.name)


def _costs(place: Place, axis: str, known: Sequence[str]) -> list[int]:
    """Return the cost of each tested version, and last, where ABSENT finds it, that of the axis not being there."""
    if place.open and not place.name:
        allowed = _allowed(place.said)
        cost = [1 if allowed is None or _contains(allowed, version) else _DIFFERS + _STEP for version in known]
        # What is asked for, at whatever version, is not what is not there; what nobody mentions may be.
        return [*cost, _far(known) if place.said else 0]
    if place.name:  # another package is no release, and no number of releases away
        return [*(_DIFFERS for _ in known), _far(known)]
    if place.yours is None:
        return [*(_DIFFERS + _STEP for _ in known), 0]
    return [*_distances(place.yours, axis, known), _far(known)]


def _far(known: Sequence[str]) -> int:
    """Return the cost of an axis that is pinned and not there: farther than any release of it."""
    return _DIFFERS + _STEP * (len(known) + 1)


def _distances(yours: str, axis: str, known: Sequence[str]) -> list[int]:
    """Return how far a version is from each tested one: 0 if it is that one, else tested releases between, and one."""
    alike = same_python if axis == PYTHON else same
    key, keys = version_key(public(yours)), [version_key(public(version)) for version in known]
    before = bisect.bisect_left(keys, key)
    is_known = before < len(keys) and keys[before] == key
    steps = [place - before + (not is_known) if place >= before else before - place for place in range(len(known))]
    return [0 if alike(yours, version) else _DIFFERS + _STEP * step for version, step in zip(known, steps, strict=True)]


def excludes(said: str, version: str) -> bool:
    """Return whether what pins say of a package that they do not pin is a range without a version."""
    allowed = _allowed(said)
    return allowed is not None and not _contains(allowed, version)


def _allowed(said: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(said)
    except InvalidSpecifier:
        return None


def _contains(allowed: SpecifierSet, version: str) -> bool:
    try:
        return allowed.contains(public(version), prereleases=True)
    except InvalidVersion:
        return True


def public(version: str) -> str:
    """Return a version without its local label: no index offers `2.4.0+cpu` under that name to everyone."""
    return version.partition("+")[0]


def same(one: str, other: str) -> bool:
    """Return whether two versions are one release; local labels do not count."""
    try:
        return Version(public(one)) == Version(public(other))
    except InvalidVersion:
        return one == other


def same_python(yours: str, tested: str) -> bool:
    """Return whether two Pythons are one as far as both say: 3.11.7 is 3.11, and not 3.11.8."""
    parts = tuple(zip(yours.split("."), tested.split("."), strict=False))
    return all(one == other for one, other in parts)
