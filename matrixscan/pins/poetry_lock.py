"""Pins of a poetry.lock: every package of the main group whose markers hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matrixscan.pins.collect import Found, pinned, pins_of
from matrixscan.pins.files import marker_of, package_places, parse_toml, read_text, tables_of, text_of
from matrixscan.pins.markers import Setting
from matrixscan.pins.types import Pins, Place

_MAIN = "main"


def read_poetry_lock(path: Path, python: str | None) -> Pins:
    """Read what a lock would install.

    Raises:
        PinsFileError: It is no such lock.
    """
    text = read_text(path)
    document = parse_toml(text, path)
    places = package_places(text, path)
    packages = tables_of(document, "package", path)
    return pins_of(
        _found(packages, places, path),
        # Poetry's `python-versions` is no PEP 440 specifier ("^3.8"), so it narrows nothing.
        Setting(python),
        source=str(path),
        kind="poetry-lock",
        complete=True,
    )


def _found(packages: list[dict[str, Any]], places: dict[str, Place], path: Path) -> Iterator[Found]:
    for package in packages:
        place = Place(str(path))
        name = text_of(package, "name", place)
        place = places.get(name, place)
        version = text_of(package, "version", place)
        if package.get("optional") or _MAIN not in package.get("groups", [_MAIN]):
            continue
        markers = package.get("markers", "")
        if not isinstance(markers, str):  # one for each group
            markers = markers.get(_MAIN, "")
        yield pinned(name, version, place, marker_of(markers, place))
