"""Requirements, wherever they were found, put together to pins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from matrixscan.errors import PinsFileError
from matrixscan.pins.markers import Setting
from matrixscan.pins.types import Pins, Place

#: What is said of a package whose version only its build knows.
BUILT = "from a URL or a folder"


class Found(NamedTuple):
    """One requirement as it stands somewhere. `name` is canonical."""

    name: str
    specifier: SpecifierSet
    marker: Marker | None
    place: Place
    unsure: str = ""  # why no version can be said, whatever the specifier is

    @property
    def exact(self) -> str | None:
        """Return the version it is pinned to, None if it leaves a choice."""
        if self.unsure:
            return None
        pins = [version for each in self.specifier if (version := exact_version(each)) is not None]
        return pins[0] if pins else None


def exact_version(specifier: Specifier) -> str | None:
    """Return the version of `==1.2` and `===1.2`, None of anything else."""
    if specifier.operator not in {"==", "==="} or specifier.version.endswith(".*"):
        return None
    try:
        Version(specifier.version)
    except InvalidVersion:
        return None
    return specifier.version


def found_of(requirement: Requirement, place: Place) -> Found:
    """Return a parsed requirement as one that was found."""
    name = canonicalize_name(requirement.name)
    return Found(name, requirement.specifier, requirement.marker, place, BUILT if requirement.url else "")


def pinned(name: str, version: str, place: Place, marker: Marker | None = None) -> Found:
    """Return what a lock or an environment says of a package."""
    try:
        return Found(canonicalize_name(name), SpecifierSet(f"==={version}"), marker, place)
    except InvalidSpecifier:
        return Found(canonicalize_name(name), SpecifierSet(), marker, place, f"{version!r}, which is no version")


def pins_of(
    found: Iterable[Found],
    setting: Setting,
    *,
    source: str,
    kind: str,
    complete: bool = False,
    requires_python: str = "",
    notes: Sequence[str] = (),
) -> Pins:
    """Put requirements together, as far as their markers hold.

    Raises:
        PinsFileError: Two of them pin a package to different versions, or a pin is outside of what another one allows.
    """
    groups: dict[str, list[tuple[Found, bool | None]]] = {}
    for each in found:
        counts = setting.holds(each.marker)
        if counts is not False:
            groups.setdefault(each.name, []).append((each, counts))
    versions, loose, problems = {}, {}, []
    for name, group in groups.items():
        if all(counts and not each.unsure for each, counts in group):
            members = [each for each, _ in group]
            problem = _contradiction(name, members)
            problems += [problem] if problem else []
            version = _most_exact(members)
            if version is not None:
                versions[name] = version
                continue
        loose[name] = ", ".join(dict.fromkeys(_words(each, counts) for each, counts in group))
    if problems:
        raise PinsFileError(source, problems)
    return Pins(
        source=source,
        kind=kind,
        python=setting.python,
        versions=versions,
        loose=loose,
        places={name: group[0][0].place for name, group in groups.items()},
        complete=complete,
        requires_python=requires_python,
        by_python=setting.undecided,
        notes=tuple(dict.fromkeys(notes)),
    )


def _most_exact(members: Sequence[Found]) -> str | None:
    """Return the version, with a local label if any of them names one."""
    exact = [each.exact for each in members if each.exact is not None]
    return max(exact, key=lambda version: "+" in version, default=None)


def _contradiction(name: str, members: Sequence[Found]) -> str | None:
    pins = [each for each in members if each.exact is not None]
    for pin in pins:
        version = Version(str(pin.exact))
        for other in members:
            if other.exact is not None and Version(other.exact).public != version.public:
                return f"{other.place}: {name} is pinned to {other.exact}, and to {pin.exact} at {pin.place}; keep one"
            if not _allows(other.specifier, version):
                return f"{other.place}: {name}{other.specifier} does not allow {pin.exact}, pinned at {pin.place}"
    return None


def _allows(specifier: SpecifierSet, version: Version) -> bool:
    """Return whether the specifiers that are no pins allow a version."""
    return all(each.contains(version, prereleases=True) or exact_version(each) is not None for each in specifier)


def _words(each: Found, counts: bool | None) -> str:
    text = each.unsure or str(each.specifier).replace("===", "==") or "any version"
    return text if counts else f"{text} where {each.marker}"
