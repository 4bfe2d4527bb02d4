import numpy as np
import pytest

from matrixscan.harness.sketch import BUCKETS, sketch


def distance(one, other):
    return float(np.sqrt(np.sum((np.array(one[1:]) - np.array(other[1:])) ** 2)))


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0])
def test_two_sketches_tell_how_far_the_arrays_are_apart(scale):
    random = np.random.RandomState(0)
    ratios = []
    for _ in range(200):
        array = random.standard_normal((3, 50))
        moved = array + scale * random.standard_normal(array.shape)
        true = np.sqrt(np.mean((moved - array) ** 2))
        ratios.append(distance(sketch("y", array), sketch("y", moved)) / true)
    assert np.sqrt(np.mean(np.square(ratios))) == pytest.approx(1, abs=0.1)
    assert 0.3 < min(ratios) < max(ratios) < 2.5


def test_one_wrong_element_is_not_lost():
    array = np.random.RandomState(0).standard_normal(10_000)
    wrong = array.copy()
    wrong[1234] += 50
    assert distance(sketch("y", array), sketch("y", wrong)) == pytest.approx(0.5, rel=1e-3)


def test_a_sketch_is_the_same_everywhere_and_of_any_type():
    array = np.arange(12).reshape(3, 4)
    first = sketch("y", array)
    assert first == sketch("y", array.astype(np.float32))
    assert first != sketch("z", array)
    assert first != sketch("y", array.reshape(4, 3))
    assert first[0] == pytest.approx(np.sqrt(np.mean(array**2.0)), rel=1e-6)
    assert first[:4] == [6.493587, 0.0, 1.154701, -2.598076]


@pytest.mark.parametrize("array", [np.zeros((0, 3)), np.array([np.nan, np.inf]), np.array(True), np.array([1, 2])])
def test_every_array_has_one(array):
    assert len(sketch("y", array)) == 1 + BUCKETS
    assert np.isfinite(sketch("y", array)).all()
