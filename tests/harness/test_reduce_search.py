import importlib.util
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.harness.diagnosis import reduce_search as search


@given(st.integers(0, 60), st.integers(0, 60))
def test_bisection_finds_the_last_point_that_fails(count, last):
    last = min(count, last)
    assert search.largest_failing(count, lambda k: k <= last) == last


@given(st.integers(1, 60), st.integers(1, 60))
def test_bisection_finds_the_first_point_that_fails(count, first):
    first = min(count, first)
    assert search.smallest_failing(count, lambda k: k >= first) == first


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_everything_that_does_not_matter_is_removed(items, needed):
    removed = search.most_removed(sorted(items), lambda names: not needed & set(names))
    assert set(removed) == items - needed


def test_what_does_not_matter_costs_few_attempts():
    asked = []

    def fails(names):
        asked.append(1)
        return 700 not in names

    assert len(search.most_removed(list(range(1000)), fails)) == 999
    assert len(asked) < 25


def test_what_is_removed_fails_together_even_where_items_depend_on_one_another():
    # Of 1 and 2 one may go, not both.
    removed = search.most_removed([1, 2, 3], lambda names: not {1, 2} <= set(names))
    assert sorted(removed) in ([1, 3], [2, 3])


@pytest.mark.parametrize(("failing", "deepest"), [({"a"}, "a"), ({"a", "b", "c"}, "c"), ({"a", "b", "d"}, "b")])
def test_the_search_goes_down_as_long_as_a_child_fails(failing, deepest):
    tree = {"a": "bd", "b": "c", "c": "", "d": ""}
    wanted = deepest if deepest != "b" else "b"
    assert search.deepest_failing("a", lambda node: tree[node], lambda node: node in failing) == wanted


def test_the_searches_need_nothing():
    source = Path(importlib.util.find_spec(search.__name__).origin).read_text(encoding="utf-8")
    assert not list(itertools.filterfalse(lambda line: "import" not in line, source.splitlines()))
