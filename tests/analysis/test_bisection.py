import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.analysis.bisection import Step, bound, moved, search

TORCH = ("1.11.0", "1.12.1", "1.13.1", "2.0.1", "2.1.2", "2.2.2", "2.3.1", "2.4.1")
ORT = ("1.15.1", "1.16.3", "1.17.3", "1.18.1", "1.19.2", "1.20.1")
ONNX = ("1.12.0", "1.14.1", "1.16.1")
RELEASES = {"torch": TORCH, "onnxruntime": ORT, "onnx": ONNX}


def row(torch=TORCH[0], onnx=ONNX[0], ort=ORT[0]):
    return {"python": "3.10", "torch": torch, "onnx": onnx, "onnxruntime": ort}


GOOD, BAD = row(), row(TORCH[-1], ONNX[-1], ORT[-1])


def run(answer, good=GOOD, bad=BAD, releases=RELEASES):
    asked = []
    going = search(good, bad, lambda axis: releases.get(axis, ()))
    try:
        place = next(going)
        while True:
            asked.append(place)
            place = going.send(answer(place))
    except StopIteration as end:
        return end.value, asked


def since(axis, release):
    order = RELEASES[axis].index
    return lambda place: "bad" if order(place[axis]) >= order(release) else "good"


@pytest.mark.parametrize(("axis", "release"), [(axis, version) for axis in RELEASES for version in RELEASES[axis][1:]])
def test_the_package_and_the_release_are_found_with_few_questions(axis, release):
    found, asked = run(since(axis, release))
    order = RELEASES[axis]
    assert found.axes == (axis,)
    assert (found.good[axis], found.bad[axis]) == (order[order.index(release) - 1], release)
    assert len(asked) + 2 <= bound(3, len(order)) <= 2 + 2 + 3
    assert found.steps == tuple(Step(place, since(axis, release)(place)) for place in asked)
    assert found.silent == ()


def test_ends_that_differ_in_one_package_need_no_search_for_it():
    good, bad = row(ort=ORT[-1]), row(ort=ORT[0])
    found, asked = run(lambda place: "good" if ORT.index(place["onnxruntime"]) >= 2 else "bad", good, bad)
    assert (found.good["onnxruntime"], found.bad["onnxruntime"]) == ("1.17.3", "1.16.3")
    assert all(moved(place, good) == ("onnxruntime",) for place in asked)
    assert len(asked) + 2 <= bound(1, len(ORT))


def test_a_change_that_needs_two_packages_is_found_with_the_second_one():
    def answer(place):
        return "bad" if TORCH.index(place["torch"]) >= 4 and ORT.index(place["onnxruntime"]) >= 3 else "good"

    found, _ = run(answer)
    assert (found.good["onnxruntime"], found.bad["onnxruntime"]) == ("1.17.3", "1.18.1")
    assert found.bad["torch"] == TORCH[-1]


def test_releases_that_say_nothing_are_passed_over():
    silent = {"2.1.2", "2.2.2"}

    def answer(place):
        return "silent" if place["torch"] in silent else since("torch", "2.3.1")(place)

    found, _ = run(answer)
    assert (found.good["torch"], found.bad["torch"]) == ("2.0.1", "2.3.1")
    assert {place["torch"] for place in found.silent} == silent


def test_packages_that_say_nothing_alone_are_moved_together():
    def answer(place):
        fits = (TORCH.index(place["torch"]) >= 4) == (ONNX.index(place["onnx"]) >= 1)
        return since("torch", "2.3.1")(place) if fits else "silent"

    found, _ = run(answer)
    assert answer(found.good) == "good" or found.good == GOOD
    assert answer(found.bad) == "bad"
    assert set(found.axes) <= {"torch", "onnx"}
    assert found.bad["torch"] == "2.3.1"


def test_an_axis_that_one_end_lacks_is_there_or_not():
    good, bad = row(), {**row(), "onnxscript": "0.5.0"}
    found, asked = run(lambda _: "good", good, bad)
    assert (found.axes, asked) == (("onnxscript",), [])
    assert "onnxscript" not in found.good


def test_an_end_that_the_releases_do_not_have_leaves_nothing_between():
    found, asked = run(since("torch", "2.0.1"), row("1.10.0"), row("2.4.1"))
    assert (found.good["torch"], found.bad["torch"], asked) == ("1.10.0", "2.4.1", [])


PLACES = [row(*each) for each in itertools.product(TORCH[:4], ONNX, ORT[:4])]


@given(st.lists(st.sampled_from(["good", "bad", "silent"]), min_size=len(PLACES), max_size=len(PLACES)))
def test_whatever_the_answers_are_two_neighbours_are_found_that_differ(answers):
    told = {frozenset(place.items()): each for place, each in zip(PLACES, answers, strict=True)}
    good, bad = PLACES[0], PLACES[-1]
    told |= {frozenset(good.items()): "good", frozenset(bad.items()): "bad"}
    found, asked = run(lambda place: told[frozenset(place.items())], good, bad)
    assert told[frozenset(found.good.items())] == "good"
    assert told[frozenset(found.bad.items())] == "bad"
    assert all(told[frozenset(place.items())] == "silent" for place in found.silent)
    names = [frozenset(place.items()) for place in (good, bad, *asked)]
    assert len(set(names)) == len(names), "asked twice"
    if "silent" not in {told[name] for name in names}:
        (axis,) = found.axes
        order = RELEASES[axis].index
        assert abs(order(found.good[axis]) - order(found.bad[axis])) == 1
        assert len(names) <= bound(3, 4)
