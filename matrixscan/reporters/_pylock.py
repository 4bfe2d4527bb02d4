"""A PEP 751 lock of one certified combination, with the addresses of one user's index. It belongs in no repository."""

from __future__ import annotations

from collections.abc import Mapping

import tomli_w
from packaging.markers import Marker
from packaging.pylock import Package, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from matrixscan.analysis.ranking import minor
from matrixscan.catalog.pages import Offer, WheelFile

_VERSION = Version("1.0")
#: PEP 508's words for what `platform.system()` says.
_SYSTEMS = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}


def pylock_name(combination: str) -> str:
    """Return the file name; between `pylock.` and `.toml` PEP 751 allows no dot."""
    return f"pylock.{combination.replace('.', '_')}.toml"


def render_pylock(
    python: str, platform: Mapping[str, str], packages: Mapping[str, str], offers: Mapping[str, Offer]
) -> str:
    """Return the lock, for one Python minor and the kind of machine it was measured on.

    Args:
        python: version.
        platform: `system` and `machine` of the record.
        packages: name -> version.
        offers: normalised name -> the files of the lock that the index has.
    """
    lock = Pylock(
        lock_version=_VERSION,
        created_by="matrixscan",
        requires_python=SpecifierSet(f"=={minor(python)}.*"),
        environments=_environments(platform),
        packages=[
            _package(canonicalize_name(name), version, offers[canonicalize_name(name)])
            for name, version in sorted(packages.items())
        ],
    )
    lock.validate()
    return tomli_w.dumps(lock.to_dict(), multiline_strings=False)


def _environments(platform: Mapping[str, str]) -> list[Marker] | None:
    parts = []
    if platform.get("system") in _SYSTEMS:
        parts.append(f"sys_platform == '{_SYSTEMS[platform['system']]}'")
    if platform.get("machine"):
        parts.append(f"platform_machine == '{platform['machine']}'")
    return [Marker(" and ".join(parts))] if parts else None


def _package(name: NormalizedName, version: str, offer: Offer) -> Package:
    return Package(
        name=name, version=Version(version), index=offer.index, wheels=[_wheel(wheel) for wheel in offer.wheels]
    )


def _wheel(wheel: WheelFile) -> PackageWheel:
    return PackageWheel(
        name=wheel.filename,
        url=wheel.url,
        upload_time=wheel.uploaded,
        size=wheel.size,
        hashes={"sha256": wheel.sha256},
    )
