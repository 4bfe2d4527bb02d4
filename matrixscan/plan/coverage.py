"""How much of a matrix a choice of rows covers, counted anew from the rows themselves."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import msgspec

_NAMES = {1: "versions", 2: "pairs", 3: "triples"}

#: Versions of several axes that occur together: (axis, version), ...
Group = tuple[tuple[str, str], ...]


class Coverage(msgspec.Struct, frozen=True):
    """Counts of the groups of `strength` versions, each of another axis, that some feasible row holds."""

    strength: int
    covered: int  # groups that a chosen row holds
    total: int
    chosen: int  # rows
    rows: int  # all that are feasible

    @property
    def complete(self) -> bool:
        """Tell whether every group is covered."""
        return self.covered == self.total

    @property
    def words(self) -> str:
        """Say it: `100 % of 214 feasible pairs in 38 of 1152 combinations`. Shares are rounded down."""
        share = 100 if self.complete else 100 * self.covered // self.total
        groups = _NAMES.get(self.strength, f"groups of {self.strength} versions")
        return f"{share} % of {self.total} feasible {groups} in {self.chosen} of {self.rows} combinations"


def coverage(all_rows: Sequence[Mapping[str, str]], chosen: Sequence[Mapping[str, str]], strength: int) -> Coverage:
    """Count what `chosen` covers of `all_rows`.

    Args:
        all_rows: the feasible rows; one that lacks an axis forms groups of the others only.
        chosen: some of them.
        strength: how many versions make a group; more than there are axes counts whole rows.
    """
    strength = min(strength, max(map(len, all_rows), default=1))
    wanted = groups(all_rows, strength)
    return Coverage(strength, len(groups(chosen, strength) & wanted), len(wanted), len(chosen), len(all_rows))


def groups(rows: Iterable[Mapping[str, str]], strength: int) -> set[Group]:
    """Return the groups of `strength` versions that occur together in some row."""
    return {group for row in rows for group in itertools.combinations(sorted(row.items()), strength)}
