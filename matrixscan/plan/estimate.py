"""What a scan will download, hold on the disk and take, before any of it happens."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

import msgspec

from matrixscan.catalog.types import CatalogLock, Release
from matrixscan.plan.ids import combination_id
from matrixscan.plan.wheels import Platform, best_wheel

# Bytes on the disk per byte of the wheel, from the files of installed wheels against the wheels' sizes: torch 1.11.0
# and 2.15.0 2.2, cuDNN 1.5, cuBLAS 1.5, triton 2.8, onnxruntime 1.16.1, 1.19.2 and 1.31.1 2.7 to 2.9, onnx 1.14.1,
# 1.17.0 and 1.23.2 3.0 to 3.4, numpy 1.24.4 and 2.5.5 3.5 to 3.6, sympy 4.8. What is too high costs a refusal, what is
# too low a full disk, so these lie above most.
_UNPACKED = 3.5
_UNPACKED_LARGE = 2.3
_LARGE = 400_000_000  # bytes; libraries for GPUs, which are packed less well
# Folders and small files of an environment whose packages are links into uv's cache: 11 to 19 MB were measured.
_PER_ENVIRONMENT = 20_000_000

_TENTH = 100_000_000  # bytes of a tenth of a GB
_MINUTE = 60

Row = Mapping[str, str]


class Estimate(msgspec.Struct, frozen=True):
    """Figures for a set of combinations. Where something is unknown the bytes are the least it can be."""

    combinations: int
    download_bytes: int
    disk_bytes: int
    largest_bytes: int  # on the disk, of the largest combination by itself
    seconds: float | None  # None without an earlier record
    unknown: tuple[str, ...]  # name==version without a size, or whose dependencies nobody has seen


class _Wheels(msgspec.Struct):
    """What was added up: bytes of every wheel by its name, and what is missing."""

    sizes: dict[str, int] = {}
    unknown: set[str] = set()


def estimate(
    rows: Sequence[Row],
    catalog: CatalogLock,
    where: Platform,
    *,
    spent: Mapping[str, float],
    others: Mapping[str, Mapping[str, int]] | None = None,
    present: Sequence[Row] = (),
    jobs: int = 1,
    linked: bool = True,
) -> Estimate:
    """Add up the wheels and the time of combinations.

    Args:
        rows: the combinations that are still to be scanned.
        catalog: knows the sizes of the wheels of axes.
        where: the machine that scans.
        spent: combination id -> seconds, from earlier records. Combinations without a record count as the median.
        others: `name==version` of an axis -> `name==version` -> bytes of the wheels that are no axis and were locked
            together with it. Each counts once.
        present: combinations whose packages are in uv's cache already.
        jobs: how many combinations are scanned at a time.
        linked: environments are links into uv's cache; False where they are copies, for example on another disk.
    """
    releases = {(name, release.version): release for name, some in catalog.packages.items() for release in some}
    wheels = [_wheels(row, releases, where, others or {}) for row in rows]
    sizes = {name: size for one in wheels for name, size in one.sizes.items()}
    for row in present:
        for name in _wheels(row, releases, where, others or {}).sizes:
            sizes.pop(name, None)
    unpacked = [sum(map(_unpacked, one.sizes.values())) for one in wheels]
    return Estimate(
        combinations=len(rows),
        download_bytes=sum(sizes.values()),
        disk_bytes=sum(map(_unpacked, sizes.values()))
        + len(rows) * _PER_ENVIRONMENT
        + (0 if linked else sum(unpacked)),
        largest_bytes=(1 if linked else 2) * max(unpacked, default=0) + _PER_ENVIRONMENT,
        seconds=_seconds(rows, spent, jobs),
        unknown=tuple(sorted({pin for one in wheels for pin in one.unknown})),
    )


def words(figures: Estimate) -> str:
    """Say an estimate: `at least 12.4 GB to download, 41.0 GB of disk, about 3:20 h for 38 combinations`."""
    least = "at least " if figures.unknown else ""
    download, disk = gigabytes(figures.download_bytes), gigabytes(figures.disk_bytes)
    time = "time unknown" if figures.seconds is None else f"about {hours(figures.seconds)} h"
    count = f"{figures.combinations} combination{'' if figures.combinations == 1 else 's'}"
    return f"{least}{download} to download, {least}{disk} of disk, {time} for {count}"


def disk_problem(figures: Estimate, free_bytes: int) -> str | None:
    """Say what is missing where the disk will not hold the environments, or return None."""
    if figures.disk_bytes <= free_bytes:
        return None
    least = "at least " if figures.unknown else "about "
    text = f"needs {least}{gigabytes(figures.disk_bytes)} of disk, {free_bytes // _TENTH / 10:.1f} GB are free"
    if figures.largest_bytes <= free_bytes:
        return (
            f"{text}; removing each environment and its wheels as it goes, {gigabytes(figures.largest_bytes)} at a time"
        )
    return f"{text}; the largest combination alone takes {least}{gigabytes(figures.largest_bytes)}"


def gigabytes(count: float) -> str:
    """Return bytes as `12.4 GB` (10^9 bytes), rounded up."""
    return f"{math.ceil(count / _TENTH) / 10:.1f} GB"


def hours(seconds: float) -> str:
    """Return a duration as h:mm, rounded up to a minute."""
    minutes = math.ceil(seconds / _MINUTE)
    return f"{minutes // _MINUTE}:{minutes % _MINUTE:02d}"


def _wheels(
    row: Row, releases: Mapping[tuple[str, str], Release], where: Platform, others: Mapping[str, Mapping[str, int]]
) -> _Wheels:
    found = _Wheels()
    for name, version in row.items():
        pin = f"{name}=={version}"
        release = releases.get((name, version))
        if name == "python":
            continue
        wheel = best_wheel(release.wheels, row["python"], where) if release else None
        if wheel is None or wheel.size is None:
            found.unknown.add(pin)
        else:
            found.sizes[f"{pin} {wheel.tags}"] = wheel.size
        if pin in others:
            found.sizes |= others[pin]
        elif release is None or release.requires != ():
            found.unknown.add(pin)
    return found


def _unpacked(size: int) -> int:
    return round(size * (_UNPACKED_LARGE if size >= _LARGE else _UNPACKED))


def _seconds(rows: Sequence[Row], spent: Mapping[str, float], jobs: int) -> float | None:
    if not spent:
        return None
    usual = statistics.median(spent.values())
    return sum(spent.get(combination_id(row), usual) for row in rows) / jobs
