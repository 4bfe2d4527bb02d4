"""What changed between two states of a matrix, and which of it is a regression. Pure.

A regression is a lane that was good and is bad: in the same combination, or in one with a new release where the
nearest older neighbour was good. What came out both ways with nothing changed is flaky, and never a regression nor
fixed. What is unknown now says nothing: the last verdict before it is what later nights are compared with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from matrixscan.analysis.judge import BAD, GOOD, NOT_APPLICABLE, UNKNOWN
from matrixscan.analysis.neighbours import Neighbours
from matrixscan.analysis.states import ENVIRONMENT_LANE, FLAKY, LaneKey, Row, State, Told
from matrixscan.records import night
from matrixscan.records.night import Change

Place = tuple[str, LaneKey]

_NOTHING = Told("")

#: (known before, now) -> what it is called. What is not here is no news.
_KINDS = {
    (GOOD, BAD): night.REGRESSION,
    (BAD, GOOD): night.FIXED,
    (FLAKY, BAD): night.CHANGED,
    (NOT_APPLICABLE, BAD): night.CHANGED,
    (GOOD, NOT_APPLICABLE): night.CHANGED,
    (BAD, NOT_APPLICABLE): night.CHANGED,
    (GOOD, UNKNOWN): night.UNKNOWN,
    (BAD, UNKNOWN): night.UNKNOWN,
}


class Found(msgspec.Struct, frozen=True):
    """A change and where it is."""

    place: Place | None  # None: a whole combination, or a probe in several
    change: Change


def compare(
    before: State,
    after: State,
    planned: Collection[str],
    deciding: Collection[tuple[str, str]],
    flaky: Collection[Place],
) -> tuple[Found, ...]:
    """Return what changed.

    Args:
        before: What was known, combinations that are gone included.
        after: What is known of combinations that are up to date.
        planned: Ids of all combinations of the plan.
        deciding: The (probe, variant) that count for verdicts.
        flaky: What came out both ways with nothing changed.
    """
    return tuple(_Comparison(before, after, deciding, flaky).run(planned))


class _Comparison:
    def __init__(
        self, before: State, after: State, deciding: Collection[tuple[str, str]], flaky: Collection[Place]
    ) -> None:
        self._before, self._after = before, after
        self._deciding, self._flaky = deciding, flaky
        self._by_lane: dict[LaneKey, list[str]] = {}
        self._neighbours = Neighbours({name: row.axes for name, row in {**before.rows, **after.rows}.items()})

    def run(self, planned: Collection[str]) -> Iterator[Found]:
        for name, row in self._after.rows.items():
            known = self._before.rows.get(name)
            for key, told in self._lanes(row):
                found = self._lane(name, key, told, _NOTHING if known is None else _before(known, key))
                if found is not None:
                    yield Found((name, key), found)
            yield from self._whole(name, row, known)
        yield from self._gone(planned)
        yield from self._new_probes()

    def _lanes(self, row: Row) -> list[tuple[LaneKey, Told]]:
        """Return the lanes of a combination; of one whose environment does not come up, that alone."""
        environment = row.lanes.get(ENVIRONMENT_LANE)
        broken = environment is not None and environment.verdict != GOOD
        return [(key, told) for key, told in row.lanes.items() if not broken or key == ENVIRONMENT_LANE]

    def _summary(self, row: Row) -> str:
        """Return the verdicts of a combination's lanes, or that of its environment where that is all there is."""
        lanes = self._lanes(row)
        return _summary(told for key, told in lanes if key != ENVIRONMENT_LANE or len(lanes) == 1)

    def _lane(self, name: str, key: LaneKey, told: Told, before: Told) -> Change | None:
        change = Change(
            kind="",
            combination=name,
            subject=key.subject,
            lane=key.label,
            before=before.said,
            after=told.said if told.verdict != UNKNOWN else told.words or UNKNOWN,
            decides=key == ENVIRONMENT_LANE or (key.probe, key.variant) in self._deciding,
        )
        if (name, key) in self._flaky:
            said = before.known == FLAKY or told.verdict not in {GOOD, BAD}
            return None if said else msgspec.structs.replace(change, kind=night.FLAKY)
        if not before.known:
            return self._first(name, key, told, before, change)
        kind = _KINDS.get((before.known, told.verdict), "")
        if kind == night.UNKNOWN and before.verdict == UNKNOWN:
            return None  # it was said when it came to be
        if (before.known, told.verdict) == (BAD, BAD) and before.said != told.said:
            kind = night.CHANGED
        return msgspec.structs.replace(change, kind=kind) if kind else None

    def _first(self, name: str, key: LaneKey, told: Told, before: Told, change: Change) -> Change | None:
        """Return what a first verdict amounts to: a regression where older releases were good."""
        if told.verdict == BAD:
            older = self._neighbours.that_was_good(name, self._known(key), lambda other: self._verdict(other, key))
            if older is not None:
                was = self._told(older.id, key).said
                return msgspec.structs.replace(
                    change, kind=night.REGRESSION, neighbour=older.id, moved=older.moved, before=was
                )
        if before.verdict == UNKNOWN and told.verdict == BAD:
            return msgspec.structs.replace(change, kind=night.CHANGED, before=before.words or UNKNOWN)
        return None

    def _known(self, key: LaneKey) -> list[str]:
        """Return the combinations of which something was known of a lane."""
        if key not in self._by_lane:
            rows = self._before.rows.items()
            self._by_lane[key] = [name for name, row in rows if key in row.lanes and row.lanes[key].known]
        return self._by_lane[key]

    def _verdict(self, name: str, key: LaneKey) -> str:
        found = self._told(name, key).known
        return "" if found in {NOT_APPLICABLE, FLAKY} or (name, key) in self._flaky else found

    def _told(self, name: str, key: LaneKey) -> Told:
        for state in (self._after, self._before):
            row = state.rows.get(name)
            if row is not None and key in row.lanes and row.lanes[key].known:
                return row.lanes[key]
        return _NOTHING

    def _whole(self, name: str, row: Row, known: Row | None) -> Iterator[Found]:
        """Yield what is to be said of a combination as a whole: that it is new."""
        if known is None or (known.gone and not row.gone):
            yield Found(None, Change(night.NEW, name, after=self._summary(row)))

    def _gone(self, planned: Collection[str]) -> Iterator[Found]:
        for name, row in self._before.rows.items():
            if name not in planned and not row.gone:
                yield Found(None, Change(night.GONE, name, before=self._summary(row)))

    def _new_probes(self) -> Iterator[Found]:
        """Yield the probes that combinations have now and none had before."""
        had = {key.subject for row in self._before.rows.values() for key in row.lanes}
        new: dict[str, list[Told]] = {}
        for name in self._after.rows.keys() & self._before.rows.keys():
            for key, told in self._lanes(self._after.rows[name]):
                if key.subject not in had:
                    new.setdefault(key.subject, []).append(told)
        for subject, found in sorted(new.items()):
            yield Found(None, Change(night.NEW, subject=subject, after=_summary(found)))


def decided(found: Found, verdicts: Sequence[str], wanted: int) -> Found:
    """Return what a regression amounts to after further runs of the same.

    Args:
        found: What looks like one.
        verdicts: What the further runs said of it; empty texts for those that said nothing.
        wanted: How many have to agree.
    """
    said = [verdict for verdict in verdicts if verdict in {GOOD, BAD}]
    agreed = night.REGRESSION if len(said) >= wanted else night.UNCONFIRMED
    kind = night.FLAKY if GOOD in said else agreed
    return msgspec.structs.replace(found, change=msgspec.structs.replace(found.change, kind=kind, runs=len(said)))


def _before(row: Row, key: LaneKey) -> Told:
    """Return what was known of a lane; of one in an environment that did not come up, why."""
    found = row.lanes.get(key)
    if found is not None:
        return found
    environment = row.lanes.get(ENVIRONMENT_LANE, _NOTHING)
    return _NOTHING if environment.verdict in {"", GOOD} else Told(UNKNOWN, environment.words)


def _summary(lanes: Iterable[Told]) -> str:
    """Return `3 good, 1 bad`."""
    found = list(lanes)
    counts = {verdict: sum(told.verdict == verdict for told in found) for verdict in (GOOD, BAD, FLAKY, UNKNOWN)}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or NOT_APPLICABLE


def settled(
    before: State, after: State, planned: Collection[str], open_: Collection[Place], flaky: Collection[Place]
) -> State:
    """Return what the next night is to be compared with.

    Args:
        before: What was known.
        after: What is known now of combinations that are up to date; the others stay as they were.
        planned: Ids of all combinations of the plan.
        open_: What is not decided yet: as if it had not been measured.
        flaky: What came out both ways.
    """
    rows = {
        name: row if name in planned else msgspec.structs.replace(row, gone=True) for name, row in before.rows.items()
    }
    for name, row in after.rows.items():
        known = before.rows.get(name)
        earlier = known.lanes if known is not None else {}
        lanes = {}
        for key, told in row.lanes.items():
            kept = _settled(told, earlier.get(key, _NOTHING), (name, key) in open_, (name, key) in flaky)
            if kept.verdict:
                lanes[key] = kept
        rows[name] = msgspec.structs.replace(row, lanes=_with_hidden(lanes, earlier))
    return State(rows, after.probes)


def _settled(told: Told, before: Told, undecided: bool, both: bool) -> Told:
    if both:
        return Told(FLAKY)
    if undecided:
        return before
    if told.verdict == UNKNOWN and before.known:
        return Told(UNKNOWN, told.words, before.known, before.words if before.verdict != UNKNOWN else before.was_words)
    return told


def _with_hidden(lanes: dict[LaneKey, Told], earlier: Mapping[LaneKey, Told]) -> dict[LaneKey, Told]:
    """Add what was known of lanes that an environment that does not come up hides now."""
    environment = lanes.get(ENVIRONMENT_LANE)
    if environment is None or environment.verdict in {GOOD, ""}:
        return lanes
    hidden = {
        key: Told(UNKNOWN, environment.words, told.known, told.words if told.verdict != UNKNOWN else told.was_words)
        for key, told in earlier.items()
        if key not in lanes and told.known
    }
    return {**lanes, **hidden}
