"""When two arrays hold the same numbers. NumPy only."""

import itertools

import numpy as np

#: RMS of a normal distribution in units of the lower quartile of its magnitudes.
_RMS_OF_QUARTILE = 3.14
#: Arrays with fewer elements, or fewer different values, agree with too much by accident.
_FEWEST, _FEWEST_VALUES = 8, 6
_SAMPLED = 64
_MOST_AXES = 5


def ordinary_size(array):
    """Return the magnitude of an array's ordinary elements: its RMS, unless a few huge ones make that."""
    finite = array[np.isfinite(array)]
    size = np.abs(finite[finite != 0])
    if not size.size:
        return 0.0
    return min(float(np.sqrt(np.mean(size**2))), _RMS_OF_QUARTILE * float(np.percentile(size, 25)))


def wide(array):
    """Return an array as float64."""
    return np.asarray(array).astype(np.float64)


def distance(actual, expected):
    """Return max |actual - expected| in units of the ordinary size of `expected`; infinity where they cannot be had."""
    if actual.shape != expected.shape:
        return float("inf")
    actual, expected = wide(actual), wide(expected)
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(actual)):
        return float("inf")
    if not np.array_equal(actual[~finite], expected[~finite], equal_nan=True):
        return float("inf")
    if not finite.any():
        return 0.0
    difference = np.abs(actual[finite] - expected[finite])
    largest = float(difference.max())
    if largest == 0:
        return 0.0
    # An element far above the others is wrong by its own size.
    size = ordinary_size(expected)
    return float((difference / np.maximum(np.maximum(size, np.abs(expected[finite])), 1e-30)).max())


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

    def same(self, value, within):
        """Return [(distance, name)] of the arrays of this shape that are equal within `within`, closest first.

        Where there is none: of those with the same elements in another shape or another order of axes.
        """
        found = self._close(value, self._by_shape.get(value.shape, ()), within)
        if found or is_trivial(value):
            return found
        others = [name for name in self._by_size.get(value.size, ()) if self.arrays[name].shape != value.shape]
        found = [(laid_out_distance(self.arrays[name], value), name) for name in others]
        return sorted((pair for pair in found if pair[0] <= within), key=lambda pair: pair[0])

    def _close(self, value, names, within):
        if not len(names):
            return []
        sampled, samples = _sample(value), self._sampled(value.shape)
        with np.errstate(all="ignore"):
            size = np.maximum(ordinary_size(wide(value)), np.abs(sampled))
            near = np.abs(samples - sampled) <= within * size + 1e-30
        near |= ~np.isfinite(sampled)
        found = [(distance(self.arrays[name], value), name) for name, row in zip(names, near) if row.all()]
        return sorted((pair for pair in found if pair[0] <= within), key=lambda pair: pair[0])

    def nearest(self, value, among):
        """Return (distance, name) of the most similar array of this shape among names, or None."""
        names = [name for name in self._by_shape.get(value.shape, ()) if name in among]
        if not names:
            return None
        rows = self._sampled(value.shape)
        places = {name: at for at, name in enumerate(self._by_shape[value.shape])}
        sampled = _sample(value)
        with np.errstate(all="ignore"):
            apart = [float(np.nanmedian(np.abs(rows[places[name]] - sampled))) for name in names]
        order = np.argsort(np.nan_to_num(apart, nan=np.inf, posinf=np.inf), kind="stable")[:3]
        return min(((distance(self.arrays[names[at]], value), names[at]) for at in order), key=lambda pair: pair[0])

    def _sampled(self, shape):
        if shape not in self._samples:
            self._samples[shape] = np.stack([_sample(self.arrays[name]) for name in self._by_shape[shape]])
        return self._samples[shape]


def _sample(array):
    flat = np.asarray(array).reshape(-1)
    places = np.linspace(0, flat.size - 1, min(_SAMPLED, flat.size)).astype(np.int64)
    return flat[places].astype(np.float64)


def laid_out_distance(actual, expected):
    """Return the distance of an array of another shape: of the same elements in order, or with axes exchanged."""
    best = distance(actual.reshape(-1), expected.reshape(-1))
    left, right = np.squeeze(actual), np.squeeze(expected)
    if left.ndim != right.ndim or left.ndim > _MOST_AXES or sorted(left.shape) != sorted(right.shape):
        return best
    for order in itertools.permutations(range(left.ndim)):
        turned = left.transpose(order)
        if turned.shape == right.shape and np.allclose(_sample(turned), _sample(right), rtol=0.05, atol=1e-6):
            best = min(best, distance(turned, right))
    return best
