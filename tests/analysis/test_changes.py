"""What changed from night to night, and what of it is a regression."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.analysis.changes import compare, decided, settled
from matrixscan.analysis.states import (
    ENVIRONMENT_LANE,
    LaneKey,
    Row,
    State,
    Told,
    pack,
    state_of_grid,
    unpack,
    without_changed_probes,
)
from matrixscan.records import night

LANE = LaneKey("tone", "plain", "torchscript", 13, "fp32", "onnxruntime-cpu")
OTHER = LaneKey("tone", "plain", "dynamo", 18, "fp32", "onnxruntime-cpu")
GOOD, BAD, UNKNOWN, ABSENT, FLAKY = (
    Told("good"),
    Told("bad", "compare: mismatch"),
    Told("unknown", "infra"),
    Told("not_applicable"),
    Told("flaky"),
)
DECIDING = {("tone", "plain")}


def name_of(axes):
    return "-".join(axes.values())


def axes_of(torch, runtime="1.0", **more):
    return {"python": "3.11", "torch": torch, "onnxruntime": runtime, **more}


def row(axes, told=GOOD, environment=GOOD, **more):
    lanes = {ENVIRONMENT_LANE: environment} | ({LANE: told} if told is not None else {})
    return Row(axes, lanes, **more)


def state(*rows, **probes):
    return State({name_of(each.axes): each for each in rows}, probes)


def changes(before, after, flaky=(), planned=None, deciding=DECIDING):
    planned = after.rows if planned is None else planned
    return [each.change for each in compare(before, after, planned, deciding, flaky)]


def kinds(*args, **more):
    return [change.kind for change in changes(*args, **more)]


A = axes_of("2.0")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (GOOD, GOOD, []),
        (GOOD, BAD, ["regression"]),
        (BAD, GOOD, ["fixed"]),
        (BAD, BAD, []),
        (BAD, Told("bad", "run: crashed"), ["changed"]),
        (GOOD, UNKNOWN, ["unknown"]),
        (BAD, UNKNOWN, ["unknown"]),
        (UNKNOWN, UNKNOWN, []),
        (UNKNOWN, GOOD, []),
        (UNKNOWN, BAD, ["changed"]),
        (Told("unknown", "infra", "good"), UNKNOWN, []),
        (Told("unknown", "infra", "good"), BAD, ["regression"]),
        (Told("unknown", "infra", "bad", "compare: mismatch"), BAD, []),
        (Told("unknown", "infra", "bad", "compare: mismatch"), GOOD, ["fixed"]),
        (GOOD, ABSENT, ["changed"]),
        (ABSENT, BAD, ["changed"]),
        (ABSENT, GOOD, []),
        (FLAKY, GOOD, []),
        (FLAKY, BAD, ["changed"]),
        (FLAKY, UNKNOWN, []),
    ],
)
def test_what_one_lane_did_has_a_name(before, after, expected):
    assert kinds(state(row(A, before)), state(row(A, after))) == expected


@pytest.mark.parametrize("before", [GOOD, BAD, UNKNOWN, FLAKY])
@pytest.mark.parametrize("after", [GOOD, BAD, UNKNOWN, ABSENT])
def test_what_is_flaky_is_never_broken_nor_fixed(before, after):
    place = (name_of(A), LANE)
    found = kinds(state(row(A, before)), state(row(A, after)), flaky={place})
    assert found in ([], ["flaky"])
    assert (found == []) == (before == FLAKY or after in (UNKNOWN, ABSENT))


def test_a_change_says_what_was_and_what_is():
    (change,) = changes(state(row(A, GOOD)), state(row(A, BAD)))
    assert (change.subject, change.lane) == ("tone/plain", "torchscript, opset 13")
    assert (change.before, change.after, change.decides) == ("ok", "compare: mismatch", True)
    assert not changes(state(row(A, GOOD)), state(row(A, BAD)), deciding=())[0].decides


def test_an_environment_that_broke_is_one_change_and_hides_the_others():
    broken = row(A, None, Told("bad", "install: failed"))
    (change,) = changes(state(row(A)), state(broken))
    assert (change.kind, change.subject, change.after) == ("regression", "", "install: failed")
    # What it hides is not forgotten.
    kept = settled(state(row(A)), state(broken), {name_of(A)}, (), ())
    assert kinds(kept, state(row(A, BAD))) == ["fixed", "regression"]
    assert kinds(kept, state(row(A, GOOD))) == ["fixed"]


def test_what_is_unknown_for_nights_is_compared_with_what_was_known():
    known = state(row(A, GOOD))
    for _ in range(3):
        known = settled(known, state(row(A, UNKNOWN)), known.rows, (), ())
        assert kinds(known, state(row(A, UNKNOWN))) == []
    assert kinds(known, state(row(A, BAD))) == ["regression"]


B = axes_of("2.1")


def test_a_new_release_is_compared_with_the_one_before():
    found = changes(state(row(A, GOOD)), state(row(A, GOOD), row(B, BAD)))
    assert [change.kind for change in found] == ["regression", "new"]
    assert found[0].neighbour == name_of(A)
    assert found[0].moved == (night.Move("torch", "2.0", "2.1"),)
    assert found[0].before == "ok"


def test_a_new_release_is_compared_with_the_one_it_replaces():
    found = changes(state(row(A, GOOD)), state(row(B, BAD)))
    assert [change.kind for change in found] == ["regression", "new", "gone"]


def test_a_new_release_that_waited_a_night_is_still_compared():
    kept = settled(state(row(A, GOOD)), state(), {name_of(B)}, (), ())
    assert kept.rows[name_of(A)].gone
    assert kinds(kept, state(), planned={name_of(B)}) == []
    assert kinds(kept, state(row(B, BAD))) == ["regression", "new"]


@pytest.mark.parametrize("old", [BAD, UNKNOWN, ABSENT, FLAKY, None])
def test_a_new_release_that_is_bad_as_the_one_before_is_no_regression(old):
    assert kinds(state(row(A, old)), state(row(A, old), row(B, BAD))) == ["new"]


def test_an_old_release_that_is_added_is_no_regression():
    first, last = row(axes_of("1.0"), GOOD), row(axes_of("3.0"), BAD)
    before = state(first, last)
    assert kinds(before, state(first, last, row(A, BAD))) == ["new"]
    # Nor is a row of an older release than any.
    assert kinds(state(row(B, GOOD)), state(row(B, GOOD), row(A, BAD))) == ["new"]


def test_rows_of_a_new_release_that_were_left_for_later_are_compared_too():
    before = [row(axes_of(torch, runtime), GOOD) for torch, runtime in itertools.product(("2.0",), ("1.0", "1.1"))]
    first = row(axes_of("2.1", "1.0"), BAD)
    second = row(axes_of("2.1", "1.1"), BAD)
    known = settled(state(*before), state(*before, first), {name_of(each.axes) for each in (*before, first)}, (), ())
    (change, _) = changes(known, state(*before, first, second))
    assert (change.kind, change.moved) == ("regression", (night.Move("torch", "2.0", "2.1"),))


def test_the_release_that_broke_it_is_told_from_the_one_that_came_along():
    before = state(row(axes_of("2.0", "1.0"), GOOD))
    after = state(
        row(axes_of("2.0", "1.0"), GOOD),
        row(axes_of("2.0", "1.1"), GOOD),
        row(axes_of("2.1", "1.0"), BAD),
        row(axes_of("2.1", "1.1"), BAD),
    )
    moved = {change.combination: change.moved for change in changes(before, after) if change.kind == "regression"}
    torch = (night.Move("torch", "2.0", "2.1"),)
    assert moved == {"3.11-2.1-1.0": torch, "3.11-2.1-1.1": torch}


def test_releases_that_can_only_come_together_are_named_together():
    (change, _, _) = changes(state(row(axes_of("2.0", "1.0"))), state(row(axes_of("2.1", "1.1"), BAD)))
    assert [move.axis for move in change.moved] == ["torch", "onnxruntime"]


def test_another_python_is_another_thing():
    other = {**axes_of("2.1"), "python": "3.12"}
    assert kinds(state(row(A, GOOD)), state(row(A, GOOD), row(other, BAD))) == ["new"]


def test_versions_are_compared_as_versions():
    before = [row(axes_of(torch), told) for torch, told in (("2.9", GOOD), ("2.10", BAD))]
    assert kinds(state(*before), state(*before, row(axes_of("2.11"), BAD))) == ["new"]


def test_a_new_probe_is_said_once():
    found = changes(state(row(A, None), row(B, None)), state(row(A, GOOD), row(B, BAD)))
    assert [(change.kind, change.subject, change.after) for change in found] == [("new", "tone/plain", "1 good, 1 bad")]


def test_a_probe_that_was_changed_is_another_model():
    before = State(state(row(A, GOOD)).rows, {"tone": "1"})
    assert without_changed_probes(before, {"tone": "1"}) is before
    forgotten = without_changed_probes(before, {"tone": "2"})
    assert list(forgotten.rows[name_of(A)].lanes) == [ENVIRONMENT_LANE]
    assert "regression" not in kinds(forgotten, state(row(A, BAD)))


@pytest.mark.parametrize(
    ("verdicts", "wanted", "kind", "runs"),
    [
        (["bad"], 1, "regression", 1),
        (["good"], 1, "flaky", 1),
        (["bad", "good"], 2, "flaky", 2),
        (["bad", "bad"], 2, "regression", 2),
        (["bad", "unknown"], 2, "unconfirmed", 1),
        (["bad"], 2, "unconfirmed", 1),
        ([""], 1, "unconfirmed", 0),
        ([], 1, "unconfirmed", 0),
    ],
)
def test_only_further_runs_that_agree_make_a_regression(verdicts, wanted, kind, runs):
    (found,) = compare(state(row(A, GOOD)), state(row(A, BAD)), [name_of(A)], DECIDING, ())
    change = decided(found, verdicts, wanted).change
    assert (change.kind, change.runs) == (kind, runs)


@pytest.mark.parametrize(
    ("before", "after"), [(state(row(A)), state(row(A, BAD))), (state(row(A)), state(row(A), row(B, BAD)))]
)
def test_what_is_undecided_is_found_again(before, after):
    (place,) = [
        each.place for each in compare(before, after, after.rows, DECIDING, ()) if each.change.kind == "regression"
    ]
    kept = settled(before, after, after.rows, {place}, ())
    assert kinds(kept, after) == ["regression"]


def test_what_is_flaky_stays_so_until_something_changes():
    before, after = state(row(A)), state(row(A, BAD))
    place = (name_of(A), LANE)
    kept = settled(before, after, after.rows, (), {place})
    assert kinds(kept, after, flaky={place}) == []
    assert kinds(kept, state(row(A, GOOD)), flaky={place}) == []


TOLD = st.sampled_from([GOOD, BAD, Told("bad", "run: crashed"), UNKNOWN, ABSENT, None])
AXES = st.tuples(st.sampled_from(["2.0", "2.1", "2.10"]), st.sampled_from(["1.0", "1.1"]))


@st.composite
def states(draw):
    found = draw(st.dictionaries(AXES, st.tuples(TOLD, st.sampled_from([GOOD, BAD, UNKNOWN]))))
    return state(
        *(
            row(axes_of(*versions), told if environment == GOOD else None, environment)
            for versions, (told, environment) in found.items()
        )
    )


@given(st.lists(states(), min_size=1, max_size=5))
def test_the_same_state_twice_is_no_news(nights):
    """Whatever happened before: a night in which nothing changed has nothing to tell."""
    known = State()
    for each in nights:
        known = settled(known, each, each.rows, (), ())
        assert kinds(known, each) == []


@given(states(), states(), st.data())
def test_no_lane_is_a_regression_unless_it_was_good_or_its_neighbour(before, after, data):
    places = [(name, key) for name, each in after.rows.items() for key in each.lanes]
    flaky = data.draw(st.sets(st.sampled_from(places))) if places else set()
    for each in compare(before, after, after.rows, DECIDING, flaky):
        change = each.change
        if change.kind not in {"regression", "fixed"}:
            continue
        assert each.place not in flaky
        now = after.rows[change.combination].lanes[each.place[1]]
        assert now.verdict == ("bad" if change.kind == "regression" else "good")
        if change.neighbour:
            # What is not known of it now is what was known before.
            rows = [state.rows[change.neighbour] for state in (after, before) if change.neighbour in state.rows]
            known = [row.lanes[each.place[1]].known for row in rows if each.place[1] in row.lanes]
            assert next(filter(None, known)) == "good"
            assert all(move.old != move.new for move in change.moved)
        else:
            was = before.rows[change.combination].lanes[each.place[1]]
            assert was.known == ("good" if change.kind == "regression" else "bad")


@given(states(), states())
def test_every_lane_that_was_good_and_is_bad_is_a_regression(before, after):
    found = {
        each.place for each in compare(before, after, after.rows, DECIDING, ()) if each.change.kind == "regression"
    }
    for name in before.rows.keys() & after.rows.keys():
        for key in before.rows[name].lanes.keys() & after.rows[name].lanes.keys():
            if (before.rows[name].lanes[key].known, after.rows[name].lanes[key].verdict) == ("good", "bad"):
                assert (name, key) in found


@given(states())
def test_a_state_is_kept_whole(found):
    assert unpack(pack(found)) == found


def test_a_state_comes_from_the_judged_grid():
    import record_samples as samples

    from matrixscan.analysis.grid import grid_of_records

    grid = grid_of_records(samples.samples())
    made = state_of_grid(grid, {"campplus": "p1"}, {})
    lane = LaneKey("campplus", "published", "torchscript", 13, "fp32", "onnxruntime-cpu")
    rows = made.rows
    assert rows[samples.PASSED].lanes[lane] == Told("good")
    assert rows[samples.MISMATCH].lanes[lane] == Told("bad", "compare: mismatch")
    assert rows[samples.CRASHED].lanes[lane] == Told("bad", "load: crashed, memory")
    assert rows[samples.SKIPPED].lanes[lane].verdict == "unknown"
    assert rows[samples.PASSED].lanes[lane._replace(exporter="dynamo", opset=18)].verdict == "not_applicable"
    assert rows[samples.NO_INSTALL].lanes == {ENVIRONMENT_LANE: Told("bad", "install: failed")}
    assert samples.MISSING not in rows
    assert grid.codes.dtype == np.int16
