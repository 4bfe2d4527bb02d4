"""From what an index answers to releases: the simple page, filled up from the legacy JSON where it says more. Pure."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from pypi_simple import DistributionPackage, ProjectPage, parse_links_stream

from matrixscan.catalog.types import Release, Wheel

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
_HTML_TYPES = ("", "text/html", "application/vnd.pypi.simple.v1+html")
_TAG_PARTS = 3


class WheelFile(msgspec.Struct, frozen=True):
    """One wheel on an index."""

    filename: str
    version: str  # normal form
    url: str
    sha256: str = ""  # empty where the index does not say
    size: int | None = None  # bytes
    uploaded: dt.datetime | None = None  # UTC
    requires_python: str = ""
    yanked: bool = False
    announced: bool = False  # its METADATA lies beside it (PEP 658)

    @property
    def tags(self) -> str:
        """The compressed tags, as in the file name."""
        return "-".join(self.filename.removesuffix(".whl").split("-")[-_TAG_PARTS:])


class Offer(msgspec.Struct, frozen=True):
    """Files of a package that an index has."""

    index: str  # address of its simple API, without credentials
    wheels: tuple[WheelFile, ...]


def read_page(name: str, content_type: str, body: bytes, url: str) -> tuple[WheelFile, ...]:
    """Return the wheels of a package's simple page.

    Args:
        name: the package, canonical.
        content_type: of the answer.
        body: of the answer.
        url: the page's, for relative links.

    Raises:
        ValueError: this is no simple page.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON_TYPE:
        return _wheels(name, ProjectPage.from_json_data(json.loads(body), url).packages, {})
    if kind not in _HTML_TYPES:
        raise ValueError(f"answers with {kind}, which is neither the JSON nor the HTML of the simple API")
    links = list(parse_links_stream([body], url, "utf-8"))
    # Not in any standard, yet some indexes give it where PEP 700 has a place for it in JSON only.
    times = {link.text: _time(link.get_str_attrib("data-upload-time")) for link in links}
    return _wheels(name, [DistributionPackage.from_link(link, name) for link in links], times)


def _wheels(
    name: str, packages: Iterable[DistributionPackage], times: Mapping[str, dt.datetime | None]
) -> tuple[WheelFile, ...]:
    found = []
    for package in packages:
        version = _version(name, package.filename)
        if version is not None:
            found.append(
                WheelFile(
                    filename=package.filename,
                    version=version,
                    url=package.url,
                    sha256=package.digests.get("sha256", ""),
                    size=package.size,
                    uploaded=_utc(package.upload_time or times.get(package.filename)),
                    requires_python=_specifiers(package.requires_python),
                    yanked=package.is_yanked,
                    announced=bool(package.has_metadata),
                )
            )
    return tuple(found)


def _version(name: str, filename: str) -> str | None:
    if not filename.endswith(".whl"):
        return None
    try:
        found, version, _, _ = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion):
        return None
    return str(version) if found == canonicalize_name(name) else None


def _time(text: str | None) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _utc(moment: dt.datetime | None) -> dt.datetime | None:
    if moment is None:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC).replace(microsecond=0)


def _specifiers(text: str | None) -> str:
    """Return what a file asks of Python; nothing where that cannot be read, as installers do."""
    try:
        return str(SpecifierSet(text or ""))
    except InvalidSpecifier:
        return ""


def lacks_facts(wheels: Sequence[WheelFile]) -> bool:
    """Tell a page that leaves open what the legacy JSON may say: dates, sizes and with them the Python asked for."""
    return any(wheel.size is None or wheel.uploaded is None for wheel in wheels)


def fill(wheels: Iterable[WheelFile], legacy: Mapping[str, Any]) -> tuple[WheelFile, ...]:
    """Return the wheels with what the simple page left open taken from the legacy JSON; the page's own facts stay."""
    known = {file.get("filename"): file for files in (legacy.get("releases") or {}).values() for file in files}
    return tuple(_filled(wheel, known[wheel.filename]) if wheel.filename in known else wheel for wheel in wheels)


def _filled(wheel: WheelFile, file: Mapping[str, Any]) -> WheelFile:
    return msgspec.structs.replace(
        wheel,
        sha256=wheel.sha256 or (file.get("digests") or {}).get("sha256") or "",
        size=wheel.size if wheel.size is not None else file.get("size"),
        uploaded=wheel.uploaded or _utc(_time(file.get("upload_time_iso_8601"))),
        requires_python=wheel.requires_python or _specifiers(file.get("requires_python")),
        yanked=wheel.yanked or bool(file.get("yanked")),
    )


def newest_requires(legacy: Mapping[str, Any]) -> tuple[str, tuple[str, ...]] | None:
    """Return the one version of which the legacy JSON says what it requires; None where it says nothing."""
    info = legacy.get("info") or {}
    listed = info.get("requires_dist")
    if not isinstance(listed, list) or not info.get("version"):
        return None
    try:
        return str(Version(info["version"])), without_extras(listed)
    except InvalidVersion:
        return None


def without_extras(requirements: Iterable[str]) -> tuple[str, ...]:
    """Return requirements in normal form and in order, less those of extras and those that cannot be read."""
    kept = set()
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if not re.search(r"\bextra\b", str(requirement.marker or "")):
            kept.add(str(requirement))
    return tuple(sorted(kept))


def releases_of(wheels: Iterable[WheelFile]) -> tuple[Release, ...]:
    """Return the releases the wheels make up, ascending, without what they require."""
    by_version: dict[str, list[WheelFile]] = {}
    for wheel in wheels:
        by_version.setdefault(wheel.version, []).append(wheel)
    return tuple(_release(text, by_version[text]) for text in sorted(by_version, key=Version))


def _release(version: str, wheels: Sequence[WheelFile]) -> Release:
    yanked = all(wheel.yanked for wheel in wheels)
    offered = [wheel for wheel in wheels if yanked or not wheel.yanked]
    asked = {wheel.requires_python for wheel in offered}
    return Release(
        version=version,
        uploaded=min((wheel.uploaded for wheel in wheels if wheel.uploaded is not None), default=None),
        yanked=yanked,
        # Wheels that disagree leave it to their tags.
        requires_python=asked.pop() if len(asked) == 1 else "",
        wheels=tuple(Wheel(wheel.tags, wheel.size) for wheel in sorted(offered, key=lambda wheel: wheel.filename)),
    )
