"""Releases of packages as an index describes them, and the frozen file that holds what a matrix needs of them."""

from __future__ import annotations

import datetime as dt

import msgspec

#: Number of the lock format. A newer one is refused.
SCHEMA_VERSION = 1


class Wheel(msgspec.Struct, frozen=True, array_like=True):
    """One wheel of a release."""

    tags: str  # the last three parts of the file name, compressed as there: cp38-cp38-manylinux1_x86_64
    size: int | None = None  # bytes; None where the index does not say


class Release(msgspec.Struct, frozen=True, omit_defaults=True):
    """One release of a package. `wheels` and `requires` are only there for releases that a matrix uses."""

    version: str  # normal form
    uploaded: dt.datetime | None = None  # UTC, when its first wheel came; None where the index does not say
    yanked: bool = False  # every wheel of it is
    requires_python: str = ""
    wheels: tuple[Wheel, ...] = ()
    requires: tuple[str, ...] | None = None  # PEP 508 requirements without those of extras; None where unknown


class CatalogLock(msgspec.Struct, frozen=True):
    """What the selectors of a matrix meant on a day: `matrices/<name>.lock.json`. `packages` are sorted by version."""

    schema_version: int
    made: dt.datetime  # UTC
    index: str  # "default", or "custom-" and a digest: an address would name the user's registry
    inputs: str  # digest of what the matrix asked
    chosen: dict[str, dict[str, tuple[str, ...]]]  # axis -> selector -> versions, ascending
    packages: dict[str, tuple[Release, ...]]  # axes, and packages that more than one of them require


class Asked(msgspec.Struct, frozen=True):
    """What a matrix asks of the catalog."""

    products: tuple[dict[str, tuple[str, ...]], ...]  # axis -> exact versions and selectors, as written
    rows: tuple[dict[str, str], ...] = ()  # rows written out, whose releases are described too
    also: tuple[str, ...] = ()  # other packages that the matrix names (companions)
    exclude_newer: dt.date | None = None
    min_age: float = 0.0  # days
    era_grace: float = 30.0  # days
