"""Several records become one scan: at most one record a cell, and everything left out is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from matrixscan.analysis.judge import BAD, GOOD, UNKNOWN, judge_record
from matrixscan.records.types import Record


def one_record_each(records: Iterable[Record], planned: Mapping[str, int]) -> tuple[dict[str, Record], tuple[str, ...]]:
    """Return id -> record for the planned cells, and what had to be left out, in words."""
    chosen: dict[str, Record] = {}
    warnings: set[str] = set()
    for record in records:
        if record.id not in planned:
            warnings.add(f"{record.id}: has a record and is not in the plan; it is left out")
            continue
        if record.id in chosen:
            warnings.add(f"{record.id}: has several records; the one with the worst verdict is shown")
        chosen[record.id] = min([record, *filter(None, [chosen.get(record.id)])], key=_worst_first)
    return chosen, tuple(sorted(warnings))


def probe_summaries(records: Iterable[Record]) -> dict[str, str]:
    """Return probe -> the summary the first record gives it."""
    summaries: dict[str, str] = {}
    for record in records:
        for name, probe in record.probes.items():
            summaries.setdefault(name, probe.summary)
    return summaries


def _worst_first(record: Record) -> tuple[int, str, bytes]:
    rank = [BAD, UNKNOWN, GOOD].index(judge_record(record).verdict)
    return rank, record.finished, msgspec.json.encode(record)
