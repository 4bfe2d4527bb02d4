"""Shards: the sessions of a plan in parts of nearly equal size, each for a machine of its own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

#: What environments are kept together by: their largest download.
LARGEST = "torch"


class Work(msgspec.Struct, frozen=True):
    """One environment: the session that measures it, its id, and the version of its largest download."""

    session: str
    cell: str
    largest: str = ""  # empty where it has none


class Shard(msgspec.Struct, frozen=True):
    """What one machine does. The texts hold words parted by spaces; neither sessions nor ids have spaces in them."""

    shard: int  # from 1
    title: str
    sessions: str
    cells: str


def cut(work: Sequence[Work], most: int) -> tuple[Shard, ...]:
    """Cut work into at most `most` shards whose sizes differ by at most one.

    Environments with the same largest download follow each other, so that at most `most - 1` of these downloads are
    needed in one shard more than they would have to be.
    """
    first = {one.largest: place for place, one in reversed(list(enumerate(work)))}
    ordered = sorted(work, key=lambda one: first[one.largest])
    count = min(most, len(ordered))
    size, longer = divmod(len(ordered), count) if count else (0, 0)
    ends = [number * size + min(number, longer) for number in range(count + 1)]
    return tuple(
        _shard(number, count, ordered[begin:end])
        for number, (begin, end) in enumerate(itertools.pairwise(ends), start=1)
    )


def _shard(number: int, count: int, work: Sequence[Work]) -> Shard:
    downloads = list(dict.fromkeys(one.largest for one in work if one.largest))
    ends = list(dict.fromkeys([downloads[0], downloads[-1]])) if downloads else []
    about = f", {LARGEST} {' to '.join(ends)}" if ends else ""
    return Shard(
        number,
        f"{number} of {count}{about}",
        " ".join(one.session for one in work),
        " ".join(one.cell for one in work),
    )
