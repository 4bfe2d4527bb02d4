"""How far a package can be upgraded, and in which order: a path of good combinations, asked for one at a time. Pure."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Generator, Mapping, Sequence
from typing import Literal

import msgspec

Row = Mapping[str, str]
Verdict = Literal["good", "bad", "unknown"]
Search = Generator[dict[str, str], Verdict, "Upgrade"]

_Node = tuple[int, ...]  # of each package, the place of its release among the choices
_Cost = tuple[int, int, int, int]


class Upgrade(msgspec.Struct, frozen=True):
    """A path from the present pins to the newest release of a package that good combinations lead to.

    `path` begins with the present pins, which need not be good; it is nothing but them where no upgrade was found.
    """

    path: tuple[dict[str, str], ...]
    at_once: int  # packages moved at once in the largest step; 0 without a step
    asked: tuple[tuple[dict[str, str], Verdict], ...]
    ruled_out: tuple[str, ...]  # newer releases of the package to which every path was found to be closed, newest first
    open: tuple[str, ...]  # newer ones of which that is not known, because no more was to be asked

    @property
    def steps(self) -> tuple[dict[str, str], ...]:
        """What each step pins anew, in order; "" where a package is taken out."""
        pairs = itertools.pairwise(self.path)
        return tuple(
            {axis: after.get(axis, "") for axis in {**before, **after} if before.get(axis) != after.get(axis)}
            for before, after in pairs
        )


def upgrade(start: Row, choices: Mapping[str, Sequence[str]], package: str, budget: int) -> Search:
    """Yield combinations, take their verdicts, and return the way up.

    The newest release of the package comes first, and for each release the fewest packages moved at once; of several
    paths the one with the fewest steps, the fewest combinations nobody knows, and the fewest packages touched. What is
    not known is hoped to be good until it is asked.

    Args:
        start: The present pins, with every axis.
        choices: Axis -> releases it may have, ascending, its present one first. Axes left out stay as they are.
        package: The axis to move up.
        budget: Combinations to ask for at most.
    """
    space = _Space(start, choices, package)
    asked: list[tuple[dict[str, str], Verdict]] = []
    closed: list[str] = []
    for goal in range(len(space.releases(package)) - 1, 0, -1):
        for at_once in range(1, len(space.axes) + 1):
            while (path := space.path(goal, at_once)) is not None:
                unknown = [node for node in reversed(path) if node not in space.known]
                if not unknown:
                    return space.told(path, asked, closed)
                if len(asked) >= budget:
                    return space.told(space.best(), asked, closed)
                row = space.row(unknown[0])
                space.known[unknown[0]] = yield row
                asked.append((row, space.known[unknown[0]]))
        closed.append(space.releases(package)[goal])
    return space.told([space.start], asked, closed)


class _Space:
    """All combinations of the choices, and what is known of them."""

    def __init__(self, start: Row, choices: Mapping[str, Sequence[str]], package: str) -> None:
        self.axes = tuple(axis for axis, versions in choices.items() if len(versions) > 1)
        self._begin = dict(start)
        self._choices = [tuple(choices[axis]) for axis in self.axes]
        self._package = package
        self._place = self.axes.index(package) if package in self.axes else -1
        self.start: _Node = (0,) * len(self.axes)
        self.known: dict[_Node, Verdict] = {self.start: "good"}  # where one stands already
        self._nodes = list(itertools.product(*(range(len(versions)) for versions in self._choices)))

    def releases(self, package: str) -> tuple[str, ...]:
        return self._choices[self._place] if package in self.axes else ("",)

    def row(self, node: _Node) -> dict[str, str]:
        moved = {axis: self._choices[at][place] for at, (axis, place) in enumerate(zip(self.axes, node, strict=True))}
        return {axis: version for axis, version in (self._begin | moved).items() if version}

    def path(self, goal: int, at_once: int, *, known: bool = False) -> list[_Node] | None:
        """Return the best path to a release of the package, None where there is none; `known`: over what is known."""
        usable = [node for node in self._nodes if self.known.get(node, "bad" if known else "good") == "good"]
        best: dict[_Node, _Cost] = {self.start: (0, 0, 0, 0)}
        came: dict[_Node, _Node] = {}
        queue: list[tuple[_Cost, _Node]] = [(best[self.start], self.start)]
        while queue:
            cost, node = heapq.heappop(queue)
            if node[self._place] == goal:
                return self._walk(came, node)
            if cost > best[node]:
                continue
            for other in usable:
                moved = _moved(node, other, at_once)
                # The package itself never passes its goal.
                if moved and other[self._place] <= goal:
                    further = self._further(cost, other, moved)
                    if further < best.get(other, _FAR):
                        best[other], came[other] = further, node
                        heapq.heappush(queue, (further, other))
        return None

    def _further(self, cost: _Cost, other: _Node, moved: int) -> _Cost:
        beside = sum(place > 0 for at, place in enumerate(other) if at != self._place)
        return cost[0] + 1, cost[1] + (other not in self.known), cost[2] + moved, max(cost[3], beside)

    def _walk(self, came: Mapping[_Node, _Node], node: _Node) -> list[_Node]:
        path = [node]
        while path[-1] != self.start:
            path.append(came[path[-1]])
        return path[::-1]

    def best(self) -> list[_Node]:
        """Return the path to the newest release that what is known leads to."""
        for goal in range(len(self._choices[self._place]) - 1, 0, -1):
            for at_once in range(1, len(self.axes) + 1):
                path = self.path(goal, at_once, known=True)
                if path is not None:
                    return path
        return [self.start]

    def told(
        self, path: Sequence[_Node], asked: Sequence[tuple[dict[str, str], Verdict]], closed: Sequence[str]
    ) -> Upgrade:
        newer = self.releases(self._package)[path[-1][self._place] + 1 :][::-1] if self._place >= 0 else ()
        steps = [sum(map(int.__ne__, *pair)) for pair in itertools.pairwise(path)]
        return Upgrade(
            path=tuple(self.row(node) for node in path),
            at_once=max(steps, default=0),
            asked=tuple(asked),
            ruled_out=tuple(closed),
            open=tuple(version for version in newer if version not in closed),
        )


_FAR: _Cost = (1 << 30, 0, 0, 0)


def _moved(node: _Node, other: _Node, at_once: int) -> int:
    """Return how many packages a step moves up; 0 where it is no step, moves too many, or one of them down."""
    if any(new < old for old, new in zip(node, other, strict=True)):
        return 0
    count = sum(map(int.__ne__, node, other))
    return count if count <= at_once else 0
