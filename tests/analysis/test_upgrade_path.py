import itertools

from hypothesis import given
from hypothesis import strategies as st

from matrixscan.analysis.upgrade_path import upgrade

CHOICES = {"torch": ["2.1", "2.2", "2.3", "2.4"], "onnx": ["1.14", "1.16", "1.18"], "onnxruntime": ["1.16", "1.19"]}
START = {"python": "3.11", "torch": "2.1", "onnx": "1.14", "onnxruntime": "1.16"}


def run(answer, choices=CHOICES, package="torch", budget=1000, start=START):
    asked, going, said = [], upgrade(start, choices, package, budget), None
    while True:
        try:
            row = going.send(said)
        except StopIteration as end:
            found = end.value
            break
        asked.append(tuple(row.items()))
        said = answer(row)
    assert len(set(asked)) == len(asked), "asked twice"
    assert asked == [tuple(row.items()) for row, _ in found.asked]
    return found


def row(torch, onnx="1.14", ort="1.16"):
    return {"python": "3.11", "torch": torch, "onnx": onnx, "onnxruntime": ort}


def test_where_everything_is_good_one_question_and_one_step_do():
    found = run(lambda _: "good")
    assert found.path == (START, row("2.4"))
    assert found.steps == ({"torch": "2.4"},)
    assert (found.at_once, len(found.asked), found.ruled_out, found.open) == (1, 1, (), ())


def test_where_nothing_is_good_one_stays_and_is_told_that_all_was_tried():
    found = run(lambda _: "bad")
    assert found.path == (START,)
    assert (found.at_once, found.steps, found.ruled_out, found.open) == (0, (), ("2.4", "2.3", "2.2"), ())


def test_a_package_that_has_to_move_first_is_moved_first():
    def answer(row):
        return "good" if row["torch"] == "2.1" or row["onnx"] != "1.14" else "bad"

    found = run(answer)
    assert found.steps == ({"onnx": "1.16"}, {"torch": "2.4"})
    assert found.at_once == 1


def test_packages_that_only_fit_each_other_are_moved_together():
    def answer(row):
        return "good" if (row["torch"] == "2.4") == (row["onnxruntime"] == "1.19") else "bad"

    found = run(answer)
    assert found.steps == ({"torch": "2.4", "onnxruntime": "1.19"},)
    assert found.at_once == 2


def test_a_release_that_nothing_leads_to_is_named_and_the_next_one_is_taken():
    found = run(lambda row: "bad" if row["torch"] == "2.4" else "good")
    assert found.path[-1] == row("2.3")
    assert found.ruled_out == ("2.4",)


def test_doubt_is_no_step_and_what_was_not_asked_is_said_to_be_open():
    found = run(lambda _: "unknown", budget=3)
    assert found.path == (START,)
    assert (len(found.asked), found.open, found.ruled_out) == (3, ("2.4", "2.3", "2.2"), ())


def test_when_no_more_is_to_be_asked_the_best_that_is_known_is_told():
    found = run(lambda row: "good" if row["torch"] == "2.3" else "bad", budget=7)
    assert found.path[-1]["torch"] in {"2.1", "2.3"}
    assert found.open or found.path[-1]["torch"] == "2.3"


def test_an_axis_may_come_with_a_release():
    choices = {"torch": ["2.4", "2.6"], "onnxscript": ["", "0.2"]}
    start = {"python": "3.11", "torch": "2.4"}
    found = run(lambda row: "good" if ("onnxscript" in row) == (row["torch"] == "2.6") else "bad", choices, start=start)
    assert found.steps == ({"torch": "2.6", "onnxscript": "0.2"},)


def test_there_is_nothing_to_do_where_the_newest_is_there():
    found = run(lambda _: "good", {"torch": ["2.4"], "onnx": ["1.14", "1.16"]})
    assert (found.path, found.asked, found.open) == ((START,), (), ())


ROWS = [dict(zip(CHOICES, each, strict=True)) for each in itertools.product(*CHOICES.values())]


def reachable(told, at_once):
    """Return all combinations to which good ones lead, by trying every step."""
    place = {axis: {version: at for at, version in enumerate(versions)} for axis, versions in CHOICES.items()}
    found, left = {tuple(ROWS[0].items())}, [ROWS[0]]
    while left:
        here = left.pop()
        for other in ROWS:
            key = tuple(other.items())
            steps = [place[axis][other[axis]] - place[axis][here[axis]] for axis in CHOICES]
            if key not in found and told[key] == "good" and min(steps) >= 0 and sum(map(bool, steps)) <= at_once:
                found.add(key)
                left.append(other)
    return found


@given(st.lists(st.sampled_from(["good", "bad", "unknown"]), min_size=len(ROWS), max_size=len(ROWS)))
def test_nothing_goes_further_and_no_way_there_moves_fewer_at_once(verdicts):
    told = {tuple(row.items()): verdict for row, verdict in zip(ROWS, verdicts, strict=True)}
    found = run(lambda row: told[tuple((axis, row[axis]) for axis in CHOICES)], start=START)
    newest = {count: max(dict(each)["torch"] for each in reachable(told, count)) for count in (1, 2, 3)}
    assert found.path[-1]["torch"] == newest[3]
    if len(found.path) > 1:
        assert found.at_once == min(count for count in newest if newest[count] == newest[3])
    for step in found.path[1:]:
        assert told[tuple((axis, step[axis]) for axis in CHOICES)] == "good"
    assert found.open == ()
