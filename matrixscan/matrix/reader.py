"""Read a matrix file, and say everything that is wrong with it at once."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.catalog.types import Asked
from matrixscan.errors import MatrixFileError, MatrixNotFoundError, did_you_mean
from matrixscan.matrix.artifact import check_artifact_rows, read_artifact
from matrixscan.matrix.asked import Sources, meaning_of, read_catalog, read_sources
from matrixscan.matrix.cases import read_cases, read_opsets
from matrixscan.matrix.companions import check_axes
from matrixscan.matrix.ids import combination_id
from matrixscan.matrix.layout import CasesTable, MatrixFile
from matrixscan.matrix.nightly import read_nightly
from matrixscan.matrix.probe_table import check_parts
from matrixscan.matrix.problems import (
    Problems,
    check_bounds,
    check_keys,
    check_list,
    check_positive,
    convert,
    join,
    read_table,
)
from matrixscan.matrix.recommend import read_recommend
from matrixscan.matrix.reduction import check_reduction, read_plan, read_reduction, read_strategy
from matrixscan.matrix.rows import Row, expand_rows
from matrixscan.matrix.selection import builtin_probes, probe_name, resolve_probes
from matrixscan.matrix.types import Advises, Expect, Index, Limits, Matrix, Probes, Reduction, Tolerances

MAX_THREADS = 1024
_CHECKED_OTHERWISE = ("threads", "diagnose_seconds")
_MATRICES = Path("matrices")

#: What may lie beside matrices and is none: a project's own known causes (analysis/causes_file.py).
NOT_MATRICES = frozenset({"known_causes.toml"})


def read_matrix(path: str | os.PathLike[str], *, probe_names: Collection[str] | None = None) -> Matrix:
    """Read and check a matrix file.

    Args:
        path: The TOML file.
        probe_names: Names that `[probes]` may use besides paths; the built-in probes by default.

    Raises:
        MatrixNotFoundError: There is no such file.
        MatrixFileError: The file has problems; every one is listed with its TOML path.
    """
    file = Path(path)
    raw = _load(file)
    problems = Problems()
    known = builtin_probes() if probe_names is None else probe_names
    matrix = _read(raw, file, known, problems)
    if problems.lines:
        raise MatrixFileError(path, problems.lines)
    return matrix


def read_asked(path: str | os.PathLike[str]) -> Asked:
    """Read what a matrix file asks of the catalog, without the lock that answers it.

    Raises:
        MatrixNotFoundError: There is no such file.
        MatrixFileError: What the rows are made of has problems; every one is listed with its TOML path.
    """
    problems = Problems()
    sources = read_sources(_load(Path(path)), problems)
    if problems.lines:
        raise MatrixFileError(path, problems.lines)
    return sources.asked()


def takes_lock(path: str | os.PathLike[str]) -> bool:
    """Return whether a matrix file has selectors, whose meaning a lock freezes.

    Raises:
        MatrixNotFoundError: There is no such file.
        MatrixFileError: It is not TOML.
    """
    return read_sources(_load(Path(path)), Problems()).selects


def find_matrix(name: str | os.PathLike[str]) -> Path:
    """Return the file of a matrix given as a path or as the name of a file in matrices/.

    Raises:
        MatrixNotFoundError: There is neither.
        MatrixFileError: There is a folder in its place.
    """
    candidates = (Path(name), _MATRICES / f"{os.fspath(name)}.toml")
    for path in candidates:
        if path.suffix == ".toml" and path.is_file():
            return path
    for path in candidates:
        if path.is_dir():
            raise MatrixFileError(path, ["is a folder; name a TOML file in it"])
    raise MatrixNotFoundError(name, _known_matrices())


def _known_matrices() -> list[str]:
    files = (path for path in _MATRICES.glob("*.toml") if path.name not in NOT_MATRICES)
    return sorted(path.as_posix() for path in files if path.is_file())


def _load(file: Path) -> dict[str, Any]:
    try:
        # An editor's byte order mark is not worth refusing a file over.
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise MatrixNotFoundError(file, _known_matrices()) from None
    except IsADirectoryError:
        raise MatrixFileError(file, ["is a folder; name a TOML file in it"]) from None
    except OSError as error:
        raise MatrixFileError(file, [f"cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError as error:
        raise MatrixFileError(file, [f"is not UTF-8 text (byte {error.start}); save it as UTF-8"]) from None
    except ValueError as error:  # besides TOMLDecodeError: a number of more digits than Python reads
        raise MatrixFileError(file, [f"is not valid TOML: {error}"]) from None
    except RecursionError:
        raise MatrixFileError(file, ["is not valid TOML: nested too deeply"]) from None


def _read(raw: Mapping[str, Any], file: Path, known: Collection[str], problems: Problems) -> Matrix:
    check_keys(raw, MatrixFile, "", problems)
    description = convert(raw.get("description", ""), str, "description", problems)
    before = len(problems)
    sources = read_sources(raw, problems)
    reduction = read_reduction(raw, sources.declared, problems)
    strategy = read_strategy(raw, reduction, problems)
    expect = Expect(**_table(raw, "expect", Expect, problems))
    catalog = read_catalog(sources, file, problems) if sources.selects and len(problems) == before else None
    rows: tuple[Row, ...] = ()
    if len(problems) == before:
        rows = expand_rows(sources.written, sources.products, meaning_of(sources, catalog), problems)
    if len(problems) == before:
        _check_rows(sources, reduction, expect, rows, problems)
    artifact = read_artifact(raw, file.parent, problems)
    cases = read_cases(_table(raw, "cases", CasesTable, problems), problems)
    if artifact is not None:
        check_artifact_rows((row.axes for row in rows), cases, problems)
    return Matrix(
        name=file.stem,
        path=os.fspath(file),
        description=description,
        rows=tuple(row.axes for row in rows),
        probes=Probes() if "artifact" in raw else _probes(raw, known, file.parent, problems),
        cases=cases,
        tolerances=_tolerances(raw, problems),
        limits=_limits(raw, problems),
        index=Index(**_table(raw, "index", Index, problems)),
        expect=expect,
        releases=sources.releases,
        companions=sources.companions,
        plan="factored" if "artifact" in raw else read_plan(raw, problems),
        strategy=strategy,
        reduction=reduction,
        artifact=artifact,
        catalog=catalog,
        recommend=read_recommend(raw, problems),
        controls=convert(raw.get("controls", True), bool, "controls", problems) is not False,
        advises=convert(raw.get("advises", True), Advises, "advises", problems) or False,
        nightly=read_nightly(raw, problems),
    )


def _check_rows(
    sources: Sources, reduction: Reduction, expect: Expect, rows: tuple[Row, ...], problems: Problems
) -> None:
    """Note what names rows or axes that there are not."""
    axes = [row.axes for row in rows]
    check_axes(sources.companions, {name for row in axes for name in row}, problems)
    check_reduction(reduction, axes, problems)
    _check_expected(expect, rows, problems)


def _table(raw: Mapping[str, Any], key: str, struct: type[msgspec.Struct], problems: Problems) -> dict[str, Any]:
    return read_table(raw.get(key, {}), struct, key, problems)


def _tolerances(raw: Mapping[str, Any], problems: Problems) -> Tolerances:
    tolerances = Tolerances(**_table(raw, "tolerances", Tolerances, problems))
    for path, bounds in (("tolerances", tolerances), ("tolerances.fp16", tolerances.fp16)):
        check_bounds({"rtol": bounds.rtol, "atol": bounds.atol}, path, problems)
    return tolerances


def _limits(raw: Mapping[str, Any], problems: Problems) -> Limits:
    values = _table(raw, "limits", Limits, problems)
    check_positive(values, [name for name in values if name not in _CHECKED_OTHERWISE], "limits", problems)
    if not 0 <= values.get("diagnose_seconds", 0.0) < math.inf:
        problems.add("limits.diagnose-seconds", f"must be a finite number, 0 or more, got {values['diagnose_seconds']}")
    threads = values.get("threads", 1)
    if not 1 <= threads <= MAX_THREADS:
        problems.add("limits.threads", f"must be between 1 and {MAX_THREADS}, got {threads}")
    return Limits(**values)


def _probes(raw: Mapping[str, Any], known: Collection[str], base: Path, problems: Problems) -> Probes:
    before = len(problems)
    lists = _table(raw, "probes", Probes, problems)
    if len(problems) > before and not lists:
        return Probes()
    probes = resolve_probes(lists, known, base, problems)
    variants, opsets = lists.get("variants", {}), lists.get("opsets", {})
    for key, table in (("variants", variants), ("opsets", opsets)):
        _check_named(table, f"probes.{key}", probes, problems)
    for name, listed in variants.items():
        check_list(listed, join("probes.variants", name), problems)
        check_parts(listed, join("probes.variants", name), problems)
    for name, by_exporter in opsets.items():
        read_opsets(by_exporter, join("probes.opsets", name), problems)
    return msgspec.structs.replace(probes, variants=dict(variants), opsets=dict(opsets))


def _check_named(table: Mapping[str, object], path: str, probes: Probes, problems: Problems) -> None:
    names = [probe_name(entry) for entry in (*probes.judge, *probes.also)]
    for name in table:
        if name not in names:
            problems.add(join(path, name), f"no probe {name!r} in judge or also; {did_you_mean(name, names)}")


def _check_expected(expect: Expect, rows: tuple[Row, ...], problems: Problems) -> None:
    ids = {combination_id(row.axes) for row in rows} if expect.good else set()
    for at, name in enumerate(expect.good):
        if name not in ids:
            problems.add(f"expect.good[{at}]", f"no combination {name!r}; {did_you_mean(name, ids)}")
        elif name in expect.good[:at]:
            problems.add(f"expect.good[{at}]", f"{name!r} is listed twice")
