"""A few numbers that stand for an array, so that two arrays can be compared later where neither is kept.

A count sketch (Charikar, Chen, Farach-Colton 2002): every element is added to one of a few sums with a random sign.
The difference of two sketches is the sketch of the difference, whose squared sum is on average that of all elements;
with BUCKETS sums it is off by a factor of 1 +- sqrt(2 / BUCKETS). NumPy only.
"""

import numpy as np

from .weights import generator

BUCKETS = 12
_DIGITS = 7


def sketch(name, array):
    """Return the root mean square of an array and its sketch over the root of its size: 1 + BUCKETS numbers.

    The root mean square of the difference of two sketches of one name and shape estimates that of the two arrays.
    What is not finite counts as 0.

    Args:
        name: of the output; with the shape it chooses signs and sums.
        array: numbers of any type.
    """
    values = np.asarray(array, np.float64).ravel()
    values = np.where(np.isfinite(values), values, 0.0)
    if not values.size:
        return [0.0] * (1 + BUCKETS)
    random = generator("sketch", name, "x".join(map(str, array.shape)))
    buckets = random.randint(0, BUCKETS, values.size)
    signs = 2.0 * random.randint(0, 2, values.size) - 1.0
    sums = np.bincount(buckets, weights=signs * values, minlength=BUCKETS) / np.sqrt(values.size)
    rms = np.sqrt(np.mean(values**2))
    return [float("%.*g" % (_DIGITS, number)) for number in (rms, *sums)]
