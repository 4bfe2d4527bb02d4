"""Extras and groups that exclude each other in a uv.lock.

uv writes into markers which of them were chosen, as extras with names of its own: `extra == 'extra-4-proj-cpu'`.
Several of these can hold at once, which no marker of a requirement can say, so they are read as `extras` of PEP 751.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from packaging.utils import canonicalize_name

from matrixscan.pins.files import marker_of, wrong
from matrixscan.pins.markers import Setting
from matrixscan.pins.types import Place

_ATOM = re.compile(r"""\bextra\s*(?P<operator>==|!=)\s*(?P<quote>["'])(?P<name>[^"']*)(?P=quote)""")
_EXTRA = re.compile(r"\bextra\b")


def atom(kind: str, package: str, name: str = "") -> str:
    """Return what uv calls an extra, a group or a project in markers."""
    return "-".join(part for part in (kind, str(len(package)), package, name) if part)


class Chosen:
    """Which extras, groups and projects are installed. `known`: all that there are."""

    def __init__(self, known: AbstractSet[str]) -> None:
        self._known = known
        self.surely: set[str] = set()
        self._perhaps: set[str] = set()
        self._asked: set[str] = set()

    def meet(self, name: str, *, certain: bool) -> None:
        """Take note of one that a dependency asks for."""
        (self.surely if certain else self._perhaps).add(name)

    def met(self) -> tuple[int, int]:
        """Return a value that changes when one that markers ask of is met for the first time."""
        return len(self.surely & self._asked), len(self._perhaps & self._asked)

    def holds(self, text: Any, setting: Setting, place: Place) -> bool | None:
        """Return whether a marker holds; None if that depends on what is not known.

        Raises:
            PinsFileError: It is no marker.
        """
        if not isinstance(text, str) or not _EXTRA.search(text):
            return setting.holds(marker_of(text, place))
        asked = {match["name"] for match in _ATOM.finditer(text)}
        self._asked |= asked
        marker = marker_of(_ATOM.sub(_as_member, text), place)
        # Also an extra that nobody knows is in doubt: taking it as not chosen may lose a package.
        if _EXTRA.search(_ATOM.sub("", text)) or asked - self._known or asked & (self._perhaps - self.surely):
            return None
        return setting.holds(marker, frozenset(self.surely & asked))


def _as_member(match: re.Match[str]) -> str:
    return f"'{match['name']}' {'in' if match['operator'] == '==' else 'not in'} extras"


def named_atoms(document: Mapping[str, Any], place: Place) -> set[str]:
    """Return what the lock says may exclude something else."""
    return {name for group in _conflicts(document, place) for name in group}


def exclusive(document: Mapping[str, Any], chosen: AbstractSet[str], place: Place) -> list[str]:
    """Return a problem for each set of which more than one was chosen: uv refuses to install them together."""
    problems = []
    for group in _conflicts(document, place):
        both = sorted({words for name, words in group.items() if name in chosen and not name.startswith("project-")})
        if len(both) > 1:
            problems.append(f"{place}: {' and '.join(both)} exclude each other; choose one")
    return problems


def _conflicts(document: Mapping[str, Any], place: Place) -> Iterator[dict[str, str]]:
    groups = document.get("conflicts", [])
    if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
        raise wrong("conflicts", "an array of arrays", place)
    for group in groups:
        found = {}
        for item in group:
            if not isinstance(item, dict) or not all(isinstance(value, str) for value in item.values()):
                raise wrong("conflicts", "an array of arrays of tables of texts", place)
            package = canonicalize_name(item.get("package", ""))
            kind = next((kind for kind in ("extra", "group") if kind in item), "project")
            name = canonicalize_name(item.get(kind, ""))
            found[atom(kind, package, name)] = f"{kind} {name or package}"
        yield found
