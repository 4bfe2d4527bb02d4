"""What is known of every measured combination, small enough to be asked at once: `verdicts.json`.

Whatever repeats stands in a table once, and rows name its place there. Reading it needs neither numpy nor the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from packaging.version import InvalidVersion, Version

from matrixscan.matrix.types import Advises

#: Version of the file. An older one is not read: the records are, until `report` has written it again.
SCHEMA_VERSION = 1

#: Name of the file in `reports/<matrix>/`.
FILE = "verdicts.json"

#: Where a combination does not have an axis.
ABSENT = -1


class Subject(msgspec.Struct, frozen=True):
    """A `probe/variant`. `decides`: its verdict is part of the combination's."""

    key: str
    decides: bool


class Platform(msgspec.Struct, frozen=True):
    """Where something was measured, in words and as Python's `platform` names it."""

    words: str
    system: str = ""
    machine: str = ""


UNKNOWN_PLATFORM = Platform("unknown platform")


class Judged(msgspec.Struct, frozen=True, array_like=True):
    """A verdict (good, bad, unknown) and, unless it is good, what was found."""

    verdict: str
    words: str = ""


class Index(msgspec.Struct, frozen=True):
    """One matrix. Lists of numbers by row are left as they are until somebody asks for them."""

    schema_version: int
    matrix: str
    subjects: tuple[Subject, ...]
    axes: tuple[str, ...]
    versions: tuple[tuple[str, ...], ...]  # of each axis, oldest first
    evidences: tuple[str, ...]
    platforms: tuple[Platform, ...]
    dates: tuple[str, ...]  # YYYY-MM-DD
    findings: tuple[Judged, ...]
    packages: tuple[str, ...]  # name==version: what an environment holds besides the axes, and builds of these
    environments: tuple[msgspec.Raw, ...]  # places in `packages`; empty where no lock was kept
    columns: tuple[msgspec.Raw, ...]  # places in `findings` by row
    verdicts: dict[str, int]  # subject -> place in `columns`
    rows: tuple[tuple[int, ...], ...]  # places in `versions`, ABSENT where there is no such axis
    advises: Advises = True  # False: its probes fail on purpose, and it is asked by name only; "probes": a survey
    evidence: tuple[int, ...] = ()
    platform: tuple[int, ...] = ()
    date: tuple[int, ...] = ()
    environment: tuple[int, ...] = ()

    def axes_of(self, row: int) -> dict[str, str]:
        """Return axis -> version of a combination."""
        return {
            axis: versions[place]
            for axis, versions, place in zip(self.axes, self.versions, self.rows[row], strict=True)
            if place != ABSENT
        }

    def column(self, subject: str) -> list[int]:
        """Return places in `findings` by row."""
        return msgspec.json.decode(self.columns[self.verdicts[subject]], type=list[int])

    def packages_of(self, row: int) -> dict[str, str]:
        """Return name -> version of what was installed besides the axes, as far as it is known."""
        return self.contents(self.environment[row])

    def contents(self, environment: int) -> dict[str, str]:
        """Return name -> version of one of `environments`."""
        return dict(self.packages[place].split("==", 1) for place in self.places(environment))

    def places(self, environment: int) -> list[int]:
        """Return places in `packages` of what one of `environments` holds."""
        return msgspec.json.decode(self.environments[environment], type=list[int])


def decode_index(data: bytes) -> Index | None:
    """Return an index, None if another version of matrixscan wrote it or it is damaged."""
    try:
        head = msgspec.json.decode(data, type=_Head)
        return msgspec.json.decode(data, type=Index) if head.schema_version == SCHEMA_VERSION else None
    except msgspec.MsgspecError:
        return None


class _Head(msgspec.Struct):
    schema_version: int


def encode_index(index: Index) -> str:
    """Return the file: one line a key, so that a change shows where it is."""
    lines = [f'  "{name}": {msgspec.json.encode(getattr(index, name)).decode()}' for name in index.__struct_fields__]
    return "{\n" + ",\n".join(lines) + "\n}\n"


_Key = TypeVar("_Key")


def _place(table: dict[_Key, int], value: _Key) -> int:
    return table.setdefault(value, len(table))


class IndexBuilder:
    """Takes combinations one at a time.

    Args:
        matrix: Its name.
        subjects: Every (probe, variant), those that decide first.
        advises: See Index.
    """

    def __init__(self, matrix: str, subjects: Sequence[Subject], *, advises: Advises = True) -> None:
        self._matrix, self._subjects, self._advises = matrix, tuple(subjects), advises
        self._axes: list[dict[str, str]] = []
        self._places: list[tuple[int, int, int, int]] = []
        self._columns: dict[str, list[int]] = {subject.key: [] for subject in subjects}
        self._evidences: dict[str, int] = {}
        self._platforms: dict[Platform, int] = {}
        self._dates: dict[str, int] = {}
        self._environments: dict[tuple[int, ...], int] = {}
        self._packages: dict[str, int] = {}
        self._findings: dict[Judged, int] = {}

    def add(
        self,
        axes: Mapping[str, str],
        verdicts: Mapping[str, Judged],
        *,
        evidence: str,
        platform: Platform = UNKNOWN_PLATFORM,
        date: str = "",
        packages: Mapping[str, str] | None = None,
    ) -> None:
        """Add one combination.

        Args:
            axes: Axis -> version.
            verdicts: Subject -> verdict; unknown where there is none.
            evidence: joint or factored.
            platform: Where it was measured.
            date: When, YYYY-MM-DD.
            packages: Canonical name -> version of everything that was installed.
        """
        others = (f"{name}=={version}" for name, version in (packages or {}).items() if axes.get(name) != version)
        environment = tuple(sorted(_place(self._packages, package) for package in others))
        places = (
            _place(self._evidences, evidence),
            _place(self._platforms, platform),
            _place(self._dates, date),
            _place(self._environments, environment),
        )
        self._axes.append(dict(axes))
        self._places.append(places)
        for key, column in self._columns.items():
            column.append(_place(self._findings, verdicts.get(key, Judged("unknown", "not run"))))

    def build(self, axes: Iterable[str]) -> Index:
        """Return the index; `axes` gives their order."""
        names = tuple(axes)
        versions = {axis: sorted({row[axis] for row in self._axes if axis in row}, key=version_key) for axis in names}
        places = {axis: {version: place for place, version in enumerate(known)} for axis, known in versions.items()}
        columns: dict[tuple[int, ...], int] = {}
        verdicts = {key: _place(columns, tuple(column)) for key, column in self._columns.items()}
        evidence, platform, date, environment = zip(*self._places, strict=True) if self._places else ((),) * 4
        return Index(
            schema_version=SCHEMA_VERSION,
            matrix=self._matrix,
            subjects=self._subjects,
            axes=names,
            versions=tuple(tuple(versions[axis]) for axis in names),
            evidences=tuple(self._evidences),
            platforms=tuple(self._platforms),
            dates=tuple(self._dates),
            findings=tuple(self._findings),
            packages=tuple(self._packages),
            environments=_raw(self._environments),
            columns=_raw(columns),
            verdicts=verdicts,
            rows=tuple(tuple(places[axis].get(row.get(axis, ""), ABSENT) for axis in names) for row in self._axes),
            advises=self._advises,
            evidence=evidence,
            platform=platform,
            date=date,
            environment=environment,
        )


def _raw(lists: Iterable[Any]) -> tuple[msgspec.Raw, ...]:
    return tuple(msgspec.Raw(msgspec.json.encode(each)) for each in lists)


def version_key(version: str) -> tuple[int, Version | str]:
    """Sort key of a version; what is none comes first, by its text."""
    try:
        return (1, Version(version))
    except InvalidVersion:
        return (0, version)
