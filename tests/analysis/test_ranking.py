"""What comes first, for whom, and why: tables of small landscapes."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ranking_samples import KEY, OTHER, TODAY, WHOLE, landscape, square, standing, terms

from matrixscan.analysis.landscape import Scope
from matrixscan.analysis.ranking import CLOSEST, NEWEST, ORDERS, SAFEST, Surroundings, minors, rank, release_days
from matrixscan.catalog.types import Release
from matrixscan.errors import UnknownNameError


def pairs(ranking):
    """Return (torch, onnxruntime) of the candidates in order."""
    return [(each.standing.axes["torch"], each.standing.axes["onnxruntime"]) for each in ranking.candidates]


def at(ranking, torch, ort):
    return next(
        each
        for each in ranking.candidates
        if each.standing.axes["torch"] == torch and each.standing.axes["onnxruntime"] == ort
    )


def test_newest_is_by_torch_then_onnxruntime_then_onnx_then_others_and_by_version():
    rows = [
        standing("2.9.0", "1.20.0"),
        standing("2.10.0", "1.9.0"),
        standing("2.10.0", "1.10.0"),
        standing("2.10.0", "1.10.0", axes={"onnx": "1.15.0"}),
        standing("2.10.0", "1.10.0", axes={"onnxscript": "0.5.0"}),
        standing("2.10.0", "1.10.0", python="3.9"),
    ]
    found = [each.standing for each in rank(landscape(*rows), WHOLE, terms()).candidates]
    assert found == [rows[3], rows[4], rows[2], rows[5], rows[1], rows[0]]


@pytest.mark.parametrize("verdict", ["b", "u"])
def test_only_what_is_good_is_a_candidate(verdict):
    found = rank(landscape(standing("2.0.0"), standing("2.1.0", verdict=verdict)), WHOLE, terms())
    assert pairs(found) == [("2.0.0", "1.16.0")]


@pytest.mark.parametrize(
    ("verdicts", "good_for_both", "good_for_one"),
    [("gg", True, True), ("gb", False, True), ("gu", False, True), ("bg", False, False), ("ug", False, False)],
)
def test_a_scope_asks_for_all_of_its_parts(verdicts, good_for_both, good_for_one):
    row = standing(verdict=dict(zip((KEY, OTHER), verdicts, strict=True)))
    here = landscape(row, deciding=(KEY, OTHER))
    whole, first, _ = here.scopes()
    assert (whole.name, first.name) == ("all", KEY)
    assert bool(rank(here, whole, terms()).candidates) is good_for_both
    assert bool(rank(here, first, terms()).candidates) is good_for_one


def test_one_part_alone_is_everything():
    assert [scope.name for scope in landscape(standing()).scopes()] == ["all"]


def test_a_user_names_probes_variants_and_several_of_them():
    here = landscape(standing(), deciding=(KEY, OTHER), keys=(KEY, "campplus/fixed", OTHER))
    assert here.scope_of(()).keys == (KEY, OTHER)
    assert here.scope_of(["campplus"]).keys == (KEY,)
    assert here.scope_of(["campplus/fixed"]).keys == ("campplus/fixed",)
    assert here.scope_of(["ecapa", "campplus"]).keys == (OTHER, KEY)
    with pytest.raises(UnknownNameError, match="did you mean 'campplus'"):
        here.scope_of(["camplus"])


@pytest.mark.parametrize(
    ("drawn", "around"),
    [
        ("... .g. ...", (0, 0, 0)),
        (".g. ggg .g.", (4, 0, 0)),
        (".b. ggu .g.", (2, 1, 1)),
        # Only along one axis, and only one step.
        ("g.g .g. g.g", (0, 0, 0)),
        ("... g.g ...", None),
    ],
)
def test_neighbours_are_one_step_away_on_one_axis(drawn, around):
    here = square(drawn)
    middle = [row for row in here.standings if (row.axes["torch"], row.axes["onnxruntime"]) == ("2.1.0", "1.17.0")]
    if around is None:
        # What was not scanned is no step: the next that was is the neighbour.
        assert Surroundings(here, WHOLE).of(here.standings[0]).good == 1
        return
    found = Surroundings(here, WHOLE).of(middle[0])
    assert (found.good, found.bad, found.unknown) == around


def test_neighbours_of_another_python_are_on_that_axis():
    here = landscape(standing(python="3.9"), standing(python="3.10"), standing(python="3.11", verdict="b"))
    found = Surroundings(here, WHOLE).of(here.standings[1])
    assert (found.good, found.bad) == (1, 1)


@pytest.mark.parametrize(
    ("pins", "distances"),
    [
        ({"torch": "2.1.0", "onnxruntime": "1.17.0"}, {"00": (2, 2), "11": (0, 0), "21": (1, 1), "20": (2, 2)}),
        ({"torch": "2.0.0", "onnxruntime": "1.18.0"}, {"00": (1, 2), "12": (1, 1), "22": (1, 2), "21": (2, 3)}),
        # A release that the matrix does not have, with a local label: on either side the next one is a step away.
        ({"torch": "2.0.1+cpu"}, {"00": (1, 1), "12": (1, 1), "22": (1, 2)}),
        ({"torch": "2.1.0+cpu", "onnxruntime": "1.17"}, {"11": (0, 0)}),
        ({"numpy": "2.0.0"}, {"00": (0, 0), "22": (0, 0)}),
    ],
)
def test_closest_moves_the_fewest_packages_by_the_fewest_releases(pins, distances):
    found = rank(square("ggg ggg ggg"), WHOLE, terms(order=CLOSEST, pins=pins))
    torches, runtimes = ("2.0.0", "2.1.0", "2.2.0"), ("1.16.0", "1.17.0", "1.18.0")
    for place, expected in distances.items():
        distance = at(found, torches[int(place[0])], runtimes[int(place[1])]).distance
        assert (distance.moved, distance.steps) == expected, place
    order = [each.distance for each in found.candidates]
    assert order == sorted(order)


def test_of_what_is_equally_close_the_newest_comes_first():
    found = rank(square("ggg ggg ggg"), WHOLE, terms(order=CLOSEST, pins={"onnxruntime": "1.17.0"}))
    assert pairs(found)[:3] == [("2.2.0", "1.17.0"), ("2.1.0", "1.17.0"), ("2.0.0", "1.17.0")]


def test_the_python_of_pins_counts_by_its_minor():
    here = landscape(standing(python="3.9"), standing(python="3.11"))
    found = rank(here, WHOLE, terms(order=CLOSEST, pins={"python": "3.9.18", "torch": "2.0.0"}))
    assert [each.standing.axes["python"] for each in found.candidates] == ["3.9", "3.11"]
    assert [each.distance.moved for each in found.candidates] == [0, 1]


def test_for_one_python_only_its_minor():
    here = landscape(standing(python="3.9"), standing("2.1.0", python="3.11.7"), standing(python="3.10"))
    assert minors(here) == ("3.11", "3.10", "3.9")
    assert pairs(rank(here, WHOLE, terms(python="3.11"))) == [("2.1.0", "1.16.0")]
    assert pairs(rank(here, WHOLE, terms(python="3.11.9"))) == [("2.1.0", "1.16.0")]
    assert pairs(rank(here, WHOLE, terms(python="3.12"))) == []


RELEASED = {"torch": {"2.1.0": dt.date(2025, 2, 26), "2.0.0": dt.date(2024, 1, 1)}, "onnx": {"1.14.1": TODAY}}


def test_too_young_releases_wait_and_are_named():
    here = landscape(standing("2.0.0"), standing("2.1.0"))
    released = {"torch": RELEASED["torch"]}
    found = rank(here, WHOLE, terms(min_age=7.0, released=released))
    assert pairs(found) == [("2.0.0", "1.16.0")]
    assert list(found.too_young.values()) == ["3 days old, min-age is 7 days"]
    assert pairs(rank(here, WHOLE, terms(min_age=3.0, released=released)))[0] == ("2.1.0", "1.16.0")
    # One of its packages is enough.
    assert not rank(here, WHOLE, terms(min_age=3.0, released=RELEASED)).candidates


def test_a_release_whose_day_nobody_knows_is_not_left_out_and_is_said():
    (found,) = rank(
        landscape(standing("3.0.0")), WHOLE, terms(min_age=7.0, released=RELEASED | {"onnx": {}})
    ).candidates
    assert found.figures.undated == ("torch", "onnx", "onnxruntime")


def test_days_come_from_the_lock_of_the_matrix():
    packages = {"torch": (Release("2.0.0", dt.datetime(2024, 1, 1, 23, 59, tzinfo=dt.UTC)), Release("2.1.0"))}
    assert release_days(packages) == {"torch": {"2.0.0": dt.date(2024, 1, 1)}}


def test_safest_is_by_confidence_then_neighbours_then_margin():
    here = landscape(
        standing("2.3.0", "1.18.0", margin=1.5),
        standing("2.2.0", "1.17.0", margin=50.0),
        standing("2.1.0", "1.16.0", margin=90.0, controlled=False),
        standing("2.0.0", "1.15.0", margin=5000.0),
    )
    assert pairs(rank(here, WHOLE, terms(order=SAFEST)))[:2] == [("2.0.0", "1.15.0"), ("2.2.0", "1.17.0")]
    assert pairs(rank(here, WHOLE, terms(order=SAFEST)))[-1] == ("2.3.0", "1.18.0")
    assert pairs(rank(here, WHOLE, terms(order=NEWEST)))[0] == ("2.3.0", "1.18.0")


def test_the_smallest_margin_of_a_scope_counts_and_one_that_is_missing_makes_it_unknown():
    row = standing(verdict={KEY: "g", OTHER: "g"})
    both = Scope("both", (KEY, OTHER))
    assert both.margin(standing(verdict={KEY: "g", OTHER: "g"}, margin=3.0)) == 3.0
    assert both.margin(standing(verdict={KEY: "g", OTHER: "g"}, margin=None)) is None
    assert both.margin(standing(verdict={KEY: "g"}, margin=3.0)) is None
    assert both.margin(row) == float("inf")


rows = st.lists(
    st.tuples(
        st.sampled_from(["2.0.0", "2.1.0", "2.10.0"]), st.sampled_from(["1.9.0", "1.16.0"]), st.sampled_from("gbu")
    ),
    unique_by=lambda row: row[:2],
    max_size=6,
)


@given(rows, st.permutations(range(6)), st.sampled_from(sorted(ORDERS)))
def test_the_order_of_the_records_changes_nothing(rows, order, wanted):
    made = [standing(*row) for row in rows]
    shuffled = [made[place] for place in order if place < len(made)]
    asked = terms(order=wanted, pins={"torch": "2.1.0"})
    one, other = (rank(landscape(*some), WHOLE, asked) for some in (made, shuffled))
    assert [each.standing.id for each in one.candidates] == [each.standing.id for each in other.candidates]
    assert {each.standing.id for each in one.candidates} == {row.id for row in made if row.verdicts[KEY] == "good"}
