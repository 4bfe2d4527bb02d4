"""The nightly run: refresh the lock, measure what is new, say what changed, and whether something got worse."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from matrixscan.catalog.lock import lock_path, news, read_lock
from matrixscan.commands.locking import ask
from matrixscan.commands.night import Allowed, NightRun, Result
from matrixscan.commands.request import Outcome, Request, load_plans, places
from matrixscan.errors import EXIT_INFRASTRUCTURE, EXIT_UNEXPECTED, IndexUnreachableError, MatrixscanError
from matrixscan.execution.run_task import held
from matrixscan.execution.task import Listener
from matrixscan.matrix.nightly import NO_DURATION, seconds_of
from matrixscan.matrix.reader import find_matrix, takes_lock
from matrixscan.records import night as words
from matrixscan.records.night import Entry
from matrixscan.reporters._changes import headline, sections
from matrixscan.store.history import History

#: Seconds for which an earlier answer of the index is as good: hardly any; it is kept for when the index is silent.
_NOW = 0.001
_IDLE = "nothing new: every combination of the matrix is measured, and nothing changed"


class BadBudgetError(MatrixscanError):
    """A budget on the command line is none."""

    def __init__(self, text: str) -> None:
        super().__init__(f"--budget {text!r} {NO_DURATION}")


def nightly(
    request: Request,
    listener: Listener,
    *,
    budget: str | None = None,
    history: str | None = None,
    feed: str | None = None,
    jobs: int = 1,
) -> Outcome:
    """Measure what is new in a matrix and say what changed since the night before.

    Args:
        request: The matrix.
        listener: Told about every step.
        budget: For how long environments are begun, as `90s`, `45m` or `2h`; the matrix says when None.
        history: Address of the history; see `history_url`.
        feed: Where the feed goes; beside the reports when None.
        jobs: Combinations at once.

    Raises:
        MatrixscanError: the matrix, the budget or the history cannot be used.
    """
    seconds = None if budget is None else seconds_of(budget)
    if budget is not None and seconds is None:
        raise BadBudgetError(budget)
    name = find_matrix(request.matrix).stem
    folder = places().work / "nightly"
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder / f"{name}.lock"), History.open(history, places().work) as opened:
        notes = _refresh(request.matrix)
        plans = load_plans(request)
        own = plans.full.matrix.nightly
        allowed = Allowed(own.budget if seconds is None else seconds, own.confirm, jobs)
        result = NightRun(request, plans, opened, listener, allowed).take(notes, None if feed is None else Path(feed))
    return Outcome(_text(name, result, notes), _exit_code(result))


def _refresh(matrix: str) -> tuple[str, ...]:
    """Ask the index what is new, and keep its answer if it is another one; return what is to be said of it."""
    file = find_matrix(matrix)
    if not takes_lock(file):
        return ()
    try:
        answer = ask(file, fresh=_NOW)
    except IndexUnreachableError:
        old = read_lock(lock_path(file))
        if old is None:
            raise
        return (f"the package index does not answer: the lock of {old.made.date()} is used",)
    if not answer.same:
        answer.write()
    changed = news(answer.old, answer.new) if answer.old is not None else ()
    return (*answer.notes, *changed)


def _text(name: str, result: Result, notes: Collection[str]) -> str:
    if result.entry is None:
        return "\n".join([*notes, f"{name}: {_IDLE}"]) + "\n"
    entry: Entry = result.entry
    lines = [f"{name}: {headline(entry)}"]
    for section in sections(entry):
        lines += ["", section.title, *(f"  {line}" for line in section.lines)]
    if result.code == EXIT_INFRASTRUCTURE:
        lines += ["", "Nothing could be judged."]
    return "\n".join(lines) + "\n"


def _exit_code(result: Result) -> int:
    kinds = {change.kind for change in result.entry.changes if change.decides} if result.entry else set()
    if words.REGRESSION in kinds:
        return EXIT_UNEXPECTED
    return EXIT_INFRASTRUCTURE if words.UNCONFIRMED in kinds or result.code == EXIT_INFRASTRUCTURE else 0
