"""The search for a release, with trials that answer at once: what is tried, what is said, and what is not."""

import datetime as dt
from dataclasses import dataclass, field

import msgspec
import pytest

from matrixscan.analysis.packaging import Suspicion
from matrixscan.catalog.types import Release
from matrixscan.environment.lock import LockFile, ResolutionError
from matrixscan.errors import IndexUnreachableError
from matrixscan.execution.packaging_search import Search
from matrixscan.execution.packaging_trials import Laboratory
from matrixscan.records.packaging import RESULTS, PackagingTrial
from matrixscan.records.types import Error

ERA = "2023-08-31"
#: Package -> releases with the day of each, ascending.
WORLD = {
    "tablet": {"1.4": "2023-08-01", "1.5": "2023-12-01", "1.6": "2024-01-01", "1.7": "2024-02-01", "2.0": "2024-03-01"},
    "slate": {"1": "2023-08-01", "2": "2023-12-01", "3": "2024-01-01", "4": "2024-03-01"},
    "chalk": {"1": "2023-08-01", "2": "2024-03-01"},
}
#: The day of each axis; the era of the second has tablet 1.7.
YOUNGER = {"iniconfig": "2023-08-01", "faketensors": "2024-01-20"}
IMPORT = Suspicion("import", None, Error("ImportError", "no word"), ())


class World(Laboratory):
    """A laboratory of packages that only exist here; `dies` says what is wrong with a set of them."""

    def __init__(self, task, dies, budget=20, requires=None, world=None):
        self.said, self.installed = [], []
        self.dies, self.requirements, self.world = dies, requires or {}, world or WORLD
        super().__init__(task, "import", "pypi", budget, self.said.append)

    def lock(self, pins, as_of=None):
        chosen = {}
        for name, releases in self.world.items():
            there = [version for version, day in releases.items() if as_of is None or day <= as_of]
            chosen[name] = pins.get(name, there[-1] if there else None)
            if chosen[name] not in releases:
                raise ResolutionError("infeasible", "NoSuchRelease", f"there is no version of {name}")
        for name, version in chosen.items():
            for other, wanted in self.requirements.get((name, version), {}).items():
                if chosen[other] not in wanted:
                    raise ResolutionError("infeasible", "ResolverConflict", f"{name} and {other} conflict")
        text = "".join(f"{name}=={version}\n" for name, version in chosen.items())
        return LockFile(text, "", "pypi")

    def _tried(self, pins, as_of, again):
        try:
            lock = self.lock(pins, as_of)
        except ResolutionError as error:
            return PackagingTrial("", {}, error.outcome, "resolve", Error(error.kind, str(error)))
        self._spend()
        self.installed.append(lock.packages)
        outcome = self.dies(lock.packages, again)
        if isinstance(outcome, str):
            return PackagingTrial("", {}, outcome, "install", lock=lock.sha256)
        error = Error("ImportError", "no word") if outcome else None
        return PackagingTrial("", {}, "failed" if outcome else "passed", "import" if outcome else None, error, "lock")


@dataclass
class Source:
    """What an index says of the packages."""

    lab: World
    down: bool = False
    days: dict[str, str] = field(default_factory=dict)  # axis -> day of its release
    name: str = "default"

    def releases(self, names, *, absent=False):
        if self.down:
            raise IndexUnreachableError("tablet", "no connection")
        midnight = dt.time(tzinfo=dt.UTC)
        axes = self.lab.task.cell.axes.items()
        known = {axis: {version: self.days.get(axis, "2023-08-01")} for axis, version in axes} | self.lab.world
        return {
            name: tuple(
                Release(version, dt.datetime.combine(dt.date.fromisoformat(day), midnight))
                for version, day in known[name].items()
            )
            for name in names
            if name in known or not absent
        }

    def requires(self, wanted):
        def spelled(needs):
            return tuple(f"{other}=={versions[0]}" for other, versions in needs.items() if len(versions) == 1)

        return {
            name: {version: spelled(self.lab.requirements.get((name, version), {})) for version in versions}
            for name, versions in wanted.items()
        }


@pytest.fixture
def search(project):
    """Return what searches in a world of these rules and returns the examination and the laboratory."""

    def _search(dies, suspects=(), down=False, today=None, axes=None, **more):
        lab = World(project.task(), dies, **more)
        source = Source(lab, down, axes or {})
        newest = {name: list(releases)[-1] for name, releases in lab.world.items()}
        found = Search(lab, msgspec.structs.replace(IMPORT, suspects=tuple(suspects)), source, today or newest).run()
        assert found.result in RESULTS
        assert lab.ran <= lab.budget
        return found, lab

    return _search


def flips(found):
    return [(finding.package, finding.works, finding.breaks) for finding in found.findings]


@pytest.mark.parametrize("suspects", [("tablet",), (), ("slate", "tablet"), ("paper",)])
def test_one_package_and_its_release(search, suspects):
    found, lab = search(lambda at, _: at["tablet"] >= "1.6", suspects)
    assert (found.result, flips(found)) == ("found", [("tablet", "1.5", "1.6")])
    (finding,) = found.findings
    assert (finding.confirmed, finding.exact, finding.rest, finding.together, finding.along) == (2, True, True, {}, {})
    assert (finding.era_as_of, finding.error) == (ERA, Error("ImportError", "no word"))
    assert lab.installed[0] == {"tablet": "2.0", "slate": "4", "chalk": "2"}
    assert lab.installed[1] == {"tablet": "1.4", "slate": "1", "chalk": "1"}
    purposes = [trial.purpose for trial in found.trials]
    assert (purposes[:2], purposes[-3:]) == (["today", "era"], ["again", "again", "rest"])
    assert finding.tested == len(found.trials) - 1


def test_an_older_release_has_an_older_era(search):
    found, _ = search(lambda at, _: at["tablet"] >= "1.6", axes=YOUNGER)
    assert (found.result, flips(found), found.era_as_of) == ("found", [("tablet", "1.5", "1.6")], ERA)
    assert [(trial.purpose, trial.outcome) for trial in found.trials[:3]] == [
        ("today", "failed"),
        ("era", "failed"),
        ("era", "passed"),
    ]
    # All are told by the era that works.
    assert [trial.moved for trial in found.trials[:3]] == [
        {"tablet": "2.0", "slate": "4", "chalk": "2"},
        {"tablet": "1.7", "slate": "3"},
        {},
    ]


def test_what_fails_in_every_era_is_put_on_none(search):
    found, _ = search(lambda *_: True, axes=YOUNGER)
    assert (found.result, found.era_as_of, len(found.trials)) == ("not_transitive", ERA, 3)


def test_the_packages_it_failed_with_are_not_tried_again_as_those_of_an_era(search):
    today = {"tablet": "1.4", "slate": "1", "chalk": "1"}
    found, _ = search(lambda *_: True, today=today)
    assert (found.result, found.era_as_of, len(found.trials)) == ("not_transitive", ERA, 1)


def test_two_that_break_it_together(search):
    found, _ = search(lambda at, _: at["tablet"] >= "1.6" and at["slate"] >= "3")
    assert flips(found) == [("slate", "2", "3"), ("tablet", "1.5", "1.6")]
    assert [finding.together for finding in found.findings] == [{"tablet": "2.0"}, {"slate": "4"}]
    assert [finding.rest for finding in found.findings] == [True, True]


def test_two_that_break_it_each_by_itself(search):
    found, _ = search(lambda at, _: at["tablet"] >= "1.6" or at["slate"] >= "3", budget=40)
    assert sorted(flips(found)) == [("slate", "2", "3"), ("tablet", "1.5", "1.6")]
    assert [finding.rest for finding in found.findings] == [False, True]
    assert {str(finding.together) for finding in found.findings} == {"{}"}


@pytest.mark.parametrize("suspects", [(), ("tablet",), ("slate",)])
def test_what_only_came_along_is_not_blamed(search, suspects):
    requires = {("tablet", version): {"slate": ("4",)} for version in ("1.6", "1.7", "2.0")}
    found, _ = search(lambda at, _: at["tablet"] >= "1.6", suspects, requires=requires)
    assert flips(found) == [("tablet", "1.5", "1.6")]
    (finding,) = found.findings
    assert (finding.together, finding.along) == ({}, {"slate": "4"})


def test_what_brought_the_culprit_along_is_not_blamed(search):
    requires = {("tablet", version): {"slate": ("4",)} for version in ("1.6", "1.7", "2.0")}
    found, _ = search(lambda at, _: at["slate"] >= "3", ("tablet",), requires=requires)
    assert flips(found) == [("slate", "2", "3")]


def test_releases_that_do_not_install_are_skipped(search):
    def dies(at, _):
        return "failed" if at["tablet"] in {"1.5", "1.6"} else at["tablet"] >= "1.7"

    found, _ = search(dies, ("tablet",))
    (finding,) = found.findings
    assert flips(found) == [("tablet", "1.4", "1.7")]
    assert (finding.skipped, finding.exact) == (("1.5", "1.6"), True)


def test_a_package_that_went_back_is_bisected_backwards(search):
    world = {**WORLD, "chalk": {"1": "2023-08-01", "2": "2023-08-02", "3": "2023-08-03"}}
    found, _ = search(lambda at, _: at["chalk"] < "2", world=world, today={"tablet": "2.0", "slate": "4", "chalk": "1"})
    assert flips(found) == [("chalk", "2", "1")]


@pytest.mark.parametrize(
    ("dies", "result", "trials"),
    [
        (lambda *_: True, "not_transitive", 2),
        (lambda *_: False, "not_reproduced", 1),
        (lambda at, _: at == {"tablet": "1.4", "slate": "1", "chalk": "1"} and "failed", "not_reproduced", 1),
        (lambda at, _: "failed" if at["tablet"] == "1.4" else True, "no_era", 2),
    ],
)
def test_what_is_not_put_on_a_release(search, dies, result, trials):
    found, _ = search(dies)
    assert (found.result, found.findings, len(found.trials)) == (result, (), trials)


def test_a_flip_that_comes_out_otherwise_the_second_time_is_none(search):
    found, _ = search(lambda at, again: at["tablet"] >= "1.6" and not again, ("tablet",))
    assert (found.result, found.findings) == ("unstable", ())


def test_trouble_of_the_machine_is_no_answer(search):
    found, _ = search(lambda at, _: "infra" if at["tablet"] == "1.4" else True)
    assert (found.result, found.findings) == ("infra", ())
    found, _ = search(lambda *_: True, down=True)
    assert (found.result, found.trials) == ("infra", ())


def test_without_dates_there_is_no_era(search):
    found, _ = search(lambda *_: True, world={name: dict.fromkeys(WORLD[name], "2024-01-01") for name in WORLD})
    assert (found.result, found.trials) == ("no_era", ())


@pytest.mark.parametrize("budget", range(1, 16))
def test_whatever_the_budget_what_is_said_is_so(search, budget):
    found, lab = search(lambda at, _: at["tablet"] >= "1.6", ("tablet",), budget=budget)
    assert lab.ran <= budget
    for finding in found.findings:
        assert finding.works < "1.6" <= finding.breaks
        assert finding.exact is ((finding.works, finding.breaks) == ("1.5", "1.6"))
        assert finding.exact or finding.confirmed == 1
    assert found.result == ("found" if budget >= 3 else "out_of_trials")


def test_every_trial_is_listed_once_and_told(search):
    found, lab = search(lambda at, _: at["tablet"] >= "1.6" and at["slate"] >= "3")
    assert len(lab.installed) == lab.ran == len([trial for trial in found.trials if trial.stage != "resolve"])
    told = [notice.text for notice in lab.said]
    assert f"{lab.ran} of 20: rest: chalk 2, slate 2, tablet 2.0: passed" in told
    assert "2 of 20: era: as of the era: passed" in told
