"""The lock of a matrix: what its selectors meant on a day, and what is known of the releases they mean."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from packaging.utils import canonicalize_name

from matrixscan.catalog.expand import Meaning, selector_of, versions_of
from matrixscan.catalog.selectors import Policy, SelectorError, version
from matrixscan.catalog.types import SCHEMA_VERSION, Asked, CatalogLock, Release
from matrixscan.errors import DamagedFileError, RecordVersionError, SelectionError

SUFFIX = ".lock.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Source(Protocol):
    """What a lock is made from; `index.Index` is one."""

    @property
    def name(self) -> str:
        """Tells indexes apart and says no address."""

    def releases(self, names: Collection[str], /, *, absent: bool = False) -> Mapping[str, tuple[Release, ...]]:
        """Return package -> its releases that have wheels, ascending; `absent`: without packages there are not."""

    def requires(self, wanted: Mapping[str, Collection[str]], /) -> Mapping[str, Mapping[str, tuple[str, ...] | None]]:
        """Return package -> version -> what it requires; None where nobody says."""


def lock_path(matrix: Path) -> Path:
    """Return where the lock of a matrix file lies."""
    return matrix.with_name(matrix.stem + SUFFIX)


def command(matrix: Path) -> str:
    """Return the command that makes the lock of a matrix file."""
    return f"nox -s lock -- {matrix.stem}"


def inputs_digest(asked: Asked) -> str:
    """Return the digest of all that a lock answers."""
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()[:32]


def policy_of(asked: Asked, made: dt.datetime) -> Policy:
    """Return the policy of a matrix's selectors in a lock made then."""
    return Policy(made, asked.exclude_newer, asked.min_age, asked.era_grace)


def make_lock(asked: Asked, index: Source, now: dt.datetime) -> CatalogLock:
    """Ask the index what the selectors of a matrix mean.

    Args:
        asked: what the matrix asks.
        index: where releases are looked up.
        now: UTC.

    Raises:
        SelectionError: a selector means no release.
        NoSuchPackageError: an axis is no package of any index.
        IndexUnreachableError: an index does not answer and did not earlier.
    """
    now = now.replace(microsecond=0)
    packages = dict(index.releases(sorted(_axes(asked))))
    meaning = Meaning(packages, policy_of(asked, now))
    chosen, used = _choose(asked, meaning)
    requires = index.requires(used)
    shared = (_shared(requires) | set(asked.also)) - set(packages)
    found = {
        name: tuple(_light(release, used[name], requires[name]) for release in releases)
        for name, releases in packages.items()
    }
    for name, releases in index.releases(sorted(shared), absent=True).items():
        found[name] = tuple(_bare(release) for release in releases if not release.yanked)
    return CatalogLock(SCHEMA_VERSION, now, index.name, inputs_digest(asked), chosen, found)


def _axes(asked: Asked) -> set[str]:
    return set().union(*asked.products, *asked.rows) - {"python"}


def _choose(asked: Asked, meaning: Meaning) -> tuple[dict[str, dict[str, tuple[str, ...]]], dict[str, set[str]]]:
    """Return what the selectors mean, and the releases that rows can use, both by axis."""
    chosen: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    used: dict[str, set[str]] = {axis: set() for axis in _axes(asked)}
    problems = []
    for product in asked.products:
        try:
            means = versions_of(product, meaning)
        except SelectorError as error:
            problems.append(str(error))
            continue
        for axis, text, versions in ((a, t, v) for a, texts in means.items() for t, v in texts.items()):
            if selector_of(axis, text) is not None:
                # Two products may give one era selector other anchors.
                chosen[axis][text] = tuple(sorted({*chosen[axis].get(text, ()), *versions}, key=version))
            if axis in used:
                used[axis].update(versions)
    for row in asked.rows:
        for axis in set(row) & set(used):
            used[axis].add(row[axis])
    if problems:
        raise SelectionError(problems)
    return dict(chosen), {axis: _spelled(versions, meaning.packages[axis]) for axis, versions in used.items()}


def _spelled(versions: Iterable[str], releases: Sequence[Release]) -> set[str]:
    """Return versions as the catalog spells them (2.4 is 2.4.0), without those it does not have."""
    wanted = {version(text) for text in versions}
    return {release.version for release in releases if version(release.version) in wanted}


def _light(release: Release, used: Collection[str], requires: Mapping[str, tuple[str, ...] | None]) -> Release:
    if release.version in used:
        return msgspec.structs.replace(release, requires=requires[release.version])
    return Release(release.version, release.uploaded, release.yanked)


def _bare(release: Release) -> Release:
    return Release(release.version, release.uploaded, requires_python=release.requires_python)


def _shared(requires: Mapping[str, Mapping[str, tuple[str, ...] | None]]) -> set[str]:
    """Return the packages that more than one of the axes require: where they meet, versions can conflict."""
    askers: dict[str, set[str]] = defaultdict(set)
    for axis, by_version in requires.items():
        for requirement in (text for texts in by_version.values() for text in texts or ()):
            name = _NAME.match(requirement)
            if name:
                askers[canonicalize_name(name.group())].add(axis)
    return {name for name, axes in askers.items() if len(axes) > 1}


def lock_text(lock: CatalogLock) -> str:
    """Return a lock as it is kept: sorted JSON, one release a line, so that a difference can be read."""
    head = {"schema_version": lock.schema_version, "made": msgspec.to_builtins(lock.made)}
    head |= {"index": lock.index, "inputs": lock.inputs}
    lines = ["{", *(f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items())]
    chosen = {axis: dict(sorted(texts.items())) for axis, texts in sorted(lock.chosen.items())}
    lines += [
        '  "chosen": {',
        *_commas(f"    {json.dumps(axis)}: {json.dumps(chosen[axis])}" for axis in chosen),
        "  },",
    ]
    packages = []
    for name in sorted(lock.packages):
        releases = (f"      {msgspec.json.encode(release).decode()}" for release in lock.packages[name])
        packages.append("\n".join([f"    {json.dumps(name)}: [", *_commas(releases), "    ]"]))
    return "\n".join([*lines, '  "packages": {', *_commas(packages), "  }", "}"]) + "\n"


def _commas(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [line + "," for line in found[:-1]] + found[-1:]


def read_lock(path: Path) -> CatalogLock | None:
    """Read a lock; None where there is none.

    Raises:
        RecordVersionError: a newer matrixscan wrote it.
        DamagedFileError: it is no lock.
    """
    fix = f"make it again: {command(path.with_name(path.name.removesuffix(SUFFIX) + '.toml'))}"
    try:
        body = path.read_bytes()
        found = msgspec.json.decode(body, type=_Numbered).schema_version
        if found > SCHEMA_VERSION:
            raise RecordVersionError(path, found, SCHEMA_VERSION)
        return msgspec.json.decode(body, type=CatalogLock)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedFileError(path, error.strerror or str(error), fix) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(path, str(error), fix) from None


class _Numbered(msgspec.Struct):
    schema_version: int


def news(old: CatalogLock, new: CatalogLock) -> tuple[str, ...]:
    """Say what changed on the index between two locks, and what selectors mean since: for packages that are axes."""
    lines = []
    for name in sorted(set(old.packages) & set(new.packages)):
        if name in new.chosen or any(release.wheels for release in new.packages[name]):
            lines += _releases_news(name, old, new)
    for axis in sorted(set(old.chosen) & set(new.chosen)):
        for text in sorted(set(old.chosen[axis]) & set(new.chosen[axis])):
            lines += _meaning_news(f"{axis} '{text}'", old.chosen[axis][text], new.chosen[axis][text])
    return tuple(lines)


def _releases_news(name: str, old: CatalogLock, new: CatalogLock) -> list[str]:
    before = {release.version: release for release in old.packages[name]}
    after = {release.version: release for release in new.packages[name]}
    fresh = [text for text in after if text not in before]
    gone = [text for text in before if text not in after]
    yanked = [text for text, found in after.items() if found.yanked and text in before and not before[text].yanked]
    back = [text for text, found in after.items() if not found.yanked and text in before and before[text].yanked]
    lines = [f"{name}: new on the index: {', '.join(fresh)}"] if fresh else []
    lines += [f"{name} {text} is gone from the index{_used(before[text])}" for text in gone]
    lines += [f"{name} {text} was yanked{_used(before[text])}" for text in yanked]
    return lines + [f"{name} {text} is no longer yanked" for text in back]


def _used(release: Release) -> str:
    return "; the lock before used it" if release.wheels else ""


def _meaning_news(what: str, old: Sequence[str], new: Sequence[str]) -> list[str]:
    more = [text for text in new if text not in old]
    less = [text for text in old if text not in new]
    parts = ([f"now also {', '.join(more)}"] if more else []) + ([f"no longer {', '.join(less)}"] if less else [])
    return [f"{what}: {'; '.join(parts)}"] if parts else []
