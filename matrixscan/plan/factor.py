"""Factoring: T export sides and R run sides instead of T x R environments.

An export depends on python, torch, onnx and whatever else an exporter uses; running its artifact depends on python, the
runner and NumPy. Every combination is then one pair of sides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from matrixscan.matrix.backends import runners
from matrixscan.plan.ids import MAX_LENGTH
from matrixscan.plan.types import Case, Cell, StoredCase

_ALWAYS_RUN = "numpy"
_ALWAYS_EXPORT = "onnx"  # exporters need it; a runner that is made of it has it too


class Sides(msgspec.Struct, frozen=True):
    """The environments of a factored plan."""

    exports: tuple[Cell, ...]
    runs: tuple[Cell, ...]
    pairs: dict[str, tuple[str, str]]  # id of a combination -> ids of its export side and its run side

    def exports_for(self, run: str) -> tuple[str, ...]:
        """Return the export sides whose artifacts a run side runs."""
        return tuple(dict.fromkeys(export for export, other in self.pairs.values() if other == run))


class Stored(msgspec.Struct, frozen=True):
    """What an export side left of one case."""

    case: Case
    artifact: str
    reference: str


def run_axes(names: Collection[str]) -> frozenset[str]:
    """Return the axes that concern running alone, for the runners of these names."""
    packages = {package for name in names for package in runners()[name].packages}
    return frozenset({_ALWAYS_RUN, *packages})


def export_names(names: Collection[str], runner_names: Collection[str]) -> tuple[str, ...]:
    """Return those of some packages that an export depends on."""
    running = run_axes(runner_names)
    return tuple(name for name in names if name not in running or name == _ALWAYS_EXPORT)


def factor(
    cells: Sequence[Cell], runner_names: Collection[str], make_cell: Callable[[Mapping[str, str]], Cell]
) -> Sides:
    """Split combinations into their sides.

    Args:
        cells: The combinations.
        runner_names: The runners of the plan's cases.
        make_cell: Makes a side from its axes, with an id and requirements of its own.
    """
    exports: dict[str, Cell] = {}
    runs: dict[str, Cell] = {}
    pairs = {}
    for cell in cells:
        export = make_cell(_kept(cell, export_names(cell.axes, runner_names)))
        run = make_cell(_kept(cell, {"python", *run_axes(runner_names)}))
        exports.setdefault(export.id, export)
        runs.setdefault(run.id, run)
        pairs[cell.id] = (export.id, run.id)
    return Sides(tuple(exports.values()), tuple(runs.values()), pairs)


def lend(first: Cell, cells: Sequence[Cell]) -> Sides:
    """Return the sides of combinations that run a model without a source: each is a run side of its own.

    Args:
        first: The combination whose outputs are the reference where none were saved. The environment that makes it, or
            only reads what was saved, is one more, so that this combination is measured like every other.
        cells: The combinations.
    """
    export = msgspec.structs.replace(first, id=f"reference-{first.id}"[:MAX_LENGTH])
    return Sides((export,), tuple(cells), {cell.id: (export.id, cell.id) for cell in cells})


def _kept(cell: Cell, names: Collection[str]) -> dict[str, str]:
    return {axis: version for axis, version in cell.axes.items() if axis in names}


def stored_cases(stored: Iterable[Stored]) -> tuple[StoredCase, ...]:
    """Return what a run side has to do: each artifact with each of its references once, whoever exported it.

    The id is `artifact/probe/variant/reference/precision/runner`; cases of one artifact stand together, so that it is
    opened once.
    """
    units: dict[str, StoredCase] = {}
    for item in stored:
        case = item.case
        name = unit_id(case.probe, case.variant, case.precision, case.runner, item.artifact, item.reference)
        made = msgspec.structs.asdict(case) | {"id": name, "artifact": item.artifact, "reference": item.reference}
        units.setdefault(name, StoredCase(**made))
    return tuple(units[name] for name in sorted(units))


def unit_id(probe: str, variant: str, precision: str, runner: str, artifact: str, reference: str) -> str:
    """Return the id of a piece of a run side's work."""
    return f"{artifact}/{probe}/{variant}/{reference}/{precision}/{runner}"
