"""Which releases of a package can be had here: what the index offers, or what the matrix's lock knows of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence

from matrixscan.catalog.selectors import version
from matrixscan.catalog.types import Release
from matrixscan.errors import IndexUnreachableError
from matrixscan.plan.types import Plan
from matrixscan.plan.wheels import Platform, best_wheel, runs_on, this_platform


def usable_releases(
    axis: str, plan: Plan, pythons: Collection[str], *, named: Collection[str] = (), pre: bool = False
) -> tuple[Release, ...]:
    """Return the releases of a package for some of these Pythons on this machine, ascending.

    Args:
        axis: The package.
        plan: Of the matrix whose lock is asked where no index answers.
        pythons: Of the matrix: `3.11`.
        named: Versions that are wanted, whatever is said of them.
        pre: Pre-releases too.

    Raises:
        NoSuchPackageError: No index has the package.
        IndexUnreachableError: An index does not answer, did not earlier, and the matrix has no lock that helps.
    """
    where = this_platform()
    kept = [
        release
        for release in _known(axis, plan)
        if release.version in named or _usable(release, pythons, where, pre=pre)
    ]
    missing = set(named) - {release.version for release in kept}
    return tuple(sorted((*kept, *map(Release, missing)), key=lambda release: version(release.version)))


def _usable(release: Release, pythons: Iterable[str], where: Platform, *, pre: bool) -> bool:
    if release.yanked or (version(release.version).is_prerelease and not pre):
        return False
    wheels = release.wheels
    return any(
        runs_on(release.requires_python, python) and (not wheels or best_wheel(wheels, python, where) is not None)
        for python in pythons
    )


def _known(axis: str, plan: Plan) -> Sequence[Release]:
    from matrixscan.catalog.index import Index  # noqa: PLC0415  HTTP takes longer to import than most commands take

    locked = plan.matrix.catalog.packages.get(axis, ()) if plan.matrix.catalog else ()
    try:
        with Index() as index:
            return index.releases([axis])[axis]
    except IndexUnreachableError:
        if not locked:
            raise
        return locked


def last_of_minors(releases: Iterable[Release]) -> tuple[Release, ...]:
    """Return the latest patch of each minor release, ascending."""
    found: dict[tuple[int, ...], Release] = {}
    for release in sorted(releases, key=lambda release: version(release.version)):
        found[(version(release.version).epoch, *version(release.version).release[:2])] = release
    return tuple(found.values())


def of_the_time(releases: Iterable[Release], day: dt.datetime | None, grace: float) -> Release | None:
    """Return the newest release that was there on a day and some days of grace, None where nobody knows."""
    if day is None:
        return None
    end = day + dt.timedelta(days=grace)
    there = [release for release in releases if release.uploaded is not None and release.uploaded <= end]
    return max(there, key=lambda release: version(release.version), default=None)
