"""Which combinations cannot be, told from the catalog alone. In doubt a combination is feasible."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from matrixscan.catalog.types import CatalogLock, Release
from matrixscan.plan.wheels import Infeasible, Platform, best_wheel, markers_of, no_wheel, runs_on

#: In the order in which they are looked for; of several that hold, the first is named.
RULES = ("yanked-or-gone", "requires-python", "wheel-tags", "declared-dependency")
_COMPANIONS = "a companion rule"


def check_row(
    row: Mapping[str, str], requirements: Mapping[str, str], catalog: CatalogLock, where: Platform
) -> Infeasible | None:
    """Say why a combination cannot be, or None where it can or nobody knows.

    Args:
        row: axis -> version; `python` is one of the axes.
        requirements: package -> PEP 440 specifiers, what the environment asks for besides the axes.
        catalog: what is known of releases; what it lacks makes no combination infeasible.
        where: the machine that scans.
    """
    return check_rows([(row, requirements)], catalog, where)[0]


def check_rows(
    asked: Iterable[tuple[Mapping[str, str], Mapping[str, str]]], catalog: CatalogLock, where: Platform
) -> tuple[Infeasible | None, ...]:
    """Answer as `check_row` does for many pairs of a row and its requirements, looking at every release once."""
    checker = _Checker(catalog, where)
    return tuple(checker.check(row, requirements) for row, requirements in asked)


class _Checker:
    """Remembers what it found of releases and of what is asked of them."""

    def __init__(self, catalog: CatalogLock, where: Platform) -> None:
        self._where = where
        self._releases: dict[str, dict[Version, Release]] = {
            name: {_version(release.version): release for release in releases}
            for name, releases in catalog.packages.items()
        }
        self._alone: dict[tuple[str, str, str], Infeasible | None] = {}
        self._needs: dict[tuple[str, str, str], tuple[tuple[str, str], ...]] = {}
        self._empty: dict[tuple[str, str, tuple[str, ...]], tuple[str, ...] | None] = {}

    def check(self, row: Mapping[str, str], requirements: Mapping[str, str]) -> Infeasible | None:
        """See `check_row`."""
        python = row["python"]
        packages = [(name, version) for name, version in row.items() if name != "python"]
        found = [problem for name, version in packages if (problem := self._release(name, version, python))]
        if found:
            return min(found, key=lambda problem: RULES.index(problem.rule))
        return self._dependencies(row, self._wanted(packages, requirements, python), python)

    def _find(self, name: str, version: str) -> Release | None:
        return self._releases.get(name, {}).get(_version(version))

    def _release(self, name: str, version: str, python: str) -> Infeasible | None:
        """Judge one release by itself."""
        key = (name, version, python)
        if key not in self._alone:
            self._alone[key] = self._judge(name, version, python)
        return self._alone[key]

    def _judge(self, name: str, version: str, python: str) -> Infeasible | None:
        release = self._find(name, version)
        if release is None:
            # Builds with a local part (+cpu) come from other indexes than the one the catalog saw.
            unknown = not self._releases.get(name) or _version(version).local
            return None if unknown else Infeasible("yanked-or-gone", f"the index has no wheel of {name} {version}")
        if not runs_on(release.requires_python, python):
            words = f"{name} {version} asks for Python {release.requires_python}, this row has {python}"
            return Infeasible("requires-python", words)
        if release.wheels and best_wheel(release.wheels, python, self._where) is None:
            return Infeasible("wheel-tags", no_wheel(name, release, python, self._where))
        return None

    def _wanted(
        self, packages: Sequence[tuple[str, str]], requirements: Mapping[str, str], python: str
    ) -> Mapping[str, list[tuple[str, str]]]:
        """Return package -> who asks for it, and for what."""
        wanted: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, version in packages:
            for target, specifiers in self._needs_of(name, version, python):
                wanted[target].append((f"{name} {version}", specifiers))
        for target, specifiers in requirements.items():
            wanted[canonicalize_name(target)].append((_COMPANIONS, specifiers))
        return wanted

    def _needs_of(self, name: str, version: str, python: str) -> tuple[tuple[str, str], ...]:
        key = (name, version, python)
        if key not in self._needs:
            release = self._find(name, version)
            lines = (release and release.requires) or ()
            self._needs[key] = tuple(_certain(lines, python, self._where))
        return self._needs[key]

    def _dependencies(
        self, row: Mapping[str, str], wanted: Mapping[str, Sequence[tuple[str, str]]], python: str
    ) -> Infeasible | None:
        for target, askers in wanted.items():
            if target in row:
                words = next(
                    (_refusal(target, row[target], *asker) for asker in askers if _refuses(row, target, asker)), ""
                )
            else:
                words = self._third(target, askers, python)
            if words:
                return Infeasible("declared-dependency", words)
        return None

    def _third(self, target: str, askers: Sequence[tuple[str, str]], python: str) -> str:
        """Say who cannot agree on a package that is no axis, or return an empty text."""
        asked = tuple(sorted({specifiers for _, specifiers in askers}))
        key = (target, python, asked)
        if key not in self._empty:
            self._empty[key] = self._disagreement(target, python, asked)
        culprits = self._empty[key]
        if culprits is None:
            return ""
        sides = [next(f"{who} asks for {target} {text}" for who, text in askers if text == one) for one in culprits]
        return f"{' and '.join(sides)}, and no release of {target} for Python {python} fits"

    def _disagreement(self, target: str, python: str, asked: Sequence[str]) -> tuple[str, ...] | None:
        """Return the fewest of the specifiers that no release fits together, or None where one fits all."""
        known = self._releases.get(target, {})
        fitting = [version for version, release in known.items() if self._installs(release, python)]
        if not known or any(_doubtful(specifiers, known) for specifiers in asked):
            return None
        if any(all(_allows(specifiers, version) for specifiers in asked) for version in fitting):
            return None
        for count in (1, 2):
            for some in itertools.combinations(asked, count):
                if not any(all(_allows(specifiers, version) for specifiers in some) for version in fitting):
                    return some
        return tuple(asked)

    def _installs(self, release: Release, python: str) -> bool:
        if not runs_on(release.requires_python, python):
            return False
        return not release.wheels or best_wheel(release.wheels, python, self._where) is not None


def _certain(lines: Iterable[str], python: str, where: Platform) -> Iterator[tuple[str, str]]:
    """Yield package and specifiers of the requirements that hold whichever patch of Python it will be."""
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.specifier and _holds(requirement.marker, python, where):
            yield canonicalize_name(requirement.name), str(requirement.specifier)


def _holds(marker: Marker | None, python: str, where: Platform) -> bool:
    if marker is None:
        return True
    try:
        return all(marker.evaluate(markers) for markers in markers_of(python, where))
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return False


def _refuses(row: Mapping[str, str], target: str, asker: tuple[str, str]) -> bool:
    return not _allows(asker[1], _version(row[target]))


def _refusal(target: str, version: str, who: str, specifiers: str) -> str:
    return f"{who} asks for {target} {specifiers}, this row has {version}"


@functools.lru_cache(maxsize=65536)
def _allows(specifiers: str, version: Version) -> bool:
    """Tell whether a version is allowed; specifiers that cannot be read allow all."""
    try:
        return SpecifierSet(specifiers).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True


def _doubtful(specifiers: str, known: Mapping[Version, Release]) -> bool:
    """Tell whether releases could fit that a catalog leaves out: pre-releases, and yanked ones that are pinned."""
    try:
        asked = SpecifierSet(specifiers)
    except InvalidSpecifier:
        return True
    pinned = [one.version for one in asked if one.operator in {"==", "==="} and not one.version.endswith(".*")]
    return bool(asked.prereleases) or any(_version(version) not in known for version in pinned)


@functools.lru_cache(maxsize=65536)
def _version(text: str) -> Version:
    """Return a version; a text that is none (only `===` takes those) becomes one that no catalog has."""
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0.dev0+none")
