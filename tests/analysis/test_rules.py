import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_planting import exhaustive, key

from matrixscan.analysis import rules_search
from matrixscan.analysis.rules import ALWAYS, FEW, NEVER, RULES, UNEXPLAINED, Half, conjunction, labels_of
from matrixscan.analysis.rules_cost import Limits, limits_of
from matrixscan.analysis.rules_find import rules_of, state_rules
from matrixscan.analysis.rules_space import space_of

TORCH = ("1.13.1", "2.0.0", "2.1.0", "2.9.0", "2.10.0")
ORT = ("1.15.0", "1.16.0", "1.17.0", "1.18.0")
GRID = [{"torch": torch, "onnxruntime": ort} for torch in TORCH for ort in ORT]


def told(rows, shows, known=None):
    known = [True] * len(rows) if known is None else known
    return rules_of(
        rows, np.array([(1 if shows(row) else -1) * say for row, say in zip(rows, known, strict=True)], np.int8)
    )


def words(found):
    return [conjunction(rule.halves) for rule in found.rules]


def newer(row, axis, version):
    return tuple(map(int, row[axis].split("."))) >= tuple(map(int, version.split(".")))


def test_a_rule_of_two_axes_with_its_counts():
    found = told(GRID, lambda row: newer(row, "torch", "2.1.0") and not newer(row, "onnxruntime", "1.17.0"))
    assert words(found) == ["torch >= 2.1.0 and onnxruntime < 1.17.0"]
    assert (found.state, found.positives, found.negatives, found.right, found.exceptions) == (RULES, 6, 14, 6, 0)
    assert (found.rules[0].right, found.rules[0].wrong, found.few, found.complete) == (6, 0, False, True)


def test_versions_are_ordered_as_versions():
    assert words(told(GRID, lambda row: row["torch"] == "2.10.0")) == ["torch >= 2.10.0"]
    assert words(told(GRID, lambda row: row["torch"] == "2.9.0")) == ["torch >= 2.9.0 and < 2.10.0"]


def test_a_bound_names_the_tested_releases_on_both_sides_and_those_that_say_nothing():
    known = [row["torch"] not in {"2.1.0", "2.9.0"} for row in GRID]
    found = told(GRID, lambda row: newer(row, "torch", "2.10.0"), known)
    (bound,) = found.rules[0].bounds
    assert bound.half == Half("torch", ">=", "2.10.0")
    assert (bound.outside, bound.inside, bound.silent) == ("2.0.0", "2.10.0", ("2.1.0", "2.9.0"))
    assert found.silent == 8
    older = told(GRID, lambda row: not newer(row, "torch", "2.10.0"), known)
    (bound,) = older.rules[0].bounds
    assert (str(bound.half), bound.inside, bound.outside) == ("torch < 2.10.0", "2.0.0", "2.10.0")


def test_the_gap_of_a_bound_is_that_within_the_rest_of_the_rule():
    """torch 2.1.0 was tested, but not with the runtimes that the rule is about."""
    rows = [row for row in GRID if row["torch"] != "2.1.0" or newer(row, "onnxruntime", "1.17.0")]
    found = told(rows, lambda row: newer(row, "torch", "2.9.0") and not newer(row, "onnxruntime", "1.17.0"))
    first = found.rules[0].bounds[0]
    assert (str(first.half), first.outside, first.silent) == ("torch >= 2.9.0", "2.0.0", ("2.1.0",))


ERA = {"1.13.1": "1.14.0", "2.0.0": "1.15.0", "2.1.0": "1.16.0", "2.9.0": "1.19.0", "2.10.0": "1.20.0"}


def test_axes_that_moved_together_are_all_named_and_torch_is_preferred():
    rows = [{"torch": row["torch"], "onnx": ERA[row["torch"]], "onnxruntime": row["onnxruntime"]} for row in GRID]
    found = told(rows, lambda row: newer(row, "torch", "2.1.0"))
    assert words(found) == ["torch >= 2.1.0"]
    assert found.rules[0].bounds[0].instead == (Half("onnx", ">=", "1.16.0"),)
    assert found.alternatives == ()


def test_one_row_that_tells_them_apart_ends_the_ambiguity():
    rows = [{"torch": row["torch"], "onnx": ERA[row["torch"]], "onnxruntime": row["onnxruntime"]} for row in GRID]
    rows.append({"torch": "2.10.0", "onnx": "1.14.0", "onnxruntime": "1.15.0"})
    found = told(rows, lambda row: newer(row, "onnx", "1.16.0"))
    assert words(found) == ["onnx >= 1.16.0"]
    assert found.rules[0].bounds[0].instead == ()


def test_other_words_for_a_whole_rule_are_alternatives():
    """A band of torch is here the same as one of onnx that starts and ends elsewhere."""
    rows = [{"torch": f"2.{n}.0", "onnx": f"1.{order}.0"} for n, order in enumerate((5, 1, 2, 6, 0))]
    found = told(rows, lambda row: row["torch"] in {"2.1.0", "2.2.0"})
    assert words(found) == ["torch >= 2.1.0 and < 2.3.0"]
    others = [[conjunction(rule) for rule in other] for other in found.alternatives]
    assert others == [["onnx >= 1.1.0 and < 1.5.0"], ["torch < 2.4.0 and onnx < 1.5.0"]]


def test_whether_an_axis_is_there_is_a_condition():
    rows = [row | ({"onnxscript": script} if script else {}) for row in GRID for script in ("", "0.5.0", "0.6.0")]
    assert words(told(rows, lambda row: "onnxscript" not in row)) == ["no onnxscript"]
    assert words(told(rows, lambda row: "onnxscript" in row)) == ["any onnxscript"]
    assert words(told(rows, lambda row: row.get("onnxscript") == "0.6.0")) == ["onnxscript >= 0.6.0"]
    older = told(rows, lambda row: row.get("onnxscript") == "0.5.0")
    assert words(older) == ["onnxscript < 0.6.0"]
    assert not older.predicts({"torch": "2.0.0"})


def test_several_rules():
    def shows(row):
        new = newer(row, "torch", "2.9.0") and newer(row, "onnxruntime", "1.17.0")
        return new or not newer(row, "torch", "2.0.0")

    assert words(told(GRID, shows)) == ["torch < 2.0.0", "torch >= 2.9.0 and onnxruntime >= 1.17.0"]


def test_one_rule_with_more_bounds_comes_before_two():
    def shows(row):
        return "2.0.0" <= row["torch"] <= "2.1.0" and row["onnxruntime"] in {"1.16.0", "1.17.0"}

    assert words(told(GRID, shows)) == ["torch >= 2.0.0 and < 2.9.0 and onnxruntime >= 1.16.0 and < 1.18.0"]


def test_where_no_few_rules_say_where_it_is_they_may_say_where_it_is_not():
    def hole(row):
        return row["torch"] in {"2.0.0", "2.1.0"} and row["onnxruntime"] in {"1.16.0", "1.17.0"}

    found = told(GRID, lambda row: not hole(row))
    assert found.inverse
    assert words(found) == ["torch >= 2.0.0 and < 2.9.0 and onnxruntime >= 1.16.0 and < 1.18.0"]
    assert (found.right, found.rules[0].right, found.rules[0].wrong) == (4, 4, 0)
    assert [found.predicts(row) for row in GRID] == [not hole(row) for row in GRID]


def test_one_combination_is_named_and_not_boxed_in():
    odd = {"torch": "2.1.0", "onnxruntime": "1.16.0"}
    found = told(GRID, lambda row: row != odd)
    assert (found.state, found.listed) == (UNEXPLAINED, ("torch2.1.0-ort1.16.0",))
    assert told(GRID, lambda row: row == odd).listed == ("torch2.1.0-ort1.16.0",)


def test_always_and_never_separate_nothing():
    assert told(GRID, lambda _: True).state == ALWAYS
    assert told(GRID, lambda _: False).state == NEVER
    assert told(GRID, lambda _: True, [False] * len(GRID)).state == NEVER


def test_a_pattern_without_a_rule_is_not_forced_into_one():
    chequered = told(GRID, lambda row: (TORCH.index(row["torch"]) + ORT.index(row["onnxruntime"])) % 2 == 0)
    assert (chequered.state, chequered.rules, chequered.complete) == (UNEXPLAINED, (), True)
    four = [{"torch": version} for version in TORCH[:4]]
    assert told(four, lambda row: row["torch"] in {"1.13.1", "2.1.0"}).state == UNEXPLAINED


def wide(number=12):
    return [{"torch": f"2.{torch}.0", "onnxruntime": f"1.{ort}.0"} for torch in range(number) for ort in range(number)]


def test_an_exception_is_named_and_costs_less_than_a_rule_for_it():
    odd = {"torch": "2.3.0", "onnxruntime": "1.7.0"}
    found = told(wide(), lambda row: newer(row, "torch", "2.6.0") != (row == odd))
    assert words(found) == ["torch >= 2.6.0"]
    assert (found.missed, found.wrong) == (("torch2.3.0-ort1.7.0",), ())
    found = told(wide(), lambda row: newer(row, "torch", "2.2.0") != (row == odd))
    assert (words(found), found.wrong) == (["torch >= 2.2.0"], ("torch2.3.0-ort1.7.0",))


def test_what_a_further_rule_saves_decides_whether_there_is_one():
    """Two cells in a corner are exceptions; a whole line of them is a rule."""

    def corner(row):
        return newer(row, "torch", "2.6.0") or row in wide()[:2]

    assert len(told(wide(), corner).rules) == 1
    assert told(wide(), corner).exceptions == 2
    line = told(wide(), lambda row: newer(row, "torch", "2.6.0") or not newer(row, "torch", "2.1.0"))
    assert (len(line.rules), line.exceptions) == (2, 0)


def test_no_rule_is_made_up_to_get_below_the_number_of_exceptions_that_is_allowed():
    """Nine cells are flipped and eight are allowed: a rule for one of them would say something about noise."""
    rows = wide(20)
    flipped = [rows[place] for place in (7, 29, 55, 92, 131, 168, 214, 263, 301)]
    assert limits_of(200, 200).exceptions == 8
    nine = told(rows, lambda row: newer(row, "torch", "2.10.0") != (row in flipped))
    assert nine.state == UNEXPLAINED
    eight = told(rows, lambda row: newer(row, "torch", "2.10.0") != (row in flipped[:8]))
    assert (words(eight), eight.exceptions) == (["torch >= 2.10.0"], 8)


@pytest.mark.parametrize(
    ("positives", "negatives", "limits"),
    [(1, 3, (3, 2, 0)), (2, 2, (3, 2, 0)), (9, 500, (3, 9, 0)), (10, 11, (3, 10, 1)), (400, 400, (3, 400, 8))],
)
def test_few_rows_allow_few_bounds_and_no_exception(positives, negatives, limits):
    assert limits_of(positives, negatives) == Limits(*limits)


def test_a_rule_can_be_asked_of_other_rows():
    halves = ((Half("torch", ">=", "2.1.0"),),)
    some = [row for row in GRID if row["onnxruntime"] == "1.15.0"]
    newest = [newer(row, "torch", "2.1.0") for row in some]
    made = state_rules(halves, some, labels_of(newest, [not new for new in newest]), space_of(some))
    assert (made.right, made.exceptions, made.few) == (3, 0, len(some) < FEW)
    assert state_rules(halves, some[:2], labels_of([True, True], [False, False]), space_of(some[:2])) is None


ROWS = [
    {"torch": f"2.{torch}.0", "onnxruntime": f"1.{ort}.0"} | ({"onnx": f"1.{onnx}.0"} if onnx else {})
    for torch in range(3) for ort in range(3) for onnx in range(3)
]  # fmt: skip


@st.composite
def tables(draw):
    rows = draw(st.lists(st.sampled_from(ROWS), min_size=2, max_size=12, unique_by=lambda row: tuple(row.items())))
    return rows, draw(st.lists(st.sampled_from([1, -1, 0]), min_size=len(rows), max_size=len(rows)))


@settings(max_examples=150, deadline=None)
@given(tables())
def test_a_set_reproduces_its_labels_and_none_is_cheaper(table):
    rows, labels = table
    found = rules_of(rows, np.array(labels, np.int8))
    said = [(row, label > 0) for row, label in zip(rows, labels, strict=True) if label]
    counts = sum(shown for _, shown in said), sum(not shown for _, shown in said)
    assert (found.positives, found.negatives, found.silent) == (*counts, len(rows) - sum(counts))
    if not all(counts):
        assert found.state == (ALWAYS if counts[0] else NEVER)
        return
    known = [row for row, _ in said]
    direct = exhaustive(known, [shown for _, shown in said])[0]
    inverse = exhaustive(known, [not shown for _, shown in said])[0]
    assert (found.state, found.inverse) == (RULES if direct or inverse else UNEXPLAINED, not direct and bool(inverse))
    if found.state == RULES:
        assert [found.predicts(row) for row in known] == [shown for _, shown in said]
        assert key(len(found.rules), sum(len(rule.bounds) for rule in found.rules), 0) == (direct or inverse)
        assert all(bound.inside != bound.outside or bound.half.sign in {"absent", "present"}
                   for rule in found.rules for bound in rule.bounds)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(tables(), st.integers(0, 2))
def test_with_exceptions_allowed_none_is_cheaper_either(table, allowed):
    rows, labels = table
    known = [(row, label > 0) for row, label in zip(rows, labels, strict=True) if label]
    if len({shown for _, shown in known}) < 2:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules_search, "limits_of", lambda *counts: Limits(3, limits_of(*counts).bounds, allowed))
        found = rules_search.search(space_of([row for row, _ in known]), np.array([shown for _, shown in known]))
    least = exhaustive([row for row, _ in known], [shown for _, shown in known], allowed)[0]
    own = None if found.key is None else (found.key.cost, found.key.exceptions, found.key.rules, found.key.bounds)
    assert own == least


@settings(max_examples=60, deadline=None)
@given(tables(), st.randoms())
def test_the_order_of_rows_and_axes_changes_nothing(table, dice):
    rows, labels = table
    order = list(range(len(rows)))
    dice.shuffle(order)
    other = rules_of([dict(reversed(rows[index].items())) for index in order],
                     np.array([labels[index] for index in order], np.int8))  # fmt: skip
    found = rules_of(rows, np.array(labels, np.int8))
    assert words(other) == words(found)
    assert (set(other.missed), set(other.wrong)) == (set(found.missed), set(found.wrong))


def test_alternatives_say_the_same_of_every_known_row():
    rows = [dict(row, onnx=ERA[row["torch"]]) for row in GRID]
    for shows in itertools.product([True, False], repeat=len(TORCH)):
        found = told(rows, lambda row, shows=shows: shows[TORCH.index(row["torch"])])
        for bound in (bound for rule in found.rules for bound in rule.bounds):
            for instead in bound.instead:
                replaced = [[instead if half == bound.half else half for half in rule.halves] for rule in found.rules]
                said = [any(all(half.holds(row) for half in rule) for rule in replaced) for row in rows]
                assert said == [any(rule.covers(row) for rule in found.rules) for row in rows]


def eras():
    """Return rows of the size and the confoundings of matrices/eras.toml."""
    torches = ["1.11.0", "1.12.1", "1.13.1", *(f"2.{minor}.0" for minor in range(16))]
    rows = []
    for age, torch in enumerate(torches):
        own = f"1.{11 + age // 2}.0"
        rows += [{"python": "3.10", "torch": torch, "onnx": onnx, "onnxruntime": f"1.{ort}.0"}
                 for onnx in (own, "1.23.0") for ort in range(15, 24)]  # fmt: skip
        for ort in range(15, 32) if age > 1 else ():
            newest = {"python": "3.11", "torch": torch, "onnxruntime": f"1.{ort}.0"}
            rows.append(newest | {"onnx": "1.23.0", "onnxscript": "0.7.0"})
            rows.append(newest | {"onnx": own} | ({"onnxscript": f"0.{(age - 10) // 2}.0"} if age > 9 else {}))
    return rows


@pytest.mark.parametrize("flipped", [0, 4])
def test_a_grid_of_the_size_of_eras_is_explained_in_seconds(flipped):
    rows = eras()
    assert len(rows) == 920

    def shows(row):
        old = not newer(row, "onnxruntime", "1.20.0")
        return (newer(row, "torch", "2.0.0") and old) or not newer(row, "torch", "1.13.1")

    noise = rows[100:900:200][:flipped]
    started = time.process_time()
    found = told(rows, lambda row: shows(row) != (row in noise))
    assert time.process_time() - started < 30
    assert words(found) == ["torch < 1.13.1", "torch >= 2.0.0 and onnxruntime < 1.20.0"]
    assert (found.exceptions, found.complete) == (flipped, True)
