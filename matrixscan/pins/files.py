"""Reading texts and TOML with errors that name file, line and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker

from matrixscan.errors import PinsFileError
from matrixscan.pins.types import Place

_NAME_LINE = re.compile(r"""^name\s*=\s*["']([^"']+)["']""", re.MULTILINE)


def read_text(path: Path) -> str:
    """Return a text without a byte order mark; line ends stay as they are.

    Raises:
        PinsFileError: It is no UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PinsFileError(path, [f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8"]) from error


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """Return a TOML document.

    Raises:
        PinsFileError: It is none; the message has the line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PinsFileError(path, [f"{path}: not TOML: {error}"]) from error


def package_places(text: str, path: Path) -> dict[str, Place]:
    """Return where the `name` of each table stands; the first of several alike."""
    places: dict[str, Place] = {}
    line, seen = 1, 0
    for match in _NAME_LINE.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        places.setdefault(match[1], Place(str(path), line))
    return places


def marker_of(text: Any, place: Place) -> Marker | None:
    """Return a marker.

    Raises:
        PinsFileError: It is none.
    """
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise wrong("marker", "a text", place)
    try:
        return Marker(text)
    except InvalidMarker as error:
        words = str(error).partition("\n")[0]
        raise PinsFileError(place.file, [f"{place}: {text!r} is no environment marker: {words}"]) from error


def text_of(table: Mapping[str, Any], key: str, place: Place) -> str:
    """Return a text that has to be there.

    Raises:
        PinsFileError: It is not.
    """
    value = table.get(key)
    if not isinstance(value, str):
        raise PinsFileError(
            place.file, [f"{place}: a package without a `{key}`; lock again with the tool that made it"]
        )
    return value


def tables_of(document: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    """Return an array of tables.

    Raises:
        PinsFileError: It is something else, or is missing.
    """
    tables = document.get(key)
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise PinsFileError(path, [f"{path}: no [[{key}]] tables; is it the file of another tool?"])
    return tables


def table_in(table: Mapping[str, Any], key: str, place: Place) -> dict[str, Any]:
    """Return a table that may be missing.

    Raises:
        PinsFileError: It is something else.
    """
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise wrong(key, "a table", place)
    return value


def list_in(table: Mapping[str, Any], key: str, place: Place, kind: type = str) -> list[Any]:
    """Return an array that may be missing, its members being of one kind.

    Raises:
        PinsFileError: It is something else, or a member is.
    """
    value = table.get(key, [])
    if not isinstance(value, list):
        raise wrong(key, "an array", place)
    for each in value:
        if not isinstance(each, kind):
            what = "table" if kind is dict else "text"
            raise PinsFileError(place.file, [f"{place}: {each!r} in {key} is no {what}"])
    return value


def wrong(key: str, kind: str, place: Place) -> PinsFileError:
    """Return the error of a value that is of another type than its key has."""
    return PinsFileError(place.file, [f"{place}: `{key}` has to be {kind}; correct it, or make the file again"])
