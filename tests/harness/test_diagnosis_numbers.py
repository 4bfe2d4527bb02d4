"""How a divergence is found from values alone, with NumPy and without torch."""

from types import SimpleNamespace

import numpy as np
import pytest

from matrixscan.harness.diagnosis.locate import Matches, best_counterpart, counterparts, dependents, differing, first_of
from matrixscan.harness.diagnosis.numbers import Index, distance, is_trivial, ordinary_size
from matrixscan.harness.diagnosis.plain import plain
from matrixscan.harness.diagnosis.region import culprit
from matrixscan.harness.diagnosis.watch import Call, Value

RANDOM = np.random.RandomState(0)
NAN, INF = float("nan"), float("inf")


def drawn(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


DISTANCES = {
    "equal": ([1.0, 2.0], [1.0, 2.0], 0.0),
    "another shape": ([1.0, 2.0], [1.0], INF),
    "in units of the ordinary size": ([1.5, -1.0], [1.0, -1.0], 0.5),
    "a huge element by its own size": ([1.0, 1.0, 1.0, 1.1e9], [1.0, 1.0, 1.0, 1e9], 0.1),
    "the same nonfinite": ([NAN, INF, 1.0], [NAN, INF, 1.0], 0.0),
    "other nonfinite": ([INF, INF, 1.0], [NAN, INF, 1.0], INF),
    "nothing finite": ([NAN], [NAN], 0.0),
    "empty": ([], [], 0.0),
    "against zeros": ([1e-3], [0.0], 1e27),
}


@pytest.mark.parametrize(("actual", "expected", "wanted"), DISTANCES.values(), ids=DISTANCES)
def test_distance(actual, expected, wanted):
    assert distance(np.array(actual), np.array(expected)) == pytest.approx(wanted)


def test_a_few_huge_elements_do_not_make_the_ordinary_size():
    scores = np.where(RANDOM.random_sample(1000) < 0.2, -1e9, RANDOM.standard_normal(1000))
    assert ordinary_size(scores) < 3
    assert ordinary_size(RANDOM.standard_normal(1000)) == pytest.approx(1, abs=0.1)
    assert ordinary_size(np.zeros(3)) == 0


def test_what_says_nothing_is_trivial():
    assert is_trivial(np.arange(4.0))
    assert is_trivial(np.zeros((9, 9)))
    assert is_trivial(drawn(40) > 0)
    assert not is_trivial(drawn(3, 3))


def test_the_same_numbers_are_found_in_another_layout():
    value = drawn(2, 3, 4)
    index = Index({"noise": drawn(2, 3, 4), "flat": value.reshape(6, 4), "turned": value.transpose(2, 0, 1).copy()})
    assert [name for _, name in index.same(value, 1e-3)] == ["flat", "turned"]
    near = Index({"a": value, "b": value * np.float32(1 + 1e-5), "c": value.reshape(-1)})
    assert [name for _, name in near.same(value, 1e-3)] == ["a", "b"]
    assert Index({"a": value[:, ::-1]}).same(value, 1e-3) == []


def test_trivial_values_are_only_found_as_they_are():
    index = Index({"mask": np.array([1, 1, 0, 1]), "other": np.array([[1, 1], [0, 1]])})
    assert [name for _, name in index.same(np.array([1, 1, 0, 1]), 1e-3)] == ["mask"]
    assert index.same(np.array([[1], [1], [0], [1]]), 1e-3) == []


def test_the_nearest_is_the_most_similar_of_the_shape():
    value = drawn(5, 7)
    wrong = value.copy()
    wrong[:, -1] *= 0.73
    index = Index({"noise": drawn(5, 7), "wrong": wrong, "short": value[:, :6], "right": value})
    assert index.nearest(value, {"noise", "wrong", "short"})[1] == "wrong"
    assert index.nearest(value, {"short"}) is None


# ---- A small model: x -> conv -> norm -> pool -> scale, and a mask that is folded away


class Chain:
    """What a Watch would have seen, call by call."""

    def __init__(self, x):
        self.values, self.calls, self.outputs, self.left_out = [Value(0, None, x, "x")], [], [], 0

    def call(self, operation, array, *inputs):
        made = Call(len(self.calls), operation, ("block", "Block"), list(inputs))
        self.values.append(Value(len(self.values), made.at, array))
        made.outputs = [len(self.values) - 1]
        self.calls.append(made)
        return made.outputs[0]


class Nodes:
    """A graph in which every value depends on those before it and is called like what makes it."""

    def __init__(self, names):
        self.names = list(names)

    def operator(self, name):
        return name

    def carries(self, name, names):
        return name in {"Identity", "Reshape"} and len(names) > 1

    def below(self, given):
        first = min((self.names.index(name) for name in given), default=0)
        return [name for name in self.names[first:] if name not in given]


def matched(seen, arrays):
    return Matches(seen, arrays, 1e-3, Nodes(arrays))


@pytest.fixture
def model():
    x = drawn(4, 30)
    seen = Chain(x)
    conv = seen.call("conv1d", x * 3 + 1, 0)
    norm = seen.call("batch_norm", x * 3, conv)
    pooled = seen.call("avg_pool1d", x[:, ::3] * 3, norm)
    table = seen.call("arange", drawn(9))
    scaled = seen.call("mul", x[:, ::3] * 6, pooled, table)
    seen.outputs = [scaled]
    wrong = x[:, ::3] * 3
    wrong = np.concatenate([wrong[:, :-1], wrong[:, -1:] * 0.5], axis=1)
    arrays = {"x": x, "Conv": x * 3, "AveragePool": wrong, "y": wrong * 2}
    return SimpleNamespace(seen=seen, arrays=arrays, pooled=pooled, scaled=scaled, norm=norm)


def test_the_first_divergence_takes_what_agrees_and_gives_what_does_not(model):
    matches = matched(model.seen, model.arrays)
    wrong = differing(matches, [model.scaled])
    assert wrong == [model.pooled, model.scaled]  # not the convolution: it is fused, and what is made of it agrees
    assert first_of(matches, wrong) == model.pooled
    names = counterparts(matches, Nodes(model.arrays), model.pooled)
    assert names == ["AveragePool", "y"]
    assert dependents(model.seen, model.pooled) == [model.scaled]
    assert best_counterpart(matches, names, model.pooled, lambda array: {model.scaled: array * 2}) == "AveragePool"
    assert best_counterpart(matches, names[::-1], model.pooled, lambda _: {}) == "AveragePool"
    assert matches.distance(model.norm) == 0


def test_what_holds_no_input_is_not_wrong(model):
    matches = matched(model.seen, model.arrays)
    table = model.seen.calls[3].outputs[0]
    assert table not in matches.found
    assert matches.agrees(table)


def test_a_value_without_room_stops_the_search(model):
    model.seen.values[model.pooled].array = None
    matches = matched(model.seen, model.arrays)
    assert first_of(matches, differing(matches, [model.scaled])) == model.scaled


def test_nothing_differs_where_all_agrees(model):
    right = {"x": model.arrays["x"], "y": model.seen.values[model.scaled].array}
    matches = matched(model.seen, right)
    assert differing(matches, [model.scaled]) == []
    assert first_of(matches, []) is None


def test_without_a_value_of_the_shape_the_next_of_its_kind_stands_for_it(model):
    del model.arrays["y"]
    model.arrays["AveragePool"] = drawn(4, 11)
    matches = matched(model.seen, model.arrays)
    assert counterparts(matches, Nodes(model.arrays), model.pooled) == ["AveragePool"]


def test_calls_that_give_the_same_do_not_share_what_the_graph_has_once():
    x = drawn(4, 30)
    mean = x.mean(-1, keepdims=True)
    seen = Chain(x)
    pooled, meant = seen.call("avg_pool1d", mean, 0), seen.call("mean", mean, 0)
    again = seen.call("mean", mean, 0)
    view = seen.call("expand", mean, pooled)
    found = matched(seen, {"x": x, "ReduceMean": mean, "AveragePool": mean / 2}).found
    assert [at in found for at in (pooled, meant, again, view)] == [False, True, True, False]
    found = matched(seen, {"x": x, "ReduceMean": mean, "AveragePool": mean.copy()}).found
    assert pooled in found
    found = matched(seen, {"x": x, "ReduceMean": mean, "Identity": mean.copy()}).found
    assert pooled not in found


def run_of(op, runner_reference=0.0, dtype="float32"):
    return {"node": {"op_type": op, "outputs": [{"dtype": dtype}]}, "runner_reference": runner_reference}


CULPRITS = {
    "the runtime does it otherwise": ([run_of("Mul"), run_of("AveragePool", 0.5)], "AveragePool"),
    "the only one that computes": ([run_of("Shape"), run_of("Div"), run_of("Cast")], "Div"),
    "several that do what they say": ([run_of("Pow"), run_of("Div")], None),
    "several that do not": ([run_of("Pow", 0.5), run_of("Div", 0.5)], None),
    "a lone one": ([run_of("Reshape")], "Reshape"),
    "shapes are computed too": ([run_of("Add", 0.0, "int64"), run_of("Slice"), run_of("Pow")], "Pow"),
    "no evaluator": ([run_of("Pow", None), run_of("Cast", None)], "Pow"),
}


@pytest.mark.parametrize(("runs", "op"), CULPRITS.values(), ids=CULPRITS)
def test_the_culprit(runs, op):
    found = culprit(runs, 1e-3, integers=False)
    assert (found and found["op_type"]) == op


def test_slices_are_said_as_they_are_written():
    assert plain((slice(None, 3), Ellipsis, slice(0, None, 2), None)) == [":3", "...", "0::2", None]
