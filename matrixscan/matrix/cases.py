"""Exporters, runners and opsets: the part of the rules that a matrix and a probe have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from matrixscan.errors import did_you_mean
from matrixscan.harness.protocol import PRECISIONS
from matrixscan.matrix.backends import exporters, runners
from matrixscan.matrix.problems import Problems, check_list, join
from matrixscan.matrix.types import Cases

#: torch exports nothing older, and no newer opset exists in a released onnx.
OPSET_RANGE = (7, 30)


def check_exporters(names: Sequence[str], path: str, problems: Problems) -> None:
    """Note exporters that do not exist."""
    _check_names("exporter", names, list(exporters()), path, problems)


def check_runners(names: Sequence[str], path: str, problems: Problems) -> None:
    """Note runners that do not exist."""
    _check_names("runner", names, list(runners()), path, problems)


def check_precisions(names: Sequence[str], path: str, problems: Problems) -> None:
    """Note precisions that do not exist."""
    _check_names("precision", names, PRECISIONS, path, problems)


def _check_names(kind: str, names: Sequence[str], known: Sequence[str], path: str, problems: Problems) -> None:
    check_list(names, path, problems)
    for at, name in enumerate(names):
        if name not in known:
            problems.add(f"{path}[{at}]", f"unknown {kind} {name!r}; {did_you_mean(name, known)}")


def read_opsets(value: Any, path: str, problems: Problems) -> dict[str, tuple[int, ...]]:
    """Return exporter -> opsets of a table, or of a list that is meant for every exporter."""
    if not isinstance(value, dict):
        _check_opsets(value, path, problems)
        return {name: value for name, info in exporters().items() if info.opsets != (0,)}
    if not value:
        problems.add(path, "is an empty table; leave the key out or name at least one exporter")
    for exporter, opsets in value.items():
        if exporter not in exporters():
            hint = did_you_mean(exporter, exporters())
            problems.add(join(path, exporter), f"unknown exporter {exporter!r}; {hint}")
        elif exporters()[exporter].opsets == (0,):
            problems.add(join(path, exporter), "writes a format without opsets; leave it out")
        _check_opsets(opsets, join(path, exporter), problems)
    return value


def _check_opsets(opsets: Sequence[int], path: str, problems: Problems) -> None:
    low, high = OPSET_RANGE
    check_list(opsets, path, problems)
    for at, opset in enumerate(opsets):
        if not low <= opset <= high:
            problems.add(f"{path}[{at}]", f"opset {opset} is out of range {low} to {high}")


def read_cases(values: Mapping[str, Any], problems: Problems) -> Cases:
    """Check the `[cases]` table of a matrix."""
    before = len(problems)
    cases = Cases(**{name: value for name, value in values.items() if name != "opsets"})
    check_exporters(cases.exporters, "cases.exporters", problems)
    check_runners(cases.runners, "cases.runners", problems)
    check_precisions(cases.precisions, "cases.precisions", problems)
    if "opsets" not in values:
        return cases
    opsets = read_opsets(values["opsets"], "cases.opsets", problems)
    for exporter in cases.exporters if len(problems) == before else ():
        own = exporters()[exporter].opsets
        if exporter not in opsets and own != (0,):
            fix = f"add {exporter} = {list(own)}, or name cases.exporters without it"
            problems.add("cases.opsets", f"says nothing of exporter {exporter!r}; {fix}")
    return msgspec.structs.replace(cases, opsets=opsets)
