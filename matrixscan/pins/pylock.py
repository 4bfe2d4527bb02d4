"""Pins of a lock as PEP 751 defines it: pylock.toml, pylock.NAME.toml."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError
from packaging.specifiers import SpecifierSet

from matrixscan.errors import PinsFileError
from matrixscan.pins.collect import BUILT, Found, pins_of
from matrixscan.pins.files import package_places, parse_toml, read_text
from matrixscan.pins.markers import Setting, extras_of
from matrixscan.pins.requires import refuse_other_python
from matrixscan.pins.types import Pins, Place


def read_pylock(path: Path, python: str | None, extras: Collection[str]) -> Pins:
    """Read what a lock would install.

    Raises:
        PinsFileError: It is no such lock, or not one for the Python that is meant.
    """
    text = read_text(path)
    lock = _parsed(text, path)
    requires = str(lock.requires_python or "")
    setting = Setting(python, requires, extras_of(extras, lock.default_groups or ()))
    refuse_other_python(path, requires, setting)
    return pins_of(
        _found(lock, setting, package_places(text, path), path),
        setting,
        source=str(path),
        kind="pylock",
        complete=True,
        requires_python=requires,
        notes=_elsewhere(lock, python, path),
    )


def _parsed(text: str, path: Path) -> Pylock:
    try:
        return Pylock.from_dict(parse_toml(text, path))
    except PylockUnsupportedVersionError as error:
        raise PinsFileError(path, [f"{path}: {error}; update matrixscan and packaging"]) from error
    except PylockValidationError as error:
        raise PinsFileError(path, [f"{path}: {error}; lock again with the tool that made it"]) from error


def _found(lock: Pylock, setting: Setting, places: Mapping[str, Place], path: Path) -> Iterator[Found]:
    """Yield the packages; where one has entries for several Pythons, `requires-python` chooses as a marker would."""
    for package in lock.packages:
        if package.requires_python and setting.admits(str(package.requires_python)) is False:
            continue
        exact = f"==={package.version}" if package.version else ""
        # Of these a version is what their source said when it was locked: no release of that name has to be the same.
        built = package.vcs or package.directory or package.archive or not exact
        place = places.get(package.name, Place(str(path)))
        yield Found(package.name, SpecifierSet(exact), package.marker, place, unsure=BUILT if built else "")


def _elsewhere(lock: Pylock, python: str | None, path: Path) -> list[str]:
    setting = Setting(python)
    if not lock.environments or any(setting.holds(marker) is not False for marker in lock.environments):
        return []
    return [f"{path}: locked for other machines than this one; markers are read as they are here"]
