"""What is installed in a virtual environment, read from its files; its interpreter is not started."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from matrixscan.errors import PinsFileError
from matrixscan.pins.collect import BUILT, Found, pinned, pins_of
from matrixscan.pins.markers import Setting
from matrixscan.pins.types import Pins, Place

#: Where packages lie: as Python itself puts them on POSIX, in 64-bit builds, and on Windows.
_PACKAGES = ("lib/python3.*/site-packages", "lib64/python3.*/site-packages", "Lib/site-packages")
_PYTHON = re.compile(r"^version(?:_info)?\s*=\s*(\d+\.\d+(?:\.\d+)?)", re.MULTILINE)
_FOLDER = re.compile(r"python(\d+\.\d+)")
#: The head of METADATA stands before its first blank line; the text below it may be long.
_HEAD = 1 << 16
#: What installers leave beside METADATA of a package that came from no index (PEP 610).
_ADDRESS = "direct_url.json"


class _Installed(NamedTuple):
    """A package as its files say. `built`: it came from an address or a folder."""

    name: str
    version: str
    file: Path
    built: bool


def read_environment(folder: Path, python: str | None) -> Pins:
    """Read an environment.

    Raises:
        PinsFileError: The folder is none, or has another Python than the one that is meant.
    """
    packages = list({path.resolve(): path for pattern in _PACKAGES for path in sorted(folder.glob(pattern))}.values())
    if not packages:
        fix = "name the folder of an environment, or a file of pins"
        raise PinsFileError(folder, [f"{folder}: no virtual environment (it has no site-packages); {fix}"])
    settings = folder / "pyvenv.cfg"
    text = settings.read_text(encoding="utf-8", errors="replace") if settings.is_file() else ""
    own = _python(text, packages)
    # As far as both say: 3.11 is any 3.11.
    if python and own and any(one != other for one, other in zip(python.split("."), own.split("."), strict=False)):
        raise PinsFileError(folder, [f"{folder}: its Python is {own}, not {python}; correct --python"])
    found, notes = _together(_installed(packages))
    shared = re.search(r"include-system-site-packages\s*=\s*true", text, re.IGNORECASE) is not None
    if shared:
        notes.append(f"{settings}: packages of the system count too, and are not read")
    return pins_of(
        found,
        Setting(python or own),
        source=str(folder),
        kind="environment",
        complete=not shared,
        notes=notes,
    )


def _python(settings: str, packages: Iterable[Path]) -> str | None:
    match = _PYTHON.search(settings)
    if match is not None:
        return match[1]
    folders = [match[1] for path in packages if (match := _FOLDER.fullmatch(path.parent.name))]
    return folders[0] if folders else None


def _installed(packages: Iterable[Path]) -> Iterator[_Installed]:
    for folder in packages:
        for info in sorted(folder.iterdir()):
            if info.suffix == ".egg-link":  # `setup.py develop`: all else of the package lies where it is built
                yield _Installed(info.stem, "0", info, built=True)
            file = _metadata(info)
            if file is not None:
                built = info.suffix == ".egg" or (info / _ADDRESS).exists()
                yield _Installed(*_head(file), file, built)


def _metadata(info: Path) -> Path | None:
    """Return the file that says what a package is, None of all that is none."""
    names = {".dist-info": "METADATA", ".egg-info": "PKG-INFO", ".egg": "EGG-INFO/PKG-INFO"}
    if info.suffix not in names:
        return None
    file = info if info.suffix == ".egg-info" and info.is_file() else info / names[info.suffix]
    return file if file.is_file() else None


def _head(file: Path) -> tuple[str, str]:
    with file.open("rb") as stream:
        head = stream.read(_HEAD).decode("utf-8", errors="replace").replace("\r\n", "\n").partition("\n\n")[0]
    said = dict(line.partition(":")[::2] for line in reversed(head.split("\n")) if line[:1].strip())
    return said.get("Name", "").strip(), said.get("Version", "").strip()


def _together(installed: Iterable[_Installed]) -> tuple[list[Found], list[str]]:
    """Return the packages; one that is there twice, was built or does not say its version is not pinned."""
    found: dict[str, Found] = {}
    notes = []
    for name, version, file, built in installed:
        place = Place(str(file))
        if not name or not (built or _is_version(version)):
            notes.append(f"{file}: says no name or no version; the package is left out")
            continue
        each = pinned(name, version, place)
        if built:
            each = Found(each.name, SpecifierSet(), None, place, BUILT)
        other = found.get(each.name)
        if other is not None and not (built or other.unsure) and other.exact != each.exact:
            notes.append(f"{file}: {name} is there in two versions, {other.exact} and {version}; install it again")
            each = other._replace(unsure="two versions")
        found[each.name] = other if other is not None and other.unsure else each
    return list(found.values()), notes


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
