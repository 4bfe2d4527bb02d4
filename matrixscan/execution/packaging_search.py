"""The search for the packages behind one failure: the era, the packages that flip the outcome, their releases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from matrixscan.analysis.culprits import Bracket, Moved, between, closed, isolate, narrow
from matrixscan.analysis.packaging import Suspicion, finding_line, suspects, works
from matrixscan.catalog.lock import Source
from matrixscan.environment.interpreters import NoInterpreterError
from matrixscan.environment.lock import ResolutionError
from matrixscan.errors import IndexUnreachableError
from matrixscan.execution.packaging_trials import Laboratory, SpentError
from matrixscan.execution.state import given
from matrixscan.plan.expand import eras_of
from matrixscan.records.packaging import PackagingExamination, PackagingFinding, PackagingTrial
from matrixscan.records.types import Error

_CONFIRMATIONS = 1  # further trials of each side of a flip


class EndedError(Exception):
    """An examination ends here; the text is one of RESULTS."""


class _Cause(NamedTuple):
    """A set of packages that breaks the combination when they move, and the rest as it then was."""

    moved: Moved
    today: Mapping[str, str]


class Search:
    """The search for one failure."""

    def __init__(self, lab: Laboratory, suspicion: Suspicion, source: Source, today: Mapping[str, str]) -> None:
        self._lab, self._suspicion, self._source, self._today = lab, suspicion, source, today
        self._findings: list[PackagingFinding] = []
        self._suspects = suspicion.suspects
        self._as_of: str | None = None  # the day of the era, once it is known

    def run(self) -> PackagingExamination:
        """Return what was tried and what came of it."""
        result = "found"
        try:
            self._start()
            self._search()
        except EndedError as end:
            result = str(end)
        except SpentError:
            result = "out_of_trials"
        except (NoInterpreterError, IndexUnreachableError, ResolutionError):
            result = "infra"
        if any(trial.outcome == "infra" for trial in self._lab.trials):
            result = "infra"  # what could not be tried may have been the answer
        elif self._findings:
            result = "found"
        return PackagingExamination(
            stage=self._suspicion.stage,
            case=self._suspicion.case,
            error=self._suspicion.error,
            suspects=self._suspicion.suspects,
            result=result,
            era_as_of=self._as_of,
            era=dict(self._lab.era),
            findings=tuple(self._findings),
            trials=tuple(self._lab.trials),
        )

    def _start(self) -> None:
        """Try the combination as it was, and with the packages of its eras, the youngest first, until one works.

        One release that is much younger than the others makes the era of the whole combination a young one, while what
        broke an older release came before it.
        """
        task = self._lab.task
        releases = self._source.releases([name for name in task.cell.axes if name != "python"], absent=True)
        eras = self._eras(eras_of(task.cell.axes, releases, task.matrix.releases.era_grace))
        if not eras:
            raise EndedError("no_era")
        self._lab.compare_with(next(iter(eras.values())))
        if self._works(self._try("today", self._today)):
            raise EndedError("not_reproduced")
        told = False
        for self._as_of, packages in eras.items():
            self._lab.compare_with(packages)
            self._lab.say(f"{len(self._differing(self._today))} other packages since {self._as_of}")
            # A matrix may take the packages of the era by itself, and they were just seen to fail.
            found = packages != self._today and self._works(self._try("era", {}, self._as_of))
            if found:
                return
            told = told or found is False
        raise EndedError("not_transitive" if told else "no_era")

    def _eras(self, days: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the packages of each day; of days with the same packages the youngest alone."""
        eras: dict[str, dict[str, str]] = {}
        for day in days:
            try:
                packages = self._lab.lock({}, day).packages
            except ResolutionError as error:
                if error.outcome == "infra" and error.kind != "FilteredByDate":
                    raise
                continue
            if packages not in eras.values():
                eras[day] = packages
        return eras

    def _search(self) -> None:
        """Find a cause, then look whether the rest works without it, and go on while it does not."""
        today, pins = self._today, dict[str, str]()
        while True:
            known = len(self._findings)
            self._releases(_Cause(self._isolated(today), today))
            pins[self._findings[known].package] = self._findings[known].works
            rest, today = self._rest(today, pins)
            self._findings[known:] = [msgspec.structs.replace(f, rest=rest) for f in self._findings[known:]]
            if rest is not False:
                return
            error = self._lab.trials[-1].error
            self._suspects = suspects([error.message if error else ""], today, self._lab.task.cell.axes)

    def _isolated(self, today: Mapping[str, str]) -> Moved:
        differing = self._differing(today)
        if not differing:
            raise EndedError("not_isolated")
        wanted = {name: {self._lab.era[name], today[name]} for name in differing}
        new = {name: {version} for name, version in today.items() if name not in self._lab.era}
        requires = self._source.requires(wanted | new)
        python = self._python()

        def close(moved: Moved) -> Moved:
            return closed(moved, self._lab.era, today, requires, python)

        def outcome(moved: Moved) -> bool | None:
            return self._works(self._try("moved", self._pins(moved, today)))

        return isolate(differing, outcome, close, self._suspects)

    def _releases(self, cause: _Cause) -> None:
        """Find the flip of each package of a cause, the others of it at today's release."""
        if self._works(self._try("moved", self._pins(cause.moved, cause.today))) is not False:
            raise EndedError("not_isolated")
        known = self._source.releases(sorted(cause.moved), absent=True)
        named = [name for name in self._suspects if name in cause.moved]
        before = len(self._findings)
        for name in dict.fromkeys([*named, *sorted(cause.moved)]):
            others = cause.moved - {name}
            if others and not self._works(self._try("moved", self._pins(others, cause.today))):
                continue  # it only came along: without it nothing fits together
            line = between(known.get(name, ()), self._lab.era[name], cause.today[name], self._lab.task.cell.python)
            self._findings.append(self._flip(name, line, cause))
        if len(self._findings) == before:
            raise EndedError("not_isolated")

    def _flip(self, name: str, line: tuple[str, ...], cause: _Cause) -> PackagingFinding:
        """Bisect over the releases of a package, and try both sides of the flip once more."""

        def at(version: str, purpose: str = "release", again: int = 0) -> PackagingTrial:
            return self._try(purpose, self._pins(cause.moved - {name}, cause.today) | {name: version}, again=again)

        flip = Bracket(line[0], line[-1], (), exact=False)
        confirmed = 1
        # The neighbours so far are known to differ; where the trials end, the finding says what was not tried.
        with contextlib.suppress(SpentError):
            for closer in narrow(line, lambda version: self._works(at(version))):
                flip = closer
            for again in range(1, 1 + _CONFIRMATIONS):
                sides = [self._works(at(version, "again", again)) for version in (flip.works, flip.breaks)]
                if sides != [True, False]:
                    raise EndedError("unstable")
                confirmed += 1
        others = {other: cause.today[other] for other in sorted(cause.moved - {name})}
        needed = self._needed(name, flip.breaks, cause) if others else False
        finding = PackagingFinding(
            package=name,
            works=flip.works,
            breaks=flip.breaks,
            tested=self._lab.ran,
            era_as_of=given(self._as_of),
            error=self._error_of(name, flip.breaks),
            together=others if needed else {},
            along=others if needed is None else {},
            exact=flip.exact,
            skipped=flip.mute,
            confirmed=confirmed,
        )
        self._lab.say(finding_line(finding))
        return finding

    def _needed(self, name: str, breaks: str, cause: _Cause) -> bool | None:
        """Tell whether a release breaks it only beside the others; None where they cannot be left as they were."""
        try:
            return self._works(self._try("alone", self._pins(frozenset(), cause.today) | {name: breaks}))
        except SpentError:
            return None

    def _rest(self, today: Mapping[str, str], pins: Mapping[str, str]) -> tuple[bool | None, Mapping[str, str]]:
        """Tell whether everything else may be as of today, and return what was tried."""
        for wanted in ({**today, **pins}, pins):
            try:
                packages = self._lab.lock(wanted).packages
                found = self._works(self._try("rest", wanted))
            except (ResolutionError, SpentError):
                continue
            if found is not None:
                return found, packages
        return None, today

    def _error_of(self, name: str, version: str) -> Error | None:
        """Return what the trial of a release said."""
        same = [trial for trial in self._lab.trials if trial.moved.get(name, self._lab.era[name]) == version]
        return next((trial.error for trial in reversed(same) if self._works(trial) is False), None)

    def _pins(self, moved: Moved, today: Mapping[str, str]) -> dict[str, str]:
        # What only one of the two has comes or goes with the package that asks for it.
        return {**today, **self._lab.era, **{name: today[name] for name in moved}}

    def _differing(self, today: Mapping[str, str]) -> list[str]:
        era, axes = self._lab.era, self._lab.task.cell.axes
        return sorted(name for name in era.keys() & today.keys() if era[name] != today[name] and name not in axes)

    def _python(self) -> dict[str, str]:
        version = self._lab.task.cell.python
        return {"python_version": ".".join(version.split(".")[:2]), "python_full_version": version}

    def _works(self, trial: PackagingTrial) -> bool | None:
        return works(trial, self._suspicion.stage)

    def _try(self, purpose: str, pins: Mapping[str, str], as_of: str | None = None, again: int = 0) -> PackagingTrial:
        return self._lab.trial(purpose, pins, as_of, again)
