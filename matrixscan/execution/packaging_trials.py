"""One environment after the other for one failing step, with packages that are no axis at chosen releases."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from matrixscan.environment.create import remove
from matrixscan.environment.interpreters import find_interpreter
from matrixscan.environment.lock import LockFile, ResolutionError, inputs_digest, read_lock, resolve
from matrixscan.execution.assemble import redactor
from matrixscan.execution.requests import case_fields
from matrixscan.execution.stages import build_environment, measure
from matrixscan.execution.state import CellRun
from matrixscan.execution.task import Listener, Notice, Task, resume_key
from matrixscan.harness.protocol import STAGES
from matrixscan.records.packaging import PackagingTrial
from matrixscan.records.types import Error
from matrixscan.store.files import write_atomically
from matrixscan.store.packaging import KeptTrials
from matrixscan.store.work import CellWork

_SPELLED_OUT = 4  # packages in a line
_WORDS = 2000  # characters of an error: a failure of dynamo's alone is longer than all trials should be


class SpentError(Exception):
    """The budget of trials is used up."""


class _Enough(BaseException):  # a way out past what keeps a scan going, as an interrupt is
    """The failing stage was passed; what comes after it costs time and says nothing."""


class _End(NamedTuple):
    """How a trial ended and where; no stage means that the failing one was passed."""

    outcome: str
    stage: str | None
    error: Error | None


@dataclass
class _Watch(CellRun):
    """A run that ends as soon as the failing stage is passed."""

    stage: str = "import"

    def event_listener(self) -> Callable[[dict[str, Any]], None]:
        tell = super().event_listener()

        def on_event(event: dict[str, Any]) -> None:
            tell(event)
            if event["event"] == "stage" and _past(event, self.stage):
                raise _Enough

        return on_event


def _past(event: Mapping[str, Any], stage: str) -> bool:
    if event["stage"] == "import":
        return stage == "import" and event["outcome"] == "passed"
    return STAGES.index(event["stage"]) > STAGES.index(stage)


@dataclass
class Laboratory:
    """Tries releases for one step of one combination.

    Args:
        task: of the one case that shows the failure, with folders of its own.
        stage: the one that fails.
        torch_index: where torch comes from.
        budget: environments that may be tried.
        listener: told about every trial.
    """

    task: Task
    stage: str
    torch_index: str
    budget: int
    listener: Listener
    era: dict[str, str] = field(default_factory=dict)
    trials: list[PackagingTrial] = field(default_factory=list)
    ran: int = 0
    _installed: list[Mapping[str, str]] = field(default_factory=list)  # of each trial
    _known: dict[str, PackagingTrial] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find the folders."""
        self._work = CellWork(self.task.places.work, self.task.matrix.name, self.task.cell.id)
        self._kept = KeptTrials(self._work.folder / "trials")
        self._began = time.monotonic()

    def lock(self, pins: Mapping[str, str], as_of: str | None = None) -> LockFile:
        """Return what the combination is with these releases; asked for once.

        Raises:
            ResolutionError: nothing fits together.
            NoInterpreterError: there is no such Python here.
        """
        cell = self.task.cell
        others = {name: version for name, version in pins.items() if name not in cell.axes}
        digest = inputs_digest(cell.requirements, cell.python, others, as_of)
        path = self._work.folder / "locks" / f"{digest}.txt"
        lock = read_lock(path)
        if lock is None or lock.inputs != digest or lock.torch_index != self.torch_index:
            lock = resolve(
                cell.requirements,
                interpreter=find_interpreter(cell.python),
                python=cell.python,
                torch_index=self.torch_index,
                title=cell.id,
                constraints=others,
                as_of=as_of,
            )
            write_atomically(path, lock.text.encode())
        return lock

    def trial(self, purpose: str, pins: Mapping[str, str], as_of: str | None = None, again: int = 0) -> PackagingTrial:
        """Try releases, or remember what came out of them.

        Args:
            purpose: a word for the record.
            pins: package -> release; packages it does not name are as uv chooses them.
            as_of: a date, YYYY-MM-DD; packages that nothing pins are taken as they were then.
            again: counts further trials of the same, each in a new environment.

        Raises:
            SpentError: no more environments may be tried.
        """
        key = self._key(pins, as_of, again)
        if key in self._known:
            return self._known[key]
        trial = self._kept.read(key)
        if trial is None:
            trial = self._tried(pins, as_of, again)
            if trial.outcome != "infra":
                self._kept.write(key, trial)
        elif trial.lock:
            self._spend()
        installed = self.lock(pins, as_of).packages if trial.lock else {**self.era, **pins}
        trial = msgspec.structs.replace(trial, purpose=purpose, moved=moved(self.era, installed))
        self._known[key] = trial
        self.trials.append(trial)
        self._installed.append(installed)
        self.say(_told(trial, f"{self.ran} of {self.budget}"))
        return trial

    def compare_with(self, era: dict[str, str]) -> None:
        """Take the packages of an era for those that every trial is told by, earlier ones too."""
        self.era = era
        for at, installed in enumerate(self._installed):
            self.trials[at] = msgspec.structs.replace(self.trials[at], moved=moved(era, installed))

    def say(self, text: str) -> None:
        """Tell whoever listens."""
        self.listener(Notice(self.task.cell.id, "trial", text, time.monotonic() - self._began))

    def _key(self, pins: Mapping[str, str], as_of: str | None, again: int) -> str:
        case, probe = self.task.selected[0], self.task.probes[0]
        parts = [resume_key(self.task, None), self.torch_index, repr(sorted(pins.items())), str(as_of), str(again)]
        parts += [case.id, probe.digest, self.stage]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def _spend(self) -> None:
        if self.ran >= self.budget:
            raise SpentError
        self.ran += 1

    def _tried(self, pins: Mapping[str, str], as_of: str | None, again: int) -> PackagingTrial:
        began = time.monotonic()
        run = _Watch(self.task, self._work, _silent, stage=self.stage)
        try:
            run.lock = self.lock(pins, as_of)
        except ResolutionError as error:
            end = _End(error.outcome, "resolve", Error(error.kind, str(error)))
        else:
            self._spend()
            if again:
                remove(self._work.environment)
            self._work.forget_runs()  # a trial is whole or it was none
            end = self._ended(run)
        return PackagingTrial(
            purpose="",
            moved={},
            outcome=end.outcome,
            stage=end.stage,
            error=_redacted(end.error, run),
            lock=run.lock.sha256 if run.lock else "",
            seconds=round(time.monotonic() - began, 3),
        )

    def _ended(self, run: _Watch) -> _End:
        """Run, and return how it ended."""
        try:
            if self.stage == "install":
                build_environment(run)
            else:
                measure(run)
        except _Enough:
            return _End("passed", None, None)
        broken = next((stage for stage in run.stages if stage.outcome != "passed"), None)
        if broken is not None:
            return _End(broken.outcome, broken.stage, broken.error)
        return _End("passed", None, None) if self.stage == "install" else self._read(run)

    def _read(self, run: _Watch) -> _End:
        fold = run.fold()
        if fold.imported is None:
            return _End("infra", "import", None)
        if fold.import_failed:
            error = msgspec.convert(fold.imported.get("error"), Error | None)
            return _End(fold.imported["outcome"], "import", error)
        end = fold.outcome_of(case_fields(self.task.selected[0])) or {}
        stage = end.get("stage")
        if end and (stage is None or STAGES.index(stage) > STAGES.index(self.stage)):
            return _End("passed", None, None)
        return _End(end.get("outcome", "infra"), stage, msgspec.convert(end.get("error"), Error | None))


def _silent(_: Notice) -> None:
    """Say nothing of the stages of a trial: its outcome is one line."""


def _told(trial: PackagingTrial, count: str) -> str:
    releases = [name if version is None else f"{name} {version}" for name, version in trial.moved.items()]
    what = ", ".join(releases) if len(releases) <= _SPELLED_OUT else f"{len(releases)} other packages"
    end = trial.outcome if trial.stage is None else f"{trial.stage} {trial.outcome}"
    return f"{count}: {trial.purpose}: {what or 'as of the era'}: {end}"


def moved(era: Mapping[str, str], packages: Mapping[str, str]) -> dict[str, str | None]:
    """Return what differs from the era; None for a package that is not there."""
    names = sorted(era.keys() | packages.keys())
    return {name: packages.get(name) for name in names if era.get(name) != packages.get(name)}


def _redacted(error: Error | None, run: CellRun) -> Error | None:
    if error is None:
        return None
    text = redactor(run).text(error.message)
    return Error(error.type, text if len(text) <= _WORDS else f"{text[:_WORDS]} ...")
