"""Expand a matrix into cells and cases."""

from __future__ import annotations

import datetime as dt
import fnmatch
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from matrixscan.catalog.types import Release
from matrixscan.errors import MatrixFileError, NothingSelectedError, ProbeFileError, UnknownNameError
from matrixscan.harness.protocol import converted_to
from matrixscan.matrix.artifact import artifact_probe
from matrixscan.matrix.backends import RunnerInfo, exporters, runners
from matrixscan.matrix.companions import companions_of
from matrixscan.matrix.controls import CONTROL, control_probe
from matrixscan.matrix.probe import builtin_probes, find_probe, read_probe
from matrixscan.matrix.selection import is_file, is_path, probe_name, split_row
from matrixscan.matrix.types import Matrix, Probe
from matrixscan.plan.choose import choose
from matrixscan.plan.controls import control_cases
from matrixscan.plan.ids import case_id, combination_id
from matrixscan.plan.opsets import check_lane
from matrixscan.plan.types import Case, Cell, Excluded, Plan


class _Choice(NamedTuple):
    name: str
    file: Path
    judged: bool


def make_plan(
    matrix: Matrix,
    *,
    only_probes: Sequence[str] = (),
    exclude: Sequence[str] = (),
    cells: Sequence[str] = (),
    extra: Sequence[Mapping[str, str]] = (),
) -> Plan:
    """Say what is to be done for a matrix, reading only the probes that are selected.

    Args:
        matrix: A checked matrix.
        only_probes: Probe names or files to keep; one the matrix does not name is added and judged.
        exclude: Names or globs of probes and combinations to leave out.
        cells: Ids of the combinations to keep.
        extra: Rows besides those that the strategy chooses, for a search that goes on.

    Raises:
        UnknownNameError: A filter names nothing.
        NothingSelectedError: The filters leave no probe or no combination.
        ProbeFileError: A probe's file has problems, or its name is taken.
    """
    choice = choose(matrix)
    all_cells = tuple(make_cell(row, matrix) for row in (*choice.chosen, *extra))
    choices = _pick_probes(matrix, only_probes)
    _refuse_infeasible(cells, choice.infeasible)
    _check_known(cells, exclude, all_cells, [*_matrix_probes(matrix), *choices])
    _refuse_control(choices)
    kept_cells = tuple(cell for cell in all_cells if (not cells or cell.id in cells) and not _matches(cell.id, exclude))
    kept = [choice for choice in choices if not _matches(choice.name, exclude)]
    if not kept_cells:
        raise NothingSelectedError("no combination is left", "loosen --exclude or --cell")
    if not kept:
        raise NothingSelectedError("no probe is left", "loosen --exclude or --probe")
    # A scan that decides nothing helps nobody: without a judged probe, all that are left are judged.
    decides_none = not any(choice.judged for choice in kept)
    judged = [choice.name for choice in kept if choice.judged or decides_none]
    kept.sort(key=lambda choice: choice.name not in judged)
    probes = tuple(_read(choice, matrix) for choice in kept)
    cases = tuple(case for probe in probes for case in _cases(probe, matrix))
    _check_lanes(matrix, probes, cases)
    unread = _unread(choice.feasible, cases) if matrix.catalog is not None else ()
    gone = {excluded.id for excluded in unread}
    kept_cells = tuple(cell for cell in kept_cells if cell.id not in gone)
    if not kept_cells:
        raise NothingSelectedError("no combination is left", unread[0].words)
    control = control_probe() if matrix.controls and matrix.artifact is None else None
    return Plan(
        matrix=matrix,
        cells=kept_cells,
        probes=probes,
        judged=tuple(judged),
        cases=cases,
        infeasible=(*choice.infeasible, *unread),
        rows=tuple(row for row in choice.feasible if combination_id(row) not in gone) if gone else choice.feasible,
        controls=() if control is None else tuple(control_cases(cases, control)),
        control=control,
        coverage="" if len(choice.chosen) == len(choice.feasible) else choice.coverage.words,
    )


def _refuse_control(choices: Sequence[_Choice]) -> None:
    for choice in choices:
        if choice.name == CONTROL:
            raise ProbeFileError(choice.file, [f"its name {CONTROL!r} is that of matrixscan's own control; rename it"])


def _read(choice: _Choice, matrix: Matrix) -> Probe:
    return read_probe(choice.file) if matrix.artifact is None else artifact_probe(matrix, matrix.artifact)


def _refuse_infeasible(cells: Sequence[str], infeasible: Sequence[Excluded]) -> None:
    known = {excluded.id: excluded for excluded in infeasible}
    for name in cells:
        if name in known:
            raise NothingSelectedError(f"{name} is infeasible ({known[name].rule})", known[name].words)


def cells_of(matrix: Matrix) -> tuple[Cell, ...]:
    """Return every combination of a matrix as a cell, in the order of the matrix."""
    return tuple(make_cell(row, matrix) for row in matrix.rows)


def make_cell(axes: Mapping[str, str], matrix: Matrix) -> Cell:
    """Return the environment of a row, or of a side of it, with the companions that these axes have."""
    pins = [f"{name}=={version}" for name, version in axes.items() if name != "python"]
    beside = [f"{name}{wanted}" for name, wanted in companions_of(axes, matrix.companions).items()]
    return Cell(
        id=combination_id(axes),
        axes=dict(axes),
        python=axes["python"],
        requirements=(*pins, *beside),
        as_of=_as_of(axes, matrix),
    )


def _as_of(axes: Mapping[str, str], matrix: Matrix) -> str | None:
    """Return the day as of which other packages are taken; None: as they are today."""
    if matrix.releases.transitive != "era" or matrix.catalog is None:
        return None
    return next(iter(eras_of(axes, matrix.catalog.packages, matrix.releases.era_grace)), None)


def eras_of(axes: Mapping[str, str], packages: Mapping[str, Sequence[Release]], grace: float) -> list[str]:
    """Return the days of a row's eras, YYYY-MM-DD, the youngest first: that of each release, and the grace.

    The first is the era of the row: that of its youngest release. It is empty if nobody says when they came.

    Args:
        axes: axis -> version.
        packages: the releases of those that are packages.
        grace: days.
    """
    uploaded = [
        release.uploaded
        for name, version in axes.items()
        for release in packages.get(name, ())
        if release.version == version and release.uploaded is not None
    ]
    return sorted({(day + dt.timedelta(days=grace)).date().isoformat() for day in uploaded}, reverse=True)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(name == pattern or fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _matrix_probes(matrix: Matrix) -> list[_Choice]:
    base = Path(matrix.path).parent
    if matrix.artifact is not None:
        return [_Choice(Path(matrix.artifact.model).stem, base / matrix.artifact.model, judged=True)]
    return [
        _Choice(probe_name(entry), find_probe(entry, base), judged)
        for entries, judged in ((matrix.probes.judge, True), (matrix.probes.also, False))
        for entry in entries
    ]


def _pick_probes(matrix: Matrix, only: Sequence[str]) -> list[_Choice]:
    named = _matrix_probes(matrix)
    if not only:
        return named
    if matrix.artifact is not None:
        _check_only(named[0].name, only)
        return named
    base = Path(matrix.path).parent
    picked = [_pick(entry, named, base) for entry in only]
    added = dict.fromkeys(choice for choice in picked if choice not in named)
    choices = [choice for choice in named if choice in picked] + list(added)
    by_name: dict[str, _Choice] = {}
    for choice in choices:
        first = by_name.setdefault(choice.name, choice)
        if first is not choice:
            raise ProbeFileError(choice.file, [f"its name {choice.name!r} is taken by {first.file}; rename one"])
    return choices


def _check_only(name: str, only: Sequence[str]) -> None:
    """Refuse probes beside a model without a source: the environments that run it export nothing."""
    for entry in only:
        if entry != name:
            raise UnknownNameError("probe", entry, [name])


def _pick(entry: str, named: Sequence[_Choice], base: Path) -> _Choice:
    """Return the matrix's own choice of a probe, however it is spelled, else a new judged one."""
    if not is_path(entry):
        known = next((choice for choice in named if choice.name == entry), None)
        if known is None and entry not in builtin_probes():
            raise UnknownNameError("probe", entry, [*builtin_probes(), *(choice.name for choice in named)])
        return known or _Choice(entry, find_probe(entry, base), judged=True)
    # What a user types is meant from where the user is; only a matrix counts from its own folder.
    file = Path(entry).absolute() if is_file(Path(entry)) else find_probe(entry, base)
    name = probe_name(str(file))
    known = next((choice for choice in named if _same(choice.file, file)), None)
    taken = next((choice for choice in named if choice.name == name), None)
    if known is None and taken is not None:
        # Its results would stand under the name of the matrix's own probe.
        raise ProbeFileError(file, [f"its name {name!r} is taken by {taken.file}; rename one"])
    return known or _Choice(name, file, judged=True)


def _same(one: Path, other: Path) -> bool:
    (file, row), (other_file, other_row) = split_row(one), split_row(other)
    return row == other_row and file.samefile(other_file)


def _check_known(
    cells: Sequence[str], exclude: Sequence[str], all_cells: Sequence[Cell], choices: Sequence[_Choice]
) -> None:
    ids = [cell.id for cell in all_cells]
    for name in cells:
        if name not in ids:
            raise UnknownNameError("combination", name, ids)
    names = [*(choice.name for choice in choices), *ids]
    for pattern in exclude:
        if not any(_matches(name, [pattern]) for name in names):
            raise UnknownNameError("probe or combination", pattern, names)


def _unread(rows: Sequence[Mapping[str, str]], cases: Sequence[Case]) -> tuple[Excluded, ...]:
    """Return the rows whose runner reads no opset of any lane."""
    lanes = {(case.runner, case.opset) for case in cases if not case.witness}
    found = []
    for row in rows:
        problems = [check_lane(row, runner, opset) for runner, opset in sorted(lanes)]
        first = problems[0]
        if first is not None and all(problems):
            found.append(Excluded(combination_id(row), dict(row), first.rule, first.words))
    return tuple(found)


def _check_lanes(matrix: Matrix, probes: Sequence[Probe], cases: Sequence[Case]) -> None:
    """Refuse a probe without a case: nobody would notice that it was never run."""
    idle = {probe.name for probe in probes} - {case.probe for case in cases}
    if idle:
        words = "no exporter's format has a runner here, or none takes the precision; see cases.runners and the probe's"
        raise MatrixFileError(matrix.path, [f"probes: {name}: {words} exporters, runners" for name in sorted(idle)])


def _cases(probe: Probe, matrix: Matrix) -> Iterator[Case]:
    rules = matrix.cases
    for variant in _variants(probe, matrix):
        for exporter in probe.exporters or rules.exporters:
            opsets = {exporter: exporters()[exporter].opsets} | rules.opsets | (probe.opsets or {})
            opsets |= matrix.probes.opsets.get(probe.name, {})
            lanes = itertools.product(
                opsets[exporter],
                probe.precisions or rules.precisions,
                _readers(exporter, probe.runners or rules.runners),
            )
            for opset, precision, runner in lanes:
                if (
                    precision not in runner.precisions
                    or converted_to(precision) not in exporters()[exporter].precisions
                ):
                    continue
                # Sizes vary fastest: one export serves all of them.
                for size in (probe.export_size, *probe.run_sizes):
                    yield _case(probe.name, variant, exporter, opset, precision, runner, size)


def _readers(exporter: str, names: Sequence[str]) -> list[RunnerInfo]:
    """Return the runners that read what an exporter writes."""
    return [runners()[name] for name in names if runners()[name].reads == exporters()[exporter].format]


def _variants(probe: Probe, matrix: Matrix) -> tuple[str, ...]:
    """Return the variants to run: those the matrix names, else the probe's own."""
    chosen = matrix.probes.variants.get(probe.name, probe.variants)
    for variant in chosen:
        if variant not in probe.variants and not probe.open_variants:
            raise UnknownNameError(f"variant of {probe.name}", variant, probe.variants)
    return chosen


def _case(
    probe: str, variant: str, exporter: str, opset: int, precision: str, runner: RunnerInfo, size: dict[str, int]
) -> Case:
    name = case_id(
        probe=probe,
        variant=variant,
        exporter=exporter,
        opset=opset,
        precision=precision,
        runner=runner.name,
        size=size,
    )
    return Case(name, probe, variant, exporter, opset, precision, runner.name, size, runner.witness)
