"""Cells may be compared only if they ran the same model on the same data; this says where they did not."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from matrixscan.records.types import Record

#: Conflicts of one kind in one probe that are listed one by one.
_LISTED = 4


class DataConflict(msgspec.Struct, frozen=True):
    """One thing of one probe that has several digests. `digests` maps each to the ids of its cells."""

    probe: str
    kind: str  # "file", "weights" or "inputs"
    name: str  # the variant or the size; empty for the probe's file
    digests: dict[str, tuple[str, ...]]

    def describe(self) -> str:
        """Return one line for people."""
        what = f"{self.probe}: {self.kind}{f' {self.name}' if self.name else ''}"
        groups = "; ".join(
            f"{digest[:12]} in {ids[0]}{f' and {len(ids) - 1} more' if len(ids) > 1 else ''}"
            for digest, ids in self.digests.items()
        )
        return f"{what} differ between cells ({groups}); figures are not compared across these cells"


def describe_conflicts(conflicts: Sequence[DataConflict]) -> list[str]:
    """Return a line for each conflict, or one for all of a kind of one probe where they would fill a page."""
    lines = []
    for _, group in itertools.groupby(conflicts, key=lambda conflict: (conflict.probe, conflict.kind)):
        alike = list(group)
        if len(alike) <= _LISTED:
            lines += [conflict.describe() for conflict in alike]
        else:
            lines.append(f"{alike[0].describe()}; {len(alike) - 1} more {alike[0].kind} of this probe differ too")
    return lines


def data_conflicts(records: Iterable[Record]) -> tuple[DataConflict, ...]:
    """List every probe file, variant's weights and size's inputs that has more than one digest."""
    seen: dict[tuple[str, str, str], dict[str, set[str]]] = {}
    for record in records:
        for key, digest in _digests(record):
            seen.setdefault(key, {}).setdefault(digest, set()).add(record.id)
    return tuple(
        DataConflict(*key, {digest: tuple(sorted(ids)) for digest, ids in sorted(found.items())})
        for key, found in sorted(seen.items())
        if len(found) > 1
    )


def _digests(record: Record) -> Iterator[tuple[tuple[str, str, str], str]]:
    for name, probe in record.probes.items():
        if probe.digest:
            yield (name, "file", ""), probe.digest
        for variant, digest in probe.weights.items():
            yield (name, "weights", variant), digest
        for size, digest in probe.inputs.items():
            yield (name, "inputs", size), digest
