"""When two arrays hold the same numbers. NumPy only."""

import itertools

import numpy as np

#: RMS of a normal distribution in units of the lower quartile of its magnitudes.
_RMS_OF_QUARTILE = 3.14
#: Arrays with fewer elements, or fewer different values, agree with too much by accident.
_FEWEST, _FEWEST_VALUES = 8, 6
_SAMPLED = 64
_MOST_AXES = 5
_SLACK = 10
_FOR_QUARTILE = 4096


def ordinary_size(array):
    """Return the magnitude of an array's ordinary elements: its RMS, unless a few huge ones make that."""
    size = np.abs(np.asarray(array).reshape(-1)).astype(np.float64)
    size = size[np.isfinite(size) & (size > 0)]
    if not size.size:
        return 0.0
    some = size[:: -(-size.size // _FOR_QUARTILE)]
    quartile = float(np.partition(some, some.size // 4)[some.size // 4])
    return min(float(np.sqrt(np.mean(size**2))), _RMS_OF_QUARTILE * quartile)


def wide(array):
    """Return an array as float64."""
    return np.asarray(array).astype(np.float64)


def distance(actual, expected, size=None, *, by_element=True):
    """Return max |actual - expected| in units of the ordinary size of `expected`; infinity where there is none.

    Args:
        actual: an array.
        expected: what it is compared with.
        size: the ordinary size of `expected`, where that is known already.
        by_element: an element far above the others counts in units of itself.
    """
    if actual.shape != expected.shape:
        return float("inf")
    actual, expected = wide(actual), wide(expected)
    finite = np.isfinite(expected)
    if not finite.all() or not np.isfinite(actual).all():
        if not _same_nonfinite(actual, expected, finite):
            return float("inf")
        actual, expected = actual[finite], expected[finite]
    if not expected.size:
        return 0.0
    difference = np.abs(actual - expected)
    if not difference.any():
        return 0.0
    size = max(ordinary_size(expected) if size is None else size, 1e-30)
    return float((difference / np.maximum(size, np.abs(expected))).max() if by_element else difference.max() / size)


def _same_nonfinite(actual, expected, finite):
    kinds = np.isnan, np.isposinf, np.isneginf
    return np.array_equal(finite, np.isfinite(actual)) and all(np.array_equal(f(actual), f(expected)) for f in kinds)


def is_trivial(array):
    """Return whether an array is like too many others for a match to mean anything."""
    return array.size < _FEWEST or np.unique(array.reshape(-1)[:4096]).size < _FEWEST_VALUES


class Index:
    """Arrays by shape and size, to find those that hold the same numbers as another."""

    def __init__(self, arrays):
        """Prepare to search `arrays`, a dict of name -> array, in its order."""
        self.arrays = arrays
        self._by_shape, self._by_size = {}, {}
        for name, array in arrays.items():
            self._by_shape.setdefault(array.shape, []).append(name)
            self._by_size.setdefault(array.size, []).append(name)
        self._samples = {}
        self._means = {name: _means(array) for name, array in arrays.items()}

    def same(self, value, within):
        """Return [(distance, name)] of the arrays of this shape that are equal within `within`, closest first.

        Where there is none: of those with the same elements in another shape or another order of axes.
        """
        found = self._close(value, self._by_shape.get(value.shape, ()), within)
        if found or is_trivial(value):
            return found
        size = ordinary_size(value)
        means, allowed = _means(value), _SLACK * within * size
        others = [
            name
            for name in self._by_size.get(value.size, ())
            if self.arrays[name].shape != value.shape and np.abs(self._means[name] - means).max() <= allowed
        ]
        found = [(laid_out_distance(self.arrays[name], value, size), name) for name in others]
        return sorted((pair for pair in found if pair[0] <= within), key=lambda pair: pair[0])

    def _close(self, value, names, within):
        if not len(names):
            return []
        sampled, samples, size = _sample(value), self._sampled(value.shape), ordinary_size(value)
        with np.errstate(all="ignore"):
            near = np.abs(samples - sampled) <= within * np.maximum(size, np.abs(sampled)) + 1e-30
        near |= ~np.isfinite(sampled)
        found = [(distance(self.arrays[name], value, size), name) for name, row in zip(names, near) if row.all()]
        return sorted((pair for pair in found if pair[0] <= within), key=lambda pair: pair[0])

    def nearest(self, value, among):
        """Return (distance, name) of the most similar array of this shape among names, or None."""
        names = [name for name in self._by_shape.get(value.shape, ()) if name in among]
        if not names:
            return None
        rows = [at for at, name in enumerate(self._by_shape[value.shape]) if name in among]
        with np.errstate(all="ignore"):
            apart = np.median(np.abs(self._sampled(value.shape)[rows] - _sample(value)), axis=1)
        order = np.argsort(np.nan_to_num(apart, nan=np.inf, posinf=np.inf), kind="stable")[:3]
        size = ordinary_size(value)
        pairs = [(distance(self.arrays[names[at]], value, size, by_element=False), names[at]) for at in order]
        return min(pairs, key=lambda pair: pair[0])

    def _sampled(self, shape):
        if shape not in self._samples:
            self._samples[shape] = np.stack([_sample(self.arrays[name]) for name in self._by_shape[shape]])
        return self._samples[shape]


def _sample(array):
    flat = np.asarray(array).reshape(-1)
    places = np.linspace(0, flat.size - 1, min(_SAMPLED, flat.size)).astype(np.int64)
    return flat[places].astype(np.float64)


def _means(array):
    array = np.asarray(array)
    with np.errstate(all="ignore"):
        found = np.array([np.mean(array, dtype=np.float64), np.mean(np.abs(array), dtype=np.float64)])
    return np.nan_to_num(found) if array.size else np.zeros(2)


def laid_out_distance(actual, expected, size=None):
    """Return the distance of an array of another shape: of the same elements in order, or with axes exchanged."""
    best = distance(actual.reshape(-1), expected.reshape(-1), size)
    left, right = np.squeeze(actual), np.squeeze(expected)
    if left.ndim != right.ndim or left.ndim > _MOST_AXES or sorted(left.shape) != sorted(right.shape):
        return best
    for order in itertools.permutations(range(left.ndim)):
        turned = left.transpose(order)
        if turned.shape == right.shape and np.allclose(_sample(turned), _sample(right), rtol=0.05, atol=1e-6):
            best = min(best, distance(turned, right, size))
    return best
