import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrixscan.errors import NothingSelectedError
from matrixscan.matrix.types import Reduction
from matrixscan.plan.coverage import coverage
from matrixscan.plan.reduce import matches, missing_seeds, reduce_rows, row_order, strength

AXES = ("python", "torch", "onnx", "onnxruntime", "numpy", "onnxscript")
NONE = Reduction()


def product(*counts):
    values = [[f"3.{n}" if axis == "python" else f"1.{n}.0" for n in range(m)] for axis, m in zip(AXES, counts)]  # noqa: B905
    return [dict(zip(AXES, row)) for row in itertools.product(*values)]  # noqa: B905 fewer axes than names


def every_group(rows, size):
    """Count independently of coverage.py: a set of frozen dicts."""
    return {
        frozenset((axis, row[axis]) for axis in axes)
        for row in rows
        for axes in itertools.combinations(AXES, size)
        if all(axis in row for axis in axes)
    }


@st.composite
def feasible_rows(draw):
    counts = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    rows = product(*counts)
    kept = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    return [row for row, keep in zip(rows, kept, strict=True) if keep] or rows[:1]


@settings(max_examples=60, deadline=None)
@given(feasible_rows(), st.integers(1, 4), st.data())
def test_every_feasible_group_is_covered_seeds_are_in_and_the_order_of_rows_is_nothing(rows, size, data):
    seeds = data.draw(st.lists(st.sampled_from(rows), max_size=3))
    partial = data.draw(st.sampled_from(AXES))
    seeds = tuple({axis: row[axis] for axis in row if axis != partial or len(row) == 1} for row in seeds)
    reduction = Reduction(seeds=seeds)
    chosen = reduce_rows(rows, f"t-wise:{size}", reduction)
    assert every_group(chosen, size) == every_group(rows, size)
    assert all(row in rows for row in chosen)
    assert len({tuple(row.items()) for row in chosen}) == len(chosen)
    assert all(any(matches(row, seed) for row in chosen) for seed in seeds)
    assert missing_seeds(rows, reduction) == ()
    shuffled = data.draw(st.permutations(rows))
    assert sorted(map(row_order, reduce_rows(shuffled, f"t-wise:{size}", reduction))) == sorted(map(row_order, chosen))


@pytest.mark.parametrize(
    ("counts", "size", "most"),
    [
        ((4, 4, 4), 2, 20),  # 16 is the least there can be
        ((3, 3, 3, 3), 2, 12),  # 9
        ((5, 5, 5), 2, 30),  # 25
        ((2, 2, 2, 2, 2, 2), 2, 8),  # 6
        ((6, 5, 5, 4, 3, 3), 2, 40),  # 30
        ((3, 3, 3, 3), 3, 34),  # 27
        ((17, 2, 17), 2, 289),  # 289: every torch with every onnxruntime
    ],
)
def test_sizes_are_near_the_known_bounds(counts, size, most):
    rows = product(*counts)
    chosen = reduce_rows(rows, f"t-wise:{size}", NONE)
    assert coverage(rows, chosen, size).complete
    assert len(chosen) <= most


@pytest.mark.parametrize("strategy", ["pairwise", "t-wise:3"])
def test_five_thousand_rows_take_seconds(strategy):
    rows = product(10, 10, 5, 5, 2)
    begun = time.perf_counter()
    chosen = reduce_rows(rows, strategy, NONE)
    assert time.perf_counter() - begun < 20  # about one where nothing else runs
    assert coverage(rows, chosen, strength(strategy)).complete
    assert len(chosen) < 620


def test_full_is_every_row_in_its_order():
    rows = product(2, 3)[::-1]
    assert list(reduce_rows(rows, "full", Reduction(seeds=({"torch": "1.0.0"},)))) == rows


def test_chosen_rows_keep_the_order_of_the_matrix():
    rows = product(4, 4, 4)
    chosen = reduce_rows(rows, "pairwise", NONE)
    assert list(chosen) == [row for row in rows if row in chosen]


def test_a_seed_that_no_row_matches_is_reported():
    rows = product(2, 2)
    seeds = ({"torch": "1.0.0"}, {"torch": "7.0.0"}, {"timm": "1.0.0"})
    assert missing_seeds(rows, Reduction(seeds=seeds)) == seeds[1:]


def test_a_seed_may_spell_a_version_otherwise():
    assert matches({"python": "3.8", "torch": "2.4.0"}, {"torch": "2.4"})
    assert not matches({"python": "3.10"}, {"python": "3.1"})


def test_a_seed_that_the_cover_holds_anyway_costs_nothing():
    rows = product(4, 4, 4)
    plain = reduce_rows(rows, "pairwise", NONE)
    assert len(reduce_rows(rows, "pairwise", Reduction(seeds=({"torch": "1.2.0"},)))) == len(plain)


def test_one_at_a_time_moves_one_axis_from_a_baseline_completed_to_the_newest():
    rows = [row for row in product(3, 12, 3) if row != {"python": "3.2", "torch": "1.9.0", "onnx": "1.1.0"}]
    chosen = reduce_rows(rows, "one-at-a-time", Reduction(baseline={"onnx": "1.1.0"}))
    base = {"python": "3.2", "torch": "1.11.0", "onnx": "1.1.0"}
    assert base in chosen
    assert len(chosen) == 1 + 2 + 10 + 2  # one torch cannot be with this baseline
    assert all(sum(row[axis] != base[axis] for axis in base) <= 1 for row in chosen)


def test_one_at_a_time_adds_a_row_for_a_seed_it_lacks():
    rows = product(3, 4, 3)
    seed = {"python": "3.0", "torch": "1.0.0"}
    chosen = reduce_rows(rows, "one-at-a-time", Reduction(seeds=(seed, {"torch": "1.1.0"})))
    assert sum(matches(row, seed) for row in chosen) == 1
    assert len(chosen) == 1 + 2 + 3 + 2 + 1


def test_a_baseline_that_cannot_be_is_an_error_that_names_the_key():
    with pytest.raises(NothingSelectedError, match=r"\[reduction\] baseline"):
        reduce_rows(product(2, 2), "one-at-a-time", Reduction(baseline={"torch": "9.0.0"}))


def test_boundary_starts_with_the_pairs_and_without_room_with_the_versions():
    rows = product(1, 10, 10)
    assert reduce_rows(rows, "boundary", NONE) == reduce_rows(rows, "pairwise", NONE)
    small = reduce_rows(rows, "boundary", Reduction(budget=30))
    assert len(small) == 10
    assert coverage(rows, small, 1).complete
    seed = {"torch": "1.3.0"}
    least = reduce_rows(rows, "boundary", Reduction(budget=4, seeds=(seed,)))
    assert len(least) <= 4
    assert any(matches(row, seed) for row in least)


def test_a_row_that_lacks_an_axis_is_a_row_like_others():
    rows = [*product(2, 3, 3), {"python": "3.0", "torch": "1.0.0"}]
    chosen = reduce_rows(rows, "pairwise", NONE)
    assert every_group(chosen, 2) == every_group(rows, 2)


def test_nothing_is_reduced_to_nothing():
    assert reduce_rows([], "pairwise", NONE) == ()
    assert coverage([], [], 2).complete


def test_coverage_counts_what_is_there():
    rows = product(2, 2, 2)
    found = coverage(rows, rows[:1], 2)
    assert (found.covered, found.total, found.complete) == (3, 12, False)
    assert found.words == "25 % of 12 feasible pairs in 1 of 8 combinations"
    assert coverage(rows, rows, 3).words == "100 % of 8 feasible triples in 8 of 8 combinations"
    assert coverage(rows, rows[:4], 1).words == "83 % of 6 feasible versions in 4 of 8 combinations"


def test_a_share_is_never_rounded_up_to_all():
    rows = product(1, 300)
    assert coverage(rows, rows[:-1], 2).words.startswith("99 %")


def test_a_row_from_elsewhere_covers_nothing():
    rows = product(1, 2, 2)
    assert coverage(rows, [{"python": "3.0", "torch": "9.0.0", "onnx": "9.0.0"}], 2).covered == 0


def test_a_small_budget_begins_with_versions_far_apart():
    rows = [{"python": "3.11", "torch": "2.4.1", "onnxruntime": f"1.{minor}.0"} for minor in range(15, 32)]
    start = [row["onnxruntime"] for row in reduce_rows(rows, "boundary", Reduction(budget=9))]
    assert start == ["1.15.0", "1.23.0", "1.31.0"]
    two = [row["onnxruntime"] for row in reduce_rows(rows, "boundary", Reduction(budget=4))]
    assert two == ["1.15.0", "1.31.0"]
