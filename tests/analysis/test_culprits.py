import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.analysis.culprits import between, closed, isolate, narrow
from matrixscan.catalog.types import Release

NAMES = [f"p{number}" for number in range(12)]
PYTHON = {"python_version": "3.8", "python_full_version": "3.8.18"}


class Counted:
    """Breaks where all of `cause` moved; tells nothing of sets that `mute` says nothing fits together in."""

    def __init__(self, cause, mute=lambda _: False):
        self.cause, self.mute, self.asked = frozenset(cause), mute, []

    def __call__(self, moved):
        self.asked.append(moved)
        return None if self.mute(moved) else not self.cause <= moved


@given(st.sets(st.sampled_from(NAMES), min_size=1, max_size=3), st.sets(st.sampled_from(NAMES), max_size=3))
def test_what_is_found_breaks_and_nothing_less_does(cause, suspects):
    works = Counted(cause)
    assert isolate(NAMES, works, suspects=sorted(suspects)) == frozenset(cause)
    assert len(works.asked) == len(set(works.asked))


@given(st.sets(st.sets(st.sampled_from(NAMES), min_size=1, max_size=3).map(frozenset), min_size=1, max_size=4))
def test_of_several_causes_a_whole_one_is_found(causes):
    found = isolate(NAMES, lambda moved: not any(cause <= moved for cause in causes))
    assert found in causes


def test_a_good_suspect_costs_one_trial_and_a_bad_one_no_more():
    works = Counted({"p7"})
    assert isolate(NAMES, works, suspects=["p7"]) == {"p7"}
    assert len(works.asked) == 1
    for name in NAMES:
        works = Counted({name})
        isolate(NAMES, works, suspects=["p0"])
        assert len(works.asked) <= 9, name


def test_what_must_move_along_is_no_cause_where_it_breaks_nothing_less():
    def close(moved):
        return moved | ({"p2"} if "p1" in moved else set())

    # p1 pulls p2 along; whichever of them is behind it is named.
    assert isolate(NAMES, Counted({"p2"}), close, suspects=["p1"]) == {"p2"}
    assert isolate(NAMES, Counted({"p1"}), close, suspects=["p1"]) == {"p1", "p2"}
    assert isolate(NAMES, Counted({"p1"}), close) == {"p1", "p2"}


@given(st.sets(st.sampled_from(NAMES), min_size=1, max_size=2), st.data())
def test_sets_that_tell_nothing_never_name_an_innocent(cause, data):
    mute = {}

    def silent(moved):
        # Nothing and everything are known.
        return 0 < len(moved) < len(NAMES) and mute.setdefault(moved, data.draw(st.booleans()))

    found = isolate(NAMES, Counted(cause, silent))
    assert cause <= found


@given(st.integers(2, 60), st.data())
def test_neighbours_are_found_in_a_logarithm(count, data):
    first_bad = data.draw(st.integers(1, count - 1))
    versions = [f"1.{number}" for number in range(count)]
    asked = []

    def works(version):
        asked.append(version)
        return int(version[2:]) < first_bad

    *_, last = narrow(versions, works)
    assert last == (versions[first_bad - 1], versions[first_bad], (), True)
    assert len(asked) <= count.bit_length()
    assert not {versions[0], versions[-1]} & set(asked)


@given(st.lists(st.sampled_from([True, False, None]), max_size=12))
def test_releases_that_tell_nothing_are_left_out_and_named(outcomes):
    known = dict(enumerate([True, *outcomes, False]))
    versions = [str(number) for number in known]
    *_, last = narrow(versions, lambda version: known[int(version)])
    low, high = int(last.works), int(last.breaks)
    assert (known[low], known[high], last.exact) == (True, False, True)
    assert [known[int(version)] for version in last.mute] == [None] * (high - low - 1)


def test_every_step_of_a_bisection_can_be_the_last():
    brackets = list(narrow(["0", "1", "2", "3", "4"], lambda version: version < "3"))
    assert [(bracket.works, bracket.breaks, bracket.exact) for bracket in brackets] == [
        ("0", "4", False),
        ("2", "4", False),
        ("2", "3", True),
    ]


def release(version, **more):
    return Release(version, dt.datetime(2024, 1, 1, tzinfo=dt.UTC), **more)


def test_releases_between_are_those_an_installer_would_take():
    releases = [
        *(release(version) for version in ("1.0", "1.2", "1.10", "1.9", "2.0rc1", "2.0", "3.0")),
        release("1.4", yanked=True),
        release("1.5", requires_python=">=3.9"),
        release("1.6", requires_python=">=3.8"),
    ]
    assert between(releases, "1.0", "2.0", "3.8") == ("1.0", "1.2", "1.6", "1.9", "1.10", "2.0")
    assert between(releases, "2.0", "1.2", "3.8") == ("2.0", "1.10", "1.9", "1.6", "1.2")
    assert between([], "1.0", "2.0rc1", "3.8") == ("1.0", "2.0rc1")


@pytest.mark.parametrize(
    ("moved", "requires", "expected"),
    [
        ({"a"}, {}, {"a"}),
        ({"a"}, {"a": {"2": ("b>=2",)}}, {"a", "b"}),  # the new one needs a new one
        ({"b"}, {"a": {"1": ("b<2",)}}, {"a", "b"}),  # the old one refuses a new one
        ({"a"}, {"a": {"2": ("b>=1",)}}, {"a"}),
        ({"a"}, {"a": {"2": ("b>=2",)}, "b": {"2": ("c==2",)}}, {"a", "b", "c"}),
        ({"a"}, {"a": {"2": ("b>=2; python_version >= '3.9'", "no (requirement", "unheard>2")}}, {"a"}),
        ({"a"}, {"a": {"2": None}}, {"a"}),
        ({"a"}, {"a": {"1": ("b>=2",)}}, {"a"}),  # of a release that is not there
        (set(), {"a": {"1": ("b>=2",)}}, set()),  # what the era itself contradicts is left to the resolver
    ],
)
def test_what_fits_nothing_else_moves_along(moved, requires, expected):
    era, today = dict.fromkeys("abc", "1"), dict.fromkeys("abc", "2")
    assert closed(frozenset(moved), era, today, requires, PYTHON) == expected


def test_what_a_new_package_asks_for_moves_along_once_somebody_brings_it():
    era, today = dict.fromkeys("abc", "1"), dict.fromkeys("abcnm", "2")
    requires = {"a": {"2": ("n",)}, "n": {"2": ("m",)}, "m": {"2": ("b>=2",)}}
    assert closed(frozenset("a"), era, today, requires, PYTHON) == {"a", "b"}
    assert closed(frozenset("c"), era, today, requires, PYTHON) == {"c"}


def test_closing_changes_nothing_that_is_closed():
    requires = {"a": {"2": ("b>=2",)}, "b": {"1": ("c<2",)}}
    era, today = dict.fromkeys("abc", "1"), dict.fromkeys("abc", "2")
    for size in range(4):
        for moved in map(frozenset, itertools.combinations("abc", size)):
            once = closed(moved, era, today, requires, PYTHON)
            assert moved <= once
            assert closed(once, era, today, requires, PYTHON) == once
