import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from matrixscan.catalog.selectors import (
    Policy,
    Selector,
    SelectorError,
    allows,
    is_exact,
    looks_like_selector,
    parse_selector,
    select,
)
from matrixscan.catalog.types import Release

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
POLICY = Policy(NOW)


def release(version, days=0, **more):
    """Return a release uploaded so many days before now; None: nobody says when."""
    return Release(version, None if days is None else NOW - dt.timedelta(days=days), **more)


RELEASES = (
    release("1.0.0", 400),
    release("1.0.1", 380),
    release("1.1.0", 300),
    release("1.1.1", 20),
    release("2.0.0rc1", 210),
    release("2.0.0", 200),
    release("2.1.0", 100, yanked=True),
    release("2.2.0", 5),
)


def versions(text, policy=POLICY, anchor=None, releases=RELEASES):
    return select(parse_selector(text), releases, policy, anchor)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("latest", "2.2.0"),
        ("latest:2", "2.0.0 2.2.0"),
        ("latest <2", "1.1.1"),
        ("latest pre <=2.0.0rc1", "2.0.0rc1"),
        ("oldest", "1.0.0"),
        ("oldest:2 >=1.1", "1.1.0 1.1.1"),
        ("minors", "1.0.1 1.1.1 2.0.0 2.2.0"),
        ("minors >=1.1, <2.1", "1.1.1 2.0.0"),
        (">= 1.1,!=1.1.1 <2.1", "1.1.0 2.0.0"),
        ("==1.0.*", "1.0.0 1.0.1"),
        ("since 2026-11-01", "1.1.1 2.2.0"),
        ("since 2026-11-01 oldest", "1.1.1"),
        ("pre ~=2.0.0rc1", "2.0.0rc1 2.0.0"),
        (">3", ""),
    ],
)
def test_what_a_selector_means(text, expected):
    assert versions(text) == tuple(expected.split())


@pytest.mark.parametrize(
    ("days", "expected"), [(390, "1.0.0"), (300, "1.1.0"), (205, "1.1.0"), (50, "2.0.0"), (0, "2.2.0"), (401, "")]
)
def test_era_is_the_newest_release_that_is_not_younger_than_the_other(days, expected):
    policy = Policy(NOW, era_grace=0.0)
    assert versions("era:torch", policy, NOW - dt.timedelta(days=days)) == tuple(expected.split())


def test_the_grace_lets_era_look_ahead():
    anchor = NOW - dt.timedelta(days=205)
    assert versions("era:torch", Policy(NOW, era_grace=5.0), anchor) == ("2.0.0",)
    assert versions("era:torch", Policy(NOW, era_grace=4.9), anchor) == ("1.1.0",)


def test_a_patch_of_an_old_minor_that_came_later_is_not_of_the_era():
    assert versions("era:torch <2", Policy(NOW, era_grace=0.0), NOW - dt.timedelta(days=199)) == ("1.1.0",)


def test_the_policy_holds_for_every_selector():
    assert versions("latest", Policy(NOW, min_age=7.0)) == ("2.0.0",)
    assert versions("latest", Policy(NOW, min_age=5.0)) == ("2.2.0",)
    assert versions("latest", Policy(NOW, exclude_newer=dt.date(2026, 5, 5))) == ("2.0.0",)
    assert versions("latest", Policy(NOW, exclude_newer=dt.date(2026, 5, 4))) == ("1.1.0",)
    assert versions("era:torch", Policy(NOW, min_age=7.0), NOW) == ("2.0.0",)


def test_a_release_nobody_dates_is_chosen_only_where_no_date_matters():
    undated = (release("1.0"), release("2.0", None))
    assert versions("latest", releases=undated) == ("2.0",)
    for text, policy in (("latest since 2020-01-01", POLICY), ("latest", Policy(NOW, min_age=1e-9))):
        assert "2.0" not in versions(text, policy, releases=undated)
    assert versions("era:x", POLICY, NOW, releases=undated) == ("1.0",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("latst", "unknown word 'latst'; did you mean 'latest'?"),
        ("latest oldest", "has a second picker (latest, oldest); one at most"),
        ("latest minors", "has a second picker"),
        ("latest:0", "'latest:0' needs a whole number above 0 (for example 'latest:3')"),
        ("latest:x", "needs a whole number above 0"),
        ("minors:2", "'minors:2': minors takes no argument"),
        ("era", "era names no axis; write for example 'era:torch'"),
        ("era:-", "era names no axis"),
        ("era:python", "era:python: only packages have upload dates; name a package axis"),
        ("since", "since needs a date (for example 'since 2024-01-31'), got ''"),
        ("since 2024-31-01", "got '2024-31-01'"),
        ("since 2024-01-01 since 2024-01-01", "has since twice"),
        ("latest 2.4.0", "'2.4.0' stands beside other words; an exact version stands alone, or write '==2.4.0'"),
        ("latest >=x", "'>=x' is no version specifier (for example '>=1.13,<2')"),
        ("latest optional", "optional goes with era:AXIS only"),
        (" ", "is empty; name a version or a selector"),
    ],
)
def test_what_is_wrong_is_said_in_words(text, said):
    with pytest.raises(SelectorError) as caught:
        parse_selector(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "exact", "selector"),
    [
        ("2.4.0", True, False),
        ("2.4.0+cpu", True, False),
        ("v2.4.0", True, False),
        ("1.x", False, False),
        ("--index-url=x", False, False),
        ("latest", False, True),
        ("latst", False, True),
        (">=1", False, True),
        ("1.0 2.0", False, True),
    ],
)
def test_versions_and_selectors_are_told_apart(text, exact, selector):
    assert (is_exact(text), looks_like_selector(text)) == (exact, selector)


def test_an_axis_of_era_is_a_canonical_name():
    assert parse_selector("era:ML_dtypes optional") == Selector(picker="era", axis="ml-dtypes", optional=True)


VERSIONS = st.builds(
    "{}.{}.{}{}".format, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.sampled_from(["", "", "rc1"])
)
SOME = st.dictionaries(VERSIONS, st.tuples(st.one_of(st.none(), st.integers(0, 900)), st.booleans()), max_size=25).map(
    lambda found: [release(version, days, yanked=yanked) for version, (days, yanked) in found.items()]
)
FILTERS = st.sampled_from(["", ">=1", "<2.1,!=1.0.0", "since 2025-06-01", "pre", "pre <3 since 2026-01-01"])
POLICIES = st.builds(
    Policy,
    st.just(NOW),
    exclude_newer=st.one_of(st.none(), st.dates(dt.date(2024, 6, 1), dt.date(2026, 12, 1))),
    min_age=st.sampled_from([0.0, 7.0, 100.0]),
)


def everything(filters, releases, policy):
    """Return what the filters leave, as a specification would say it."""
    found = []
    for known in releases:
        version = Version(known.version)
        day = known.uploaded and known.uploaded.date()
        since = dt.date.fromisoformat(filters.split("since ")[1]) if "since" in filters else None
        specifiers = "".join(word for word in filters.split() if word[0] in "<>!=")
        dated = since or policy.exclude_newer or policy.min_age
        if known.yanked or (version.is_prerelease and "pre" not in filters) or (dated and day is None):
            continue
        if (since and day < since) or (policy.exclude_newer and day > policy.exclude_newer):
            continue
        if policy.min_age and (NOW - known.uploaded).total_seconds() < policy.min_age * 86400:
            continue
        if SpecifierSet(specifiers).contains(version, prereleases=True):
            found.append(version)
    return sorted(found)


@given(FILTERS, SOME, POLICIES)
def test_filters_leave_what_fits_and_pickers_choose_from_that(filters, releases, policy):
    left = everything(filters, releases, policy)

    def chosen(picker):
        return [Version(text) for text in versions(f"{picker} {filters}", policy, releases=releases)]

    if filters:
        assert chosen("") == left
    assert chosen("latest") == left[-1:]
    assert chosen("latest:3") == left[-3:]
    assert chosen("oldest:2") == left[:2]
    minors = chosen("minors")
    assert [found.release[:2] for found in minors] == sorted({found.release[:2] for found in left})
    assert all(found == max(one for one in left if one.release[:2] == found.release[:2]) for found in minors)


@given(SOME, st.integers(0, 900), st.sampled_from([0.0, 30.0]))
def test_era_never_takes_what_is_younger_and_takes_the_newest_of_the_rest(releases, days, grace):
    anchor = NOW - dt.timedelta(days=days)
    chosen = versions("era:x", Policy(NOW, era_grace=grace), anchor, releases)
    bound = anchor + dt.timedelta(days=grace)
    fitting = [
        Version(known.version)
        for known in releases
        if known.uploaded and known.uploaded <= bound and not known.yanked and not Version(known.version).is_prerelease
    ]
    assert list(map(Version, chosen)) == sorted(fitting)[-1:]


WORDS = [
    "latest",
    "latest:3",
    "oldest:x",
    "minors",
    "era:onnx",
    "since",
    "2024-01-01",
    ">=1",
    "<",
    ",",
    "1.0",
    "pre",
    ":",
]


@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text("ab:<=é\n", max_size=4)), max_size=4).map(" ".join))
def test_any_text_is_read_or_refused_in_words(text):
    def read():
        return select(parse_selector(text), RELEASES, POLICY, NOW)

    try:
        means = read()
    except SelectorError:
        with pytest.raises(SelectorError, match=r"\w+ \w+"):
            read()
    else:
        assert set(means) <= {known.version for known in RELEASES}


def test_specifiers_take_prereleases_like_any_version():
    assert allows(">=2.0.0rc1", "2.0.0rc2")
    assert not allows("<2", "2.0.0")
