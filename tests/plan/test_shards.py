"""Shards: everything once, equal sizes, the largest download in as few of them as can be."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.plan.shards import Shard, Work, cut


def work(*versions):
    return [Work(f"cell(c{n})", f"c{n}", version) for n, version in enumerate(versions)]


def versions_of(shards, all_work):
    known = {one.cell: one.largest for one in all_work}
    return [{known[cell] for cell in shard.cells.split()} for shard in shards]


@given(st.lists(st.sampled_from(["1.11.0", "2.0.1", "2.3.1", "2.4.0", ""]), max_size=60), st.integers(1, 20))
def test_everything_is_done_once_in_parts_of_equal_size_with_few_downloads(versions, most):
    asked = work(*versions)
    shards = cut(asked, most)
    cells = [cell for shard in shards for cell in shard.cells.split()]
    assert sorted(cells) == sorted(one.cell for one in asked)
    assert [name for shard in shards for name in shard.sessions.split()] == [f"cell({cell})" for cell in cells]
    assert len(shards) == min(most, len(asked))
    sizes = [len(shard.cells.split()) for shard in shards]
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert [shard.shard for shard in shards] == list(range(1, len(shards) + 1))
    if shards:
        downloads = sum(map(len, versions_of(shards, asked)))
        assert downloads <= len(set(versions)) + len(shards) - 1


def test_one_torch_stays_together_where_the_sizes_allow_it():
    asked = work("2.0.1", "1.11.0", "2.0.1", "1.11.0", "2.4.0", "2.4.0")
    shards = cut(asked, 3)
    assert versions_of(shards, asked) == [{"2.0.1"}, {"1.11.0"}, {"2.4.0"}]
    assert [shard.title for shard in shards] == ["1 of 3, torch 2.0.1", "2 of 3, torch 1.11.0", "3 of 3, torch 2.4.0"]
    assert cut(asked, 2)[0].title == "1 of 2, torch 2.0.1 to 1.11.0"
    assert cut(work("", ""), 1)[0].title == "1 of 1"


def test_the_words_are_what_a_workflow_reads():
    (shard,) = cut(work("2.4.0"), 5)
    assert shard == Shard(1, "1 of 1, torch 2.4.0", "cell(c0)", "c0")
    assert {field.encode_name for field in msgspec.structs.fields(Shard)} == {"shard", "title", "sessions", "cells"}
    assert cut([], 3) == ()
