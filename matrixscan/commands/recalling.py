"""What the history holds: importing records, what is known several times, and how figures went over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tabulate import tabulate

from matrixscan.analysis.table import number
from matrixscan.analysis.trends import Measured, Series, SeriesKey, Trend, series_of
from matrixscan.commands.request import Outcome, measured_places, places
from matrixscan.errors import NothingSelectedError, UnknownNameError
from matrixscan.matrix.ids import combination_id
from matrixscan.records.types import Record
from matrixscan.records.upgrade import decode_record
from matrixscan.store.history import History, Point, Seen
from matrixscan.store.history_rows import ENVIRONMENT
from matrixscan.store.published import published_records
from matrixscan.store.sides import EXPORTS

_LISTED = 50


def import_history(matrices: Sequence[str], history: str | None = None) -> Outcome:
    """Import what was published and measured of matrices; of all that have reports when none is named.

    Raises:
        NothingSelectedError: there are no records.
        MatrixscanError: a record is damaged, or the history cannot be used.
    """
    reports = places().reports
    names = [Path(name).stem for name in matrices] or sorted(path.name for path in reports.glob("*") if path.is_dir())
    if not names:
        raise NothingSelectedError("there are no reports here", "scan a matrix first")
    lines = []
    with History.open(history, places().work) as opened:
        for name in names:
            added = opened.add(_records(name))
            line = f"{name}: {added.records} new records, {added.cases} new cases"
            wide = (reports / name / EXPORTS).is_file()
            lines.append(line + "; its tables of sides are no records of combinations and stay where they are" * wide)
    return Outcome("\n".join(lines) + "\n", 0)


def _records(name: str) -> Iterator[Record]:
    """Yield the records of combinations that were published, and those that only lie in the work folder."""
    yield from published_records(places().reports / name)
    for path in sorted((measured_places().reports / name / "records").glob("*.json")):
        record = decode_record(path.read_bytes(), path)
        if record.evidence == "joint" and record.id == combination_id(record.axes):
            yield record


def show_history(probes: Sequence[str] = (), history: str | None = None) -> Outcome:
    """Say what the history holds, what contradicts itself in it, and what of that is flaky."""
    with History.open(history, places().work) as opened:
        held, conflicts = opened.held(), opened.conflicts()
        _check_probes(opened, probes)
    rows = [
        (each.matrix, each.records, each.combinations, each.cases, each.platforms, each.first[:10], each.last[:10])
        for each in held
    ]
    heads = ("matrix", "records", "combinations", "cases", "platforms", "from", "to")
    wanted = [seen for seen in conflicts if not probes or seen.probe in probes]
    flaky, others = [seen for seen in wanted if seen.flaky], [seen for seen in wanted if not seen.flaky]
    lines = [tabulate(rows, heads) if rows else "the history is empty"]
    lines += _listed("Flaky: passed and did not, with nothing changed", flaky)
    lines += _listed("Failed in several ways, with nothing changed", others)
    return Outcome("\n".join(lines) + "\n", 0)


def _listed(title: str, found: Sequence[Seen]) -> list[str]:
    if not found:
        return []
    more = [f"  and {len(found) - _LISTED} more"] if len(found) > _LISTED else []
    return ["", f"{title} ({len(found)})", *map(_seen, found[:_LISTED]), *more]


def _seen(seen: Seen) -> str:
    counts = ", ".join(f"{count} x {outcome}" for outcome, count in seen.outcomes.items())
    return f"  {seen.combination}  {seen.case}: {counts}"


def show_trends(probe: str, history: str | None = None) -> Outcome:
    """Say how margin and latency of a probe went over time, for each pair of torch and onnxruntime.

    Raises:
        UnknownNameError: the history knows no such probe.
    """
    with History.open(history, places().work) as opened:
        _check_probes(opened, [probe])
        found = series_of(map(_measured, opened.points(probe)))
    heads = ("torch", "onnxruntime", "case", "n", "margin", "last", "change", "ms", "last", "change")
    lines = [tabulate([_row(series) for series in found], heads, disable_numparse=True)]
    lines.append("change: the last value over the median of the earlier ones; ! where that is more than their scatter")
    platforms = {series.key.platform for series in found}
    if len(platforms) > 1:
        lines.append(f"{len(platforms)} platforms; figures of different platforms are never put together")
    return Outcome("\n".join(lines) + "\n", 0)


def _check_probes(history: History, probes: Sequence[str]) -> None:
    known = [name for name in history.probes() if name != ENVIRONMENT]
    for name in probes:
        if name not in known:
            raise UnknownNameError("probe in the history", name, known)


def _measured(point: Point) -> Measured:
    torch, runtime = (point.axes.get(axis, "none") for axis in ("torch", "onnxruntime"))
    lane = (point.variant, point.exporter, point.opset, point.precision, point.runner)
    key = SeriesKey(torch, runtime, *lane, point.size, point.platform)
    return Measured(key, point.finished, point.margin, point.latency_ms)


def _row(series: Series) -> tuple[str, ...]:
    key = series.key
    usual = {"fp32", "onnxruntime-cpu"}
    parts = [key.variant, key.exporter, f"opset {key.opset}", key.precision, key.runner, key.size]
    case = " ".join(part for part in parts if part not in usual)
    count = max(trend.count for trend in (series.margin, series.latency_ms, Trend(1, 1.0, 1.0)) if trend)
    return (key.torch, key.onnxruntime, case, str(count), *_figures(series.margin), *_figures(series.latency_ms))


def _figures(trend: Trend | None) -> tuple[str, str, str]:
    if trend is None:
        return "-", "-", "-"
    change = "-" if trend.factor is None else f"x {trend.factor:.2f}{' !' * trend.moved}"
    return number(trend.median), number(trend.last), change
