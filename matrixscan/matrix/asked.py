"""What a matrix asks of the catalog, and what of its reading does not need the answer."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from matrixscan.catalog.expand import Meaning
from matrixscan.catalog.lock import command, inputs_digest, lock_path, policy_of, read_lock
from matrixscan.catalog.selectors import Policy
from matrixscan.catalog.types import Asked, CatalogLock
from matrixscan.matrix.axes import declared_packages
from matrixscan.matrix.companions import read_companions
from matrixscan.matrix.layout import CompanionTable, ReleasesTable
from matrixscan.matrix.problems import Problems, convert, read_table
from matrixscan.matrix.products import Product, read_products
from matrixscan.matrix.rows import Written, read_written
from matrixscan.matrix.types import Companion, Releases

_DAYS = {"d": 1.0, "w": 7.0}


class Sources(NamedTuple):
    """What the rows of a matrix are made of, checked each by itself."""

    declared: frozenset[str]
    releases: Releases
    companions: tuple[Companion, ...]
    products: tuple[Product, ...]
    written: Written

    @property
    def selects(self) -> bool:
        """Tell whether reading the rows takes a lock."""
        return any(product.selects for product in self.products)

    def asked(self) -> Asked:
        """Return what a lock has to answer."""
        return Asked(
            products=tuple(product.axes for product in self.products),
            rows=tuple(row.axes for row in (*self.written.combinations, *self.written.include)),
            also=tuple(sorted({package for companion in self.companions for package in companion.requires})),
            exclude_newer=self.releases.exclude_newer,
            min_age=self.releases.min_age,
            era_grace=self.releases.era_grace,
        )


def read_sources(raw: Mapping[str, Any], problems: Problems) -> Sources:
    """Read what rows are made of; complete only where no problem was added."""
    before = len(problems)
    packages = convert(raw.get("packages", []), tuple[str, ...], "packages", problems)
    declared = declared_packages(packages, problems) if len(problems) == before else frozenset()
    releases = _releases(raw, problems)
    companions = _companions(raw, declared, problems)
    products = read_products(raw.get("axes", {}), declared, problems)
    return Sources(declared, releases, companions, products, read_written(raw, declared, problems))


def _releases(raw: Mapping[str, Any], problems: Problems) -> Releases:
    values = read_table(raw.get("releases", {}), ReleasesTable, "releases", problems)
    for name, key in (("min_age", "min-age"), ("era_grace", "era-grace")):
        if name in values:
            values[name] = days(values[name], f"releases.{key}", problems)
    return Releases(**values)


def days(text: str, path: str, problems: Problems) -> float:
    """Return the days that a text such as '7d' or '2w' means."""
    match = re.fullmatch(r"([0-9]{1,5})([dw])", text)
    if match is None:
        problems.add(path, f"{text!r} is no number of days or weeks (for example '7d' or '2w')")
        return 0.0
    return float(match[1]) * _DAYS[match[2]]


def _companions(raw: Mapping[str, Any], declared: Collection[str], problems: Problems) -> tuple[Companion, ...]:
    before = len(problems)
    tables = convert(raw.get("companions", []), tuple[CompanionTable, ...], "companions", problems)
    return read_companions(tables, declared, problems) if len(problems) == before else ()


def read_catalog(sources: Sources, file: Path, problems: Problems) -> CatalogLock | None:
    """Read the lock beside a matrix file whose rows take one; note where it is missing or answers something else.

    Raises:
        RecordVersionError: a newer matrixscan wrote the lock.
        DamagedFileError: the lock cannot be read.
    """
    path = lock_path(file)
    lock = read_lock(path)
    if lock is None:
        problems.add("axes", f"selectors need {path.name} beside the matrix; make it: {command(file)}")
    elif lock.inputs != inputs_digest(sources.asked()):
        problems.add("axes", f"changed since {path.name} was made; make it again: {command(file)}")
    return lock


def meaning_of(sources: Sources, lock: CatalogLock | None) -> Meaning:
    """Return what the selectors mean by a lock; without one there are exact versions only."""
    if lock is None:
        return Meaning({}, Policy(dt.datetime.min.replace(tzinfo=dt.UTC)))
    return Meaning(lock.packages, policy_of(sources.asked(), lock.made))
