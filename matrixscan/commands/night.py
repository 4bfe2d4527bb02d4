"""One night: what was known before it, what is measured in it, what became of both.

What was known is kept in the history before anything is measured, so a night that is interrupted is compared with the
same once it goes on; its records are found like those of any scan.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from matrixscan.analysis.changes import Found, Place, compare, decided, settled
from matrixscan.analysis.states import FLAKY, State, pack, unpack, without_changed_probes
from matrixscan.commands.boundary import search
from matrixscan.commands.concluding import conclude
from matrixscan.commands.confirming import Again, confirm
from matrixscan.commands.factored import is_factored
from matrixscan.commands.night_states import deciding, digests, flaky_places, known_state, measured_records, setups_of
from matrixscan.commands.outstanding import Deadline, Work
from matrixscan.commands.reporting import report
from matrixscan.commands.request import Plans, Request, load_plans, places
from matrixscan.commands.wide import adopt_locks, has_many_cases, is_wide
from matrixscan.execution.state import utc_now
from matrixscan.execution.task import Listener, Notice
from matrixscan.records import night as words
from matrixscan.records.night import Entry
from matrixscan.reporters._changes_md import FILE as PAGE
from matrixscan.reporters._changes_md import render_changes
from matrixscan.reporters._feed_atom import FILE as FEED
from matrixscan.reporters._feed_atom import feed_id, render_feed
from matrixscan.store.changes_log import read_log, with_entry, write_log
from matrixscan.store.files import write_atomically
from matrixscan.store.history import History
from matrixscan.store.history_nights import Night, Nights
from matrixscan.store.history_rows import setup_of
from matrixscan.store.published import published_records
from matrixscan.store.reports import Reports

#: Changes of one kind that are kept of a night.
MOST = 400


class Allowed(msgspec.Struct, frozen=True):
    """What a night may take."""

    seconds: float
    confirm: int
    jobs: int


class Result(msgspec.Struct, frozen=True):
    """What a night came to: nothing where there was nothing to do. `code` is that of its reports."""

    entry: Entry | None
    code: int = 0


class _Verdict(msgspec.Struct, frozen=True):
    """What a comparison came to."""

    found: tuple[Found, ...]
    undecided: frozenset[Place] = frozenset()
    flaky: frozenset[Place] = frozenset()


class NightRun:
    """One night of one matrix."""

    def __init__(self, request: Request, plans: Plans, history: History, listener: Listener, allowed: Allowed) -> None:
        self._request, self._plans, self._history, self._listener = request, plans, history, listener
        self._allowed = allowed
        self._folder = places().reports / plans.full.matrix.name
        self._nights = Nights(history.engine, _scope(), plans.full.matrix.name)
        self._last = self._nights.last()
        self._night = self._interrupted = self._nights.unfinished()
        self._before = self._known_before()
        self._work = Work(request, Deadline(allowed.seconds), listener, allowed.jobs, self._begin)

    def take(self, notes: Sequence[str], feed: Path | None) -> Result:
        """Measure, compare, confirm, and write what there is to tell."""
        self._measure()
        code = 0
        if self._work.records or self._interrupted:
            code = report(self._request).exit_code
        after = self._known_now()
        verdict = self._judge(after)
        if not (self._work.records or self._work.left or verdict.found or self._interrupted):
            if self._last is None:
                self._finish(self._begin(), after, verdict)
            return Result(None)
        night = self._begin()
        if self._work.records and not self._work.deadline.spent:
            code = conclude(self._request, self._listener).exit_code
        entry = self._entry(night, verdict, notes)
        if verdict.found:
            self._write(entry, feed)
        self._finish(night, after, verdict)
        return Result(entry, code)

    def _known_before(self) -> State:
        """Return what was known when the night before ended, or when this one began the first time."""
        kept = self._interrupted.before if self._interrupted else self._last.after if self._last else None
        plan = self._plans.full
        state = known_state(plan) if kept is None else unpack(kept)
        return without_changed_probes(state, digests(plan))

    def _begin(self) -> Night:
        """Remember what is known, before anything is measured."""
        if self._night is None:
            self._night = self._nights.begin(utc_now(), pack(self._before))
            if not is_wide(self._plans.full):
                self._history.add(published_records(self._folder))
        return self._night

    def _measure(self) -> None:
        def say(text: str) -> None:
            self._listener(Notice(self._plans.full.matrix.name, "search", text, 0.0))

        plan = self._plans.full
        if is_factored(self._plans) or has_many_cases(plan):
            adopt_locks(self._plans, Reports(places().reports, plan.matrix.name))
        search(self._request, self._plans, self._work.measure, say)
        self._plans = load_plans(self._request)
        self._history.add(measured_records(self._plans, self._work))

    def _known_now(self) -> State:
        """Return what is known of the combinations that are up to date."""
        state = known_state(self._plans.full)
        rows = {name: row for name, row in state.rows.items() if name not in self._work.left}
        return State(rows, state.probes)

    def _judge(self, after: State) -> _Verdict:
        """Return what changed, with further runs of what looks like a regression."""
        plan = self._plans.full
        setups = setups_of(after)
        if is_wide(plan):  # its tables do not say
            setups = {setup_of(record): record.id for record in measured_records(self._plans, self._work)}
        flaky = flaky_places(self._history, setups)
        found = compare(self._before, after, self._planned(), deciding(plan), flaky | self._flaky_before())
        doubtful = [each for each in found if each.change.kind == words.REGRESSION]
        if not doubtful:
            return _Verdict(found, flaky=frozenset(flaky))
        said = self._measure_again([each.place for each in doubtful if each.place is not None])
        told = tuple(
            decided(each, said[each.place], self._allowed.confirm) if each in doubtful and each.place else each
            for each in found
        )
        kinds = {each.place: each.change.kind for each in told if each.place in said}
        return _Verdict(
            told,
            frozenset(place for place, kind in kinds.items() if kind == words.UNCONFIRMED and place),
            frozenset(flaky | {place for place, kind in kinds.items() if kind == words.FLAKY and place}),
        )

    def _flaky_before(self) -> set[Place]:
        """Return what the history says to be flaky of what was known before, where nobody said so yet."""
        found = flaky_places(self._history, setups_of(self._before))
        rows = self._before.rows
        return {
            (name, lane) for name, lane in found if lane in rows[name].lanes and rows[name].lanes[lane].known != FLAKY
        }

    def _measure_again(self, suspects: Sequence[Place]) -> dict[Place, list[str]]:
        night = self._begin()
        again = Again(self._request, self._plans, self._again_folder(night), self._listener)
        # As much time as the night itself, for a finding that nobody confirms is worth little.
        deadline = Deadline(max(self._allowed.seconds, 1.0))
        return confirm(again, self._history, suspects, self._allowed.confirm, deadline)

    def _again_folder(self, night: Night) -> Path:
        digits = "".join(sign for sign in night.began if sign.isdigit())
        return places().work / "nightly" / self._plans.full.matrix.name / digits

    def _planned(self) -> list[str]:
        return [cell.id for cell in self._plans.full.cells]

    def _entry(self, night: Night, verdict: _Verdict, notes: Sequence[str]) -> Entry:
        changes = sorted((each.change for each in verdict.found), key=lambda change: not change.decides)
        by_kind = ([change for change in changes if change.kind == kind] for kind in words.KINDS)
        kept = tuple(change for some in by_kind for change in some[:MOST])
        return Entry(
            began=night.began,
            finished=utc_now(),
            changes=kept,
            first=not self._before.rows,
            measured=len(self._work.records),
            left=tuple(name for name in self._planned() if name in self._work.left),
            notes=tuple(notes),
            untold=len(changes) - len(kept),
        )

    def _write(self, entry: Entry, feed: Path | None) -> None:
        name = self._plans.full.matrix.name
        log = with_entry(read_log(self._folder), name, feed_id(name, entry.began), entry)
        write_log(self._folder, log)
        write_atomically(self._folder / PAGE, render_changes(log).encode())
        write_atomically(self._folder / FEED if feed is None else feed, render_feed(log).encode())

    def _finish(self, night: Night, after: State, verdict: _Verdict) -> None:
        state = settled(self._before, after, self._planned(), verdict.undecided, verdict.flaky)
        self._nights.finish(night, utc_now(), pack(state))
        shutil.rmtree(self._again_folder(night), ignore_errors=True)


def _scope() -> str:
    """Return what shares a memory: checkouts of one project on machines of one sort."""
    return f"{Path.cwd().name} {platform.system()} {platform.machine()}"
