"""Does a failure smell of packaging: does it die in a package that is no axis? And the words for what was found."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec
from packaging.utils import canonicalize_name

from matrixscan.harness.protocol import CASE_STAGES
from matrixscan.records.packaging import PackagingFinding, PackagingRecord, PackagingTrial
from matrixscan.records.types import CaseRecord, Error, Record

#: Modules whose package has another name.
_PACKAGES = {
    "google": "protobuf",
    "pkg_resources": "setuptools",
    "distutils": "setuptools",
    "_distutils_hack": "setuptools",
    "yaml": "pyyaml",
    "PIL": "pillow",
    "attr": "attrs",
    "cv2": "opencv-python",
    "sklearn": "scikit-learn",
}
#: Words that mean a package without naming its module.
_TELLTALES = (
    ("numpy", r"_ARRAY_API not found|Numpy is not available|numpy\.core\.multiarray|numpy\.dtype size changed"),
    ("numpy", r"compiled using NumPy 1\.x|numpy\._core"),
    ("protobuf", r"Descriptors cannot (?:not )?be created directly|google\.protobuf|_message\.Message"),
    ("protobuf", r"Field onnx\.\w+\.\w+: Expected "),
    ("setuptools", r"pkg_resources|distutils"),
)
#: Words that name a module, the most telling first; a missing one may belong to a package that is not installed.
_MISSING = re.compile(r"No module named '?([\w.]+)")
_NAMED = (
    _MISSING,
    re.compile(r"module '([\w.]+)' has no attribute"),
    re.compile(r"cannot import name '[^']*' from (?:partially initialized module )?'([\w.]+)'"),
    re.compile(r"site-packages/(\w+)"),
)
_SHORTEST_WORD = 4  # package names that may stand for themselves in an error: shorter ones are words
_DIED = ("failed", "crashed")
_UNDECIDED = ("skipped", "infeasible", "infra")
_OF_THE_MODEL = ("build", "eager")
#: Stages of a case where what is installed can be at fault; a comparison got through all packages.
_DEADLY = CASE_STAGES[: CASE_STAGES.index("compare")]


class Suspicion(msgspec.Struct, frozen=True):
    """A failure that packages beside the axes may be behind."""

    stage: str
    case: str | None  # the cheapest that shows it; None: the environment itself fails
    error: Error | None
    suspects: tuple[str, ...]  # packages that the words name, the likeliest first; may be empty


def smells(record: Record, log: str = "") -> tuple[Suspicion, ...]:
    """Return the failures of a record that smell of packaging: one for each exporter, stage and type of error.

    An install or import that fails always does. Cases do where all of an exporter die at one stage, of one type of
    error, and the words of each, or else the log, point at a package that is no axis; where others of the exporter get
    through, only words do that no model's own failure has. Sides of a factored plan are no whole environments.

    Args:
        record: of a combination.
        log: what the packages under test printed.
    """
    if record.evidence != "joint" or record.lock is None:
        return ()
    broken = next((stage for stage in record.stages if stage.outcome != "passed"), None)
    if broken is not None:
        if broken.stage not in {"install", "import"} or broken.outcome not in _DIED:
            return ()
        if broken.error is not None and broken.error.type == "VersionMismatch":
            return ()  # the axis itself is not the release it claims to be
        words = [broken.error.message if broken.error else "", broken.log or ""]
        return (Suspicion(broken.stage, None, broken.error, _suspects(words, record, broken.stage)),)
    return tuple(_of_cases(record, _telling(log)))


def _telling(log: str) -> str:
    """Return the lines of a log that say what is wrong with a package: frames of warnings name anyone."""
    patterns = [*_NAMED[:-1], *(re.compile(pattern) for _, pattern in _TELLTALES)]
    return "\n".join(line for line in log.splitlines() if any(pattern.search(line) for pattern in patterns))


def _of_cases(record: Record, log: str) -> Iterator[Suspicion]:
    decided = [case for case in record.cases if case.outcome not in _UNDECIDED and not case.witness]
    for exporter in dict.fromkeys(case.exporter for case in decided):
        ways: dict[tuple[str | None, str], list[CaseRecord]] = {}
        for case in decided:
            if case.exporter == exporter:
                ways.setdefault((case.stage, case.error.type if case.error else ""), []).append(case)
        for (stage, _), cases in ways.items():
            if stage not in _DEADLY or any(case.outcome not in _DIED for case in cases):
                continue
            every = len(ways) == 1
            named = [_named(case, record, every=every) for case in cases]
            common = tuple(name for name in named[0] if all(name in names for names in named))
            common = common or (_suspects(["", log], record, str(stage)) if every else ())
            if common:
                cheapest = min(cases, key=_cost)
                yield Suspicion(str(stage), cheapest.id, cheapest.error, common)


def _named(case: CaseRecord, record: Record, *, every: bool) -> tuple[str, ...]:
    """Return the packages that the words of a case name; unless every case dies, by words that mean nothing else."""
    words = case.error.message if case.error else ""
    if every:
        return _suspects([words], record, str(case.stage))
    packages = record.lock.packages if record.lock else {}
    return _without(record.axes, _told([words], packages))


def _cost(case: CaseRecord) -> tuple[float, float]:
    return float(case.facts.get("eager_ms", 0.0)), sum(case.seconds.values())


def _suspects(texts: Sequence[str], record: Record, stage: str) -> tuple[str, ...]:
    packages = record.lock.packages if record.lock else {}
    found = suspects(texts, packages, record.axes)
    # What a model's own source imports and nothing here requires is missing in every era.
    return tuple(name for name in found if name in packages or stage not in _OF_THE_MODEL)


def suspects(texts: Sequence[str], packages: Collection[str], axes: Collection[str]) -> tuple[str, ...]:
    """Return the packages that are no axis which words name, the likeliest first.

    Args:
        texts: error and log; the first is the tool's own words.
        packages: normalised names of what is installed.
        axes: names that are no suspects.
    """
    found: dict[str, None] = {}
    for pattern in _NAMED:
        for text in texts:
            for module in reversed(pattern.findall(text)):  # the innermost frame comes last
                name = _package_of(module)
                if name in packages or pattern is _MISSING:
                    found.setdefault(name)
    found.update(dict.fromkeys(_told(texts, packages)))
    for name in packages:
        if len(name) >= _SHORTEST_WORD and re.search(rf"(?<![\w/.-]){re.escape(name)}(?![\w/-])", texts[0]):
            found.setdefault(name)
    return _without(axes, found)


def _told(texts: Sequence[str], packages: Collection[str]) -> list[str]:
    """Return the installed packages that words mean without naming them."""
    return [name for name, words in _TELLTALES if name in packages and any(re.search(words, text) for text in texts)]


def _without(axes: Collection[str], found: Iterable[str]) -> tuple[str, ...]:
    names = {canonicalize_name(axis) for axis in axes}
    return tuple(name for name in dict.fromkeys(found) if name not in names)


def _package_of(module: str) -> str:
    top = module.partition(".")[0]
    return _PACKAGES.get(top) or canonicalize_name(top)


def works(trial: PackagingTrial, stage: str) -> bool | None:
    """Say whether a trial shows that the stage is passed (True) or dies (False); None where it shows neither.

    What cannot be put together or installed says nothing, unless installing is what failed.
    """
    if trial.outcome == "passed":
        return True
    told = trial.stage != "resolve" and (trial.stage != "install" or stage == "install")
    return False if told and trial.outcome in _DIED else None


def holds(made: PackagingRecord, record: Record) -> bool:
    """Tell whether an examination is of what a record says: the same harness and packages."""
    return record.lock is not None and made.today == record.lock.packages and made.harness == record.harness


def finding_line(finding: PackagingFinding) -> str:
    """Say what breaks a combination, in one line."""
    name = finding.package
    from_ = f"breaks from {name} {finding.breaks}"
    if not finding.exact:
        from_ += " or earlier"
    beside = ", ".join(f"{other} {version}" for other, version in finding.together.items())
    beside = f" beside {beside}" if beside else ""
    return f"works with {name} {finding.works}, {from_}{beside} ({finding.tested} trials)"


def broken_by(broken: PackagingRecord | None, stage: str | None, exporter: str | None, error: Error | None) -> str:
    """Return which release of which package was found to break what fails in a way, "" where none was.

    Args:
        broken: what was found out about the combination.
        stage: where it fails.
        exporter: of the case; None: the environment itself fails.
        error: what is said; another type of error is another way to fail.
    """
    way = stage, exporter, error.type if error else ""
    for examination in broken.examinations if broken else ():
        tried = examination.case.split("/")[2] if examination.case else None
        said = examination.error.type if examination.error else ""
        if (examination.stage, tried, said) == way and examination.findings:
            return "; ".join(map(finding_line, examination.findings))
    return ""


_RESULT_WORDS = {
    "not_transitive": "it fails with the packages of {era} too",
    "not_reproduced": "it works with the very packages it failed with",
    "no_era": "the packages of its era cannot be had",
    "not_isolated": "it works with the packages of {era}, and no package could be told to be behind it",
    "unstable": "it works with the packages of {era}, and what breaks it did not come out the same twice",
    "out_of_trials": "the trials ended before anything was found",
    "infra": "could not be examined here, and will be tried again",
}


def packaging_lines(record: PackagingRecord) -> tuple[str, ...]:
    """Say what examinations came to, a line a finding."""
    lines = []
    for examination in record.examinations:
        where = examination.stage if examination.case is None else f"{examination.stage} of {examination.case}"
        words = [finding_line(finding) for finding in examination.findings]
        if words and examination.findings[-1].rest is False:
            words.append("something else breaks it too, and was not found")
        if not words:
            words = [_RESULT_WORDS.get(examination.result, examination.result).format(era=examination.era_as_of)]
        lines += [f"{where}: {text}" for text in words]
    return tuple(lines)
