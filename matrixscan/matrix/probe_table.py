"""The rules of a probe's `[tool.matrixscan]` table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.errors import did_you_mean
from matrixscan.matrix.cases import check_exporters, check_precisions, check_runners, read_opsets
from matrixscan.matrix.conditions import check_expected
from matrixscan.matrix.layout import ProbeTable
from matrixscan.matrix.problems import Problems, check_bounds, check_list, check_positive, join
from matrixscan.matrix.selection import is_file
from matrixscan.matrix.types import Bounds

_TABLE = "tool.matrixscan"
_ID_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AXIS_NUMBER = re.compile(r"0|[1-9][0-9]?")
_CHECKPOINTS = {".safetensors", ".npz"}


def check_table(values: Mapping[str, Any], file: Path, problems: Problems, *, calibrated: bool = True) -> None:
    """Note what is wrong with values that are of the right types, and with the file's name."""
    check_parts([file.stem], "file name", problems, labelled=False)
    for key in ("variants", "outputs"):
        if key in values:
            check_list(values[key], f"{_TABLE}.{key}", problems)
    check_parts(values.get("variants", ()), f"{_TABLE}.variants", problems)
    for at, output in enumerate(values.get("outputs", ())):
        if not output or output.isdigit():
            what = f"{output!r} is a number, and exporters take none for a name" if output else "is an empty name"
            problems.add(f"{_TABLE}.outputs[{at}]", what)
    _check_sizes(values, problems)
    _check_tensors(values, problems)
    check_positive(values, ("rtol", "atol", "case_seconds", "samples"), _TABLE, problems)
    check_comparisons(values, _TABLE, problems)
    for key, check in _CHECKED.items():
        if key in values:
            check(values[key], f"{_TABLE}.{key}", problems)
    for at, expected in enumerate(values.get("expected", ())):
        sizes = values.get("export_size", {})
        check_expected(expected, f"{_TABLE}.expected[{at}]", sizes, problems)
    if "opsets" in values:
        read_opsets(values["opsets"], f"{_TABLE}.opsets", problems)
    _check_companions(values, file, problems, calibrated=calibrated)


def _check_companions(values: Mapping[str, Any], file: Path, problems: Problems, *, calibrated: bool) -> None:
    if calibrated and "weights" in values:
        _check_beside(values["weights"], f"{_TABLE}.weights", file, problems)
    if "checkpoint" in values:
        _check_checkpoint(values, file, problems)
    for at, name in enumerate(values.get("files", ())):
        _check_beside(name, f"{_TABLE}.files[{at}]", file, problems)


def companions(values: Mapping[str, Any]) -> list[str]:
    """Return the names of the files beside a probe that are part of it."""
    named = [values[key] for key in ("weights", "checkpoint") if key in values]
    return [*named, *values.get("files", ())]


def settings(table: ProbeTable) -> dict[str, Any]:
    """Return the fields of a Probe that a checked table sets."""
    values = msgspec.structs.asdict(table)
    order = tuple(table.export_size)
    return values | {
        # One order of the keys gives one spelling of a size, and so one case id.
        "run_sizes": tuple({name: size[name] for name in order} for size in table.run_sizes),
        "dynamic": {
            tensor: {int(number): name for number, name in axes.items()} for tensor, axes in table.dynamic.items()
        },
        "opsets": None if table.opsets is None else read_opsets(table.opsets, _TABLE, Problems()),
    }


def check_parts(names: Sequence[str], path: str, problems: Problems, *, labelled: bool = True) -> None:
    """Note names that cannot stand in a case id."""
    for at, name in enumerate(names):
        if not _ID_PART.fullmatch(name):
            where = f"{path}[{at}]" if labelled else path
            problems.add(where, f"{name!r} may hold only letters, digits, '.', '_', '+' and '-'")


def _check_sizes(values: Mapping[str, Any], problems: Problems) -> None:
    if "export_size" not in values:
        return
    path = f"{_TABLE}.export-size"
    export_size: dict[str, int] = values["export_size"]
    if not export_size:
        problems.add(path, "is empty; name at least one dimension, for example { t = 20 }")
    for name in export_size:
        if not _NAME.fullmatch(name):
            problems.add(join(path, name), "is not a plain name (letters, digits and '_')")
    _check_lengths(export_size, path, problems)
    seen = [(path, export_size)]
    for at, size in enumerate(values.get("run_sizes", ())):
        here = f"{_TABLE}.run-sizes[{at}]"
        _check_run_size(size, export_size, here, problems)
        twin = next((where for where, other in seen if other == size), None)
        if twin:
            problems.add(here, f"is the same size as {twin}")
        seen.append((here, size))


def _check_run_size(size: Mapping[str, int], export_size: Mapping[str, int], path: str, problems: Problems) -> None:
    _check_lengths(size, path, problems)
    for name in size:
        if name not in export_size:
            problems.add(join(path, name), f"is not in export-size; {did_you_mean(name, export_size)}")
    for name in export_size:
        if name not in size:
            problems.add(join(path, name), "is missing; a run size names what export-size names")


def _check_lengths(size: Mapping[str, int], path: str, problems: Problems) -> None:
    for name, length in size.items():
        if length < 1:
            problems.add(join(path, name), f"must be 1 or more, got {length}")


def _check_tensors(values: Mapping[str, Any], problems: Problems) -> None:
    _check_dynamic(values.get("dynamic", {}), f"{_TABLE}.dynamic", problems)
    for name, stage in values.get("stages", {}).items():
        # Torch takes no dot in a module's name, and `stage.output` says which stage an output is of.
        if not _NAME.fullmatch(name):
            problems.add(join(f"{_TABLE}.stages", name), "is not a plain name (letters, digits and '_')")
        if stage.outputs:
            check_list(stage.outputs, join(f"{_TABLE}.stages", name) + ".outputs", problems)
        _check_dynamic(stage.dynamic, join(f"{_TABLE}.stages", name) + ".dynamic", problems)


_CHECKED = {"exporters": check_exporters, "runners": check_runners, "precisions": check_precisions}


def check_comparisons(values: Mapping[str, Any], table: str, problems: Problems) -> None:
    """Note what is wrong with the tolerances of single outputs, and with those of the lanes in half precision."""
    _check_half(values.get("fp16"), f"{table}.fp16", problems)
    for name, comparison in values.get("compare", {}).items():
        path = join(f"{table}.compare", name)
        if not name:
            problems.add(path, "is an empty name; rtol, atol and fp16 of every output stand in the table itself")
        check_bounds({"rtol": comparison.rtol, "atol": comparison.atol}, path, problems)
        check_positive({"agree": comparison.agree}, ("agree",), path, problems)
        _check_half(comparison.fp16, f"{path}.fp16", problems)
        if comparison.agree is not None and comparison.agree > 1:
            problems.add(f"{path}.agree", f"is a share of the elements, at most 1, got {comparison.agree}")


def _check_half(bounds: Bounds | None, path: str, problems: Problems) -> None:
    if bounds is not None:
        check_bounds({"rtol": bounds.rtol, "atol": bounds.atol}, path, problems)


def _check_checkpoint(values: Mapping[str, Any], file: Path, problems: Problems) -> None:
    path, name = f"{_TABLE}.checkpoint", values["checkpoint"]
    if "weights" in values:
        problems.add(path, "a checkpoint has every tensor; leave out weights, which go on top of seeded ones")
    if Path(name).suffix not in _CHECKPOINTS:
        problems.add(path, f"{name!r} is not a .safetensors or .npz file; pickles are never loaded: they run code")
    elif not is_file(file.parent / name):
        problems.add(path, f"no file {name!r}; the path counts from the probe's folder")


def _check_dynamic(dynamic: Mapping[str, Mapping[str, str]], where: str, problems: Problems) -> None:
    for tensor, axes in dynamic.items():
        path = join(where, tensor)
        if not axes:
            problems.add(path, 'names no axis, for example { 0 = "batch" }')
        for number, name in axes.items():
            if not _AXIS_NUMBER.fullmatch(number):
                problems.add(join(path, number), f"{number!r} is not an axis number (0, 1, ...)")
            if not _NAME.fullmatch(name):
                problems.add(join(path, number), f"{name!r} is not a plain name (letters, digits and '_')")


def _check_beside(name: str, path: str, file: Path, problems: Problems) -> None:
    if not name or Path(name).name != name:
        problems.add(path, f"{name!r} is not the name of a file beside the probe")
    elif not is_file(file.parent / name):
        alike = [other.name for other in file.parent.glob(f"*{Path(name).suffix}") if other != file]
        problems.add(path, f"no file {name!r} beside the probe; {did_you_mean(name, alike)}")
