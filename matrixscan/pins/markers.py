"""Whether a requirement counts: its environment marker, for a Python that may be known in part or not at all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache, cached_property
from typing import Any

from packaging.markers import (
    EvaluateContext,
    Marker,
    UndefinedComparison,
    UndefinedEnvironmentName,
    default_environment,
)
from packaging.specifiers import SpecifierSet

#: Minors of Python 3 that an unknown Python may be.
_MINORS = range(6, 21)
#: The patch releases that stand for all of a minor: a marker on which both agree does not depend on the patch.
_PATCHES = (0, 99)

_OF_PYTHON = re.compile(r"python_version|python_full_version|implementation_version")

Environment = Mapping[str, Any]


@cache
def _machine() -> dict[str, Any]:
    return dict(default_environment())


class Setting:
    """The Pythons that are meant, on the platform that this runs on.

    Args:
        python: `3.11`, `3.11.7`, or None for any.
        requires: A specifier that narrows what an unknown Python can be.
        lock: What the markers of a lock may ask of besides: extras and dependency groups.
    """

    def __init__(self, python: str | None = None, requires: str = "", lock: Environment | None = None) -> None:
        self.python = python
        self._requires = requires
        self._more = dict(lock or {})
        self._context: EvaluateContext = "requirement" if lock is None else "lock_file"
        self._known: dict[tuple[str, frozenset[str] | None], bool | None] = {}
        #: Whether some marker was left open because the Python is not known.
        self.undecided = False

    @cached_property
    def _pythons(self) -> tuple[str, ...]:
        parts = self.python.split(".") if self.python else []
        minors = [f"{parts[0]}.{parts[1]}"] if len(parts) > 1 else [f"3.{minor}" for minor in _MINORS]
        full = [f"{minor}.{patch}" for minor in minors for patch in _PATCHES]
        if len(parts) > 2:  # noqa: PLR2004  a patch release is given
            return (str(self.python),)
        allowed = SpecifierSet(self._requires)
        return tuple(version for version in full if allowed.contains(version, prereleases=True)) or tuple(full)

    def holds(self, marker: Marker | None, extras: frozenset[str] | None = None) -> bool | None:
        """Return whether a marker holds; None if that depends on what is not known of the Python.

        Args:
            marker: Of a requirement or a package.
            extras: Those of a lock, where they are others than all markers of this setting have.
        """
        if marker is None:
            return True
        key = str(marker), extras
        if key not in self._known:
            self._known[key] = self._evaluate(marker, *key)
        found = self._known[key]
        self.undecided |= found is None
        return found

    def _evaluate(self, marker: Marker, text: str, extras: frozenset[str] | None) -> bool | None:
        pythons = self._pythons if _OF_PYTHON.search(text) else self._pythons[:1]
        more: Environment = {} if extras is None else extras_of(extras)
        context = self._context if extras is None else "lock_file"
        try:
            found = {marker.evaluate({**self._environment(python), **more}, context=context) for python in pythons}
        except (UndefinedComparison, UndefinedEnvironmentName):
            return None  # of doubt, not of Python: said as not pinned
        return found.pop() if len(found) == 1 else None

    def _environment(self, python: str) -> dict[str, Any]:
        major, minor, *_ = python.split(".")
        versions = {
            "python_version": f"{major}.{minor}",
            "python_full_version": python,
            "implementation_version": python,
        }
        return {**_machine(), "extra": "", **versions, **self._more}

    def admits(self, specifier: str) -> bool | None:
        """Return whether `requires-python` fits the Pythons that are meant; None if only some of them."""
        allowed = SpecifierSet(specifier)
        found = {allowed.contains(version, prereleases=True) for version in self._pythons}
        if found == {False} and any(allowed.contains(version, prereleases=True) for version in self._patches()):
            return None  # `==3.11.7` is for some 3.11, although for neither of the two that stand for it
        return found.pop() if len(found) == 1 else None

    def _patches(self) -> Iterator[str]:
        """Yield every patch release of the minors that are meant."""
        for minor in {version.rpartition(".")[0] for version in self._pythons if version != self.python}:
            yield from (f"{minor}.{patch}" for patch in range(max(_PATCHES) + 1))


def extras_of(names: Collection[str], groups: Collection[str] = ()) -> Environment:
    """Return what markers of a lock ask of."""
    return {"extras": frozenset(names), "dependency_groups": frozenset(groups)}
