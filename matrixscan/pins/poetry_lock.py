"""Pins of a poetry.lock: every package of the main group whose markers hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matrixscan.pins.collect import BUILT, Found, pinned, pins_of
from matrixscan.pins.files import (
    list_in,
    marker_of,
    package_places,
    parse_toml,
    read_text,
    table_in,
    tables_of,
    text_of,
    wrong,
)
from matrixscan.pins.markers import Setting
from matrixscan.pins.requires import poetry_python, refuse_other_python
from matrixscan.pins.types import Pins, Place

_MAIN = "main"
#: Sources that are package indexes.
_INDEXES = ("legacy", "pypi")


def read_poetry_lock(path: Path, python: str | None) -> Pins:
    """Read what a lock would install.

    Raises:
        PinsFileError: It is no such lock, or not one for the Python that is meant.
    """
    text = read_text(path)
    document = parse_toml(text, path)
    places = package_places(text, path)
    packages = tables_of(document, "package", path)
    requires, notes = _requires(document, path)
    setting = Setting(python, requires)
    refuse_other_python(path, requires, setting)
    return pins_of(
        _found(packages, places, path),
        setting,
        source=str(path),
        kind="poetry-lock",
        complete=True,
        requires_python=requires,
        notes=notes,
    )


def _requires(document: Mapping[str, Any], path: Path) -> tuple[str, list[str]]:
    """Return the Pythons that the lock is for, any where that is said in a way that is not read."""
    text = table_in(document, "metadata", Place(str(path))).get("python-versions", "")
    if not isinstance(text, str):
        raise wrong("python-versions", "a text", Place(str(path)))
    found = poetry_python(text)
    return (
        (found, []) if found is not None else ("", [f"{path}: python-versions {text!r} is not read; any Python counts"])
    )


def _found(packages: Sequence[dict[str, Any]], places: Mapping[str, Place], path: Path) -> Iterator[Found]:
    for package in packages:
        place = Place(str(path))
        name = text_of(package, "name", place)
        place = places.get(name, place)
        version = text_of(package, "version", place)
        optional = package.get("optional", False)
        if not isinstance(optional, bool):
            raise wrong("optional", "true or false", place)
        if "groups" in package and _MAIN not in list_in(package, "groups", place):
            continue
        markers = package.get("markers")
        if not isinstance(markers, str | None):  # one for each group
            markers = table_in(package, "markers", place).get(_MAIN)
        each = pinned(name, version, place, marker_of(markers, place))
        source = table_in(package, "source", place)
        built = BUILT if source and source.get("type") not in _INDEXES else ""
        # Which extra brings a package, and whether it was chosen, is not followed.
        why = f"{version}, with an extra" if optional else built
        yield each._replace(unsure=why) if why else each
