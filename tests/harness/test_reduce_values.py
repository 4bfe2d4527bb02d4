import numpy as np
import pytest

from matrixscan.harness.diagnosis.reduce_compare import deviates
from matrixscan.harness.diagnosis.reduce_values import Call, Results, agrees, matches, relative

RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((4, 50)).astype("float32")


def test_rounding_and_shape_do_not_matter_and_everything_else_does():
    assert agrees(X.reshape(2, 2, 50), X * np.float32(1 + 1e-6))
    assert not agrees(X, X * np.float32(1.01))
    assert not agrees(X, X.astype("float64"))
    assert not agrees(X, X[:3])
    assert agrees(np.arange(3), np.arange(3))
    assert not agrees(np.arange(3), np.arange(3) + 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinities_agree_only_with_themselves(value):
    other = X.copy()
    other[1, 2] = value
    assert agrees(other, other.copy())
    assert relative(X, other) == np.inf
    assert relative(other, X) == np.inf


def test_a_difference_of_nothing_from_nothing_is_none():
    assert relative(np.zeros(3), np.zeros(3)) == 0
    assert relative(np.ones(3), np.zeros(3)) == np.inf


def test_tensors_are_found_by_value():
    calls = [Call("one", X), Call("two", X * 2), Call("index", np.arange(7)), Call("constant", np.ones(5, "float32"))]
    found = matches(
        {"a": (X * 2).reshape(-1), "b": X + 1, "c": np.arange(7), "d": np.ones(5, "float32"), "e": np.float32(3)},
        Results(calls),
    )
    assert found == {"a": 1, "c": 2}


def test_what_is_nearly_alike_in_the_elements_looked_at_first_is_compared_whole():
    other = X.copy()
    other[2, 33] += 1
    assert matches({"a": other}, Results([Call("one", X)])) == {}


@pytest.mark.parametrize(
    ("actual", "wrong"),
    [
        (X, False),
        (X + np.float32(1e-6), False),
        (X + np.float32(0.1), True),
        (X[:3], True),
        (X.astype("float64"), True),
        (np.where(X[0, 0] == X, np.nan, X).astype("float32"), True),
    ],
)
def test_deviation(actual, wrong):
    assert deviates(actual, X, (1e-3, 1e-5)) is wrong


def test_integers_deviate_by_one():
    assert deviates(np.arange(4), np.array([0, 1, 2, 4]), (1e-3, 1e-5))
    assert not deviates(np.arange(4), np.arange(4), (0, 0))
