"""How far a package can be upgraded from a user's present pins, and in which order, through what was seen to work."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from matrixscan.analysis.judge import BAD, GOOD, Judgement
from matrixscan.analysis.recommend import public
from matrixscan.analysis.upgrade_path import Upgrade, Verdict, upgrade
from matrixscan.catalog.selectors import is_exact, version
from matrixscan.catalog.types import Release
from matrixscan.commands.bench import Bench, words_of
from matrixscan.commands.releases import last_of_minors, of_the_time, usable_releases
from matrixscan.commands.request import Outcome, Request, load_plans
from matrixscan.errors import MatrixscanError, UnknownNameError, did_you_mean
from matrixscan.execution.task import Listener, Notice
from matrixscan.matrix.backends import runners
from matrixscan.pins.read import read_pins
from matrixscan.pins.types import Pins
from matrixscan.pins.write import rewrite_files
from matrixscan.plan.types import Plan
from matrixscan.reporters._upgrade import UpgradeReport, render_upgrade
from matrixscan.store.files import write_atomically

#: Ends the name under which an upgrade keeps what it measures, beside what scans of the matrix do.
SUFFIX = "_upgrade"
#: Releases beside the present one that a package may have which is not the one to upgrade.
_BESIDE = 3
_BUDGET = 20
#: Stages of an environment that cannot be there.
_UNBUILT = frozenset({"resolve", "install"})


class PinsLackError(MatrixscanError):
    """The pins leave open what has to be known before anything can be measured."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join([f"{source}:", *(f"  {problem}" for problem in problems)]))


class PythonUnsaidError(MatrixscanError):
    """Nobody says which Python is meant, and on the running one the present pins cannot be installed."""

    def __init__(self, source: str, python: str, found: Judgement) -> None:
        super().__init__(
            f"{source} does not say which Python is meant, and on Python {python}, which runs matrixscan, its pins "
            f"cannot be installed{words_of(found)}; add --python VERSION, such as --python 3.8"
        )


def upgrade_pins(
    path: str,
    package: str,
    request: Request,
    listener: Listener,
    *,
    python: str | None = None,
    more: Mapping[str, str] | None = None,
    budget: int = _BUDGET,
    pre: bool = False,
    write: bool = False,
    as_json: bool = False,
) -> Outcome:
    """Say how far a package can be upgraded, measuring what is not known, and write the new pins if that is wanted.

    Args:
        path: Of a file of pins, or a virtual environment; see `pins.read.read_pins`.
        package: The package to upgrade.
        request: The matrix that says which probes decide, and how; its combinations are not used.
        listener: Told about progress.
        python: The Python that is meant; what the pins say, else the running one, when None.
        more: Name -> version, of what the pins leave open.
        budget: Combinations to try at most, besides the present one.
        pre: Try pre-releases too.
        write: Change the versions in the file.
        as_json: Return JSON.

    Returns:
        Exit code 0 where some newer release can be reached, or the present one is the newest; else 1.

    Raises:
        PinsFileError, PinsWriteError: The file cannot be read, or not be written.
        PinsLackError: A package that is needed is not pinned exactly, or `more` is not what the pins say.
        PythonUnsaidError: The pins do not say which Python is meant, and cannot be installed on the running one.
    """
    pins = read_pins(path, python=python)
    plan = _plan(request)
    start = _start(pins, plan, package, more or {})
    if write:
        rewrite_files(Path(path), {})  # refuses what cannot be written before anything is measured
    listener(Notice("upgrade", "index", f"which releases of {', '.join(list(start)[1:])} there are", 0.0))
    choices = _choices(start, package, plan, pre=pre)
    bench = Bench(request, plan, SUFFIX, listener)
    present = bench.judge(start)
    if pins.python is None and present.verdict == BAD and present.stage in _UNBUILT:
        raise PythonUnsaidError(pins.source, start["python"], present)
    found = _drive(start, choices, package, bench, budget)
    changes = {axis: value for axis, value in found.path[-1].items() if value != start.get(axis)}
    mentioned = {name: value for name, value in changes.items() if name in pins.versions}
    written = _write(Path(path), mentioned, pins.python) if write and mentioned else ()
    report = UpgradeReport(
        source=pins.source,
        package=package,
        probes=tuple(dict.fromkeys(f"{case.probe}/{case.variant}" for case in plan.cases)),
        present=_words(present),
        upgrade=found,
        measured=tuple(bench.steps.values()),
        written=written,
        unwritten=tuple(name for name in changes if write and name not in mentioned),
    )
    reached = len(found.path) > 1 or not (found.ruled_out or found.open)
    return Outcome(render_upgrade(report, as_json=as_json), 0 if reached else 1)


def _plan(request: Request) -> Plan:
    """Return the cases that decide, under a name of their own."""
    plain = load_plans(request)
    if plain.full.matrix.plan == "factored":
        plain = load_plans(msgspec.structs.replace(request, joint=True))
    plan = plain.selected
    first = {probe.name: {case.variant for case in plan.cases if case.probe == probe.name} for probe in plan.probes}
    for probe in plan.probes:
        if not probe.family:
            variants = list(dict.fromkeys(case.variant for case in plan.cases if case.probe == probe.name))
            first[probe.name] = set(variants[:1])
    cases = tuple(case for case in plan.cases if case.probe in plan.judged and case.variant in first[case.probe])
    named = msgspec.structs.replace(plan.matrix, name=f"{plan.matrix.name}{SUFFIX}")
    return msgspec.structs.replace(plan, matrix=named, cases=cases)


def _needed(plan: Plan, package: str) -> list[tuple[str, ...]]:
    """Return the packages without which the cases cannot be run, any of each group, and the one that is to move."""
    used = dict.fromkeys(case.runner for case in plan.cases if not case.witness)
    return [("torch",), ("onnx",), *(tuple(runners()[runner].packages) for runner in used), (package,)]


def _start(pins: Pins, plan: Plan, package: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return the present combination."""
    given = {name: public(value) for name, value in pins.versions.items()}
    known = given | dict(more)
    groups = _needed(plan, package)
    problems = [
        f"{name} is pinned to {given[name]}, and --pin says {value}; change the file, or leave out --pin {name}"
        for name, value in more.items()
        if given.get(name, value) != value
    ]
    problems += [_lacking(group[0], pins, known) for group in groups if not set(group) & set(known)]
    if problems:
        raise PinsLackError(pins.source, list(dict.fromkeys(problems)))
    python = pins.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    chosen = [next(name for name in group if name in known) for group in groups]
    axes = dict.fromkeys([*chosen, *(axis for cell in plan.cells for axis in cell.axes if axis in known)])
    return {"python": ".".join(python.split(".")[:2]), **{axis: known[axis] for axis in axes}}


def _lacking(axis: str, pins: Pins, known: Collection[str]) -> str:
    said = f"only said to be {pins.loose[axis]}" if axis in pins.loose else "not pinned"
    near = "" if axis in pins.loose else f" ({did_you_mean(axis, known)})"
    return f"{axis} is {said}; pin it exactly, or add --pin {axis}==VERSION{near}"


def _choices(start: Mapping[str, str], package: str, plan: Plan, *, pre: bool) -> dict[str, tuple[str, ...]]:
    """Return what each package may become: ascending, its present release first."""
    grace = plan.matrix.releases.era_grace
    goals = _newer(package, start, plan, pre=pre)
    days = [goal.uploaded for goal in goals]
    found = {package: (start[package], *(goal.version for goal in goals))}
    axes = dict.fromkeys([*start, *({"onnxscript"} & {axis for cell in plan.cells for axis in cell.axes})])
    for axis in axes:
        if axis in {"python", package}:
            continue
        newer = _newer(axis, start, plan, pre=pre)
        eras = (of_the_time(newer, day, grace) for day in days)
        wanted = [release for release in (*eras, *newer[-1:]) if release is not None]
        versions = sorted({release.version for release in wanted}, key=version)
        found[axis] = (start.get(axis, ""), *_evenly(versions))
    return found


def _newer(axis: str, start: Mapping[str, str], plan: Plan, *, pre: bool) -> list[Release]:
    present = start.get(axis)
    there = usable_releases(axis, plan, [start["python"]], pre=pre)
    return [each for each in last_of_minors(there) if present is None or version(each.version) > version(present)]


def _evenly(versions: Sequence[str]) -> tuple[str, ...]:
    """Return a few of the versions, the last among them."""
    if len(versions) <= _BESIDE:
        return tuple(versions)
    step = (len(versions) - 1) / (_BESIDE - 1)
    return tuple(dict.fromkeys(versions[round(at * step)] for at in range(_BESIDE)))


def _drive(
    start: dict[str, str], choices: Mapping[str, Sequence[str]], package: str, bench: Bench, budget: int
) -> Upgrade:
    going = upgrade(start, choices, package, budget)
    verdict: Verdict | None = None
    while True:
        try:
            row = next(going) if verdict is None else going.send(verdict)
        except StopIteration as end:
            found: Upgrade = end.value
            return found
        judged = bench.judge(row).verdict
        verdict = "good" if judged == GOOD else "bad" if judged == BAD else "unknown"


def _words(found: Judgement) -> str:
    return f"{found.verdict}{words_of(found)}"


def _write(path: Path, changes: Mapping[str, str], python: str | None) -> tuple[str, ...]:
    """Write the pins that change and return the files."""
    texts = rewrite_files(path, changes, python=python)
    for file, text in texts.items():
        write_atomically(file, text.encode())
    return tuple(str(file) for file in texts)


def parse_pins(texts: Sequence[str]) -> dict[str, str]:
    """Return name -> version of `NAME==VERSION` texts.

    Raises:
        UnknownNameError: One is not of that form.
    """
    found = {}
    for text in texts:
        name, sign, value = text.partition("==")
        if not sign or not is_exact(value.strip()):
            raise UnknownNameError("pin", text, ["NAME==VERSION"])
        found[str(canonicalize_name(name.strip()))] = value.strip()
    return found
