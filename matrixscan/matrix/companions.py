"""Companions: versions of one package that follow those of others, such as numpy<2 beside an old torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from packaging.utils import InvalidName, canonicalize_name

from matrixscan.catalog.selectors import allows
from matrixscan.errors import did_you_mean
from matrixscan.matrix.axes import axis_names, specifier_problem
from matrixscan.matrix.layout import CompanionTable
from matrixscan.matrix.problems import Problems, join
from matrixscan.matrix.types import Companion


def companions_of(row: Mapping[str, str], companions: Iterable[Companion]) -> dict[str, str]:
    """Return package -> PEP 440 specifiers that a row gets besides its axes, which always win.

    Args:
        row: axis -> version.
        companions: of the matrix; where several name one package, all of them hold.
    """
    found: dict[str, list[str]] = {}
    for companion in companions:
        if all(axis in row and allows(wanted, row[axis]) for axis, wanted in companion.when.items()):
            for package, wanted in companion.requires.items():
                if package not in row and wanted not in found.setdefault(package, []):
                    found[package].append(wanted)
    return {package: ",".join(filter(None, wanted)) for package, wanted in found.items()}


def read_companions(
    tables: Sequence[CompanionTable], declared: Collection[str], problems: Problems
) -> tuple[Companion, ...]:
    """Check `[[companions]]`; complete only where no problem was added."""
    found = []
    for at, table in enumerate(tables):
        path = f"companions[{at}]"
        names = axis_names(table.when, f"{path}.when", declared, problems)
        when = {name: table.when[written] for written, name in names.items()}
        requires = {}
        for written, wanted in table.requires.items():
            name = _package(written, join(f"{path}.requires", written), problems)
            if name:
                requires[name] = wanted
        for key, specifiers in (("when", table.when), ("requires", table.requires)):
            _check_specifiers(specifiers, f"{path}.{key}", problems)
        if not table.requires:
            problems.add(f"{path}.requires", "is empty; name at least one package")
        found.append(Companion(when, requires))
    return tuple(found)


def _package(written: str, path: str, problems: Problems) -> str | None:
    try:
        name = canonicalize_name(written, validate=True)
    except InvalidName:
        problems.add(path, f"{written!r} is not a valid package name (letters, digits, '-', '_' and '.')")
        return None
    if name == "python":
        problems.add(path, "python is no package; exclude the rows that need another")
        return None
    return name


def _check_specifiers(table: Mapping[str, str], path: str, problems: Problems) -> None:
    for written, text in table.items():
        wrong = specifier_problem(text)
        if wrong:
            problems.add(join(path, written), wrong)


def check_axes(companions: Iterable[Companion], axes: Collection[str], problems: Problems) -> None:
    """Note conditions on what is no axis of any row: they would never hold."""
    for at, companion in enumerate(companions):
        for name in companion.when:
            if name not in axes:
                problems.add(join(f"companions[{at}].when", name), f"is no axis here; {did_you_mean(name, axes)}")
