"""Compares one output of a runner with the eager reference. NumPy only, all arithmetic in float64.

An output passes when shape, element type and the positions of NaN and infinities agree and, everywhere else,
`|out - eager| <= max(atol + rtol * |eager|, floor)`. The floor is ten times the noise of the reference itself
(fp32 eager against fp64 eager), but never more than 1 % of the reference's ordinary magnitude: where rounding flips a
decision the noise can be as large as the signal, and a tolerance as large as the signal would pass anything. A few
huge elements (masked scores of -1e9) have huge noise; they are kept from lending it to the others.

Outputs that are not floating must be equal, or in as large a share of their elements as the probe asks, unless one
value everywhere would give that; their differences are taken as integers, which float64 cannot hold.
"""

import numpy as np

NOISE_FACTOR = 10.0
NOISE_CAP = 0.01
#: Points of an envelope that are kept; more are merged so that what passes by it passes by all.
_ENVELOPE = 16
#: RMS of a normal distribution in units of the lower quartile of its magnitudes.
_RMS_OF_QUARTILE = 3.14


def compare(name, out, reference, noise, bounds, part=None):
    """Return every metric needed to judge again with other tolerances.

    Args:
        name: output name.
        out: array from the runner.
        reference: array from eager.
        noise: max |fp32 eager - fp64 eager| of this output, or None where it could not be had.
        bounds: rtol, atol, and the share of elements that must be equal where the output is not floating.
        part: the stage of a chain this is an output of; None for the whole.
    """
    rtol, atol, agree = bounds
    agree = required_share(reference, agree)
    result = {
        "name": name,
        "part": part,
        "passed": False,
        "reason": None,
        "shape": list(out.shape),
        "dtype": str(out.dtype),
        "reference_shape": list(reference.shape),
        "reference_dtype": str(reference.dtype),
        "noise_floor": noise,
        "rtol": rtol,
        "atol": atol,
    }
    if out.shape != reference.shape:
        result["reason"] = "shape"
        return result
    if out.size == 0:
        result["reason"] = "blind" if out.dtype == reference.dtype else "dtype"
        return result
    # Squares of huge values overflow; the figures concerned are then recorded as undefined.
    with np.errstate(all="ignore"):
        _judge(result, out, reference, rtol, atol, agree)
    result["passed"] = result["reason"] is None
    return result


def required_share(reference, agree):
    """Return the share of elements that must be equal: all of them where one value everywhere would be enough."""
    if reference.dtype.kind == "f" or agree >= 1 or not reference.size:
        return 1.0
    return 1.0 if np.unique(reference, return_counts=True)[1].max() >= agree * reference.size else agree


def worst(results):
    """Return the one of several results of one output that says most against it."""

    def rank(result):
        if result["reason"] == "blind":
            return 2, 0.0  # says nothing either way
        margin = result.get("margin")
        unknown = float("inf") if result["passed"] else 0.0
        return int(result["passed"]), unknown if margin is None else margin

    chosen = min(results, key=rank)
    points = [point for result in results for point in result.get("envelope", ())]
    return dict(chosen, envelope=_envelope(*np.array(points).T)) if points else chosen


def tolerance(reference, noise, rtol, atol):
    """Return the largest error that passes, for every element of a finite float64 array."""
    return np.maximum(atol + rtol * np.abs(reference), noise_allowance(reference, noise))


def noise_allowance(reference, noise):
    """Return the error that passes at any rtol and atol, for the noise of the reference itself."""
    if not noise or not np.isfinite(noise) or not reference.size:
        return 0.0
    floor = min(NOISE_FACTOR * noise, NOISE_CAP * _ordinary_magnitude(reference))
    return floor if np.isfinite(floor) else 0.0


def _ordinary_magnitude(reference):
    size = np.abs(reference[reference != 0])
    if not size.size:
        return 0.0
    return min(float(np.sqrt(np.mean(reference**2))), _RMS_OF_QUARTILE * float(np.percentile(size, 25)))


def _judge(result, out, reference, rtol, atol, agree):
    actual, expected = _wide(out), _wide(reference)
    finite = np.isfinite(actual) & np.isfinite(expected)
    known = expected[np.isfinite(expected)]
    result["reference_rms"] = _number(np.sqrt(np.mean(known**2))) if known.size else None
    if reference.dtype.kind == "f":
        error = np.abs(actual - expected)[finite]
        allowed = tolerance(expected[finite], result["noise_floor"], rtol, atol)
        floor = noise_allowance(expected[finite], result["noise_floor"])
        result.update(floor=_number(floor), envelope=_envelope(np.abs(expected[finite]), error, floor))
    else:
        error, rtol = _exact_error(out, reference, actual, expected)[finite], 0.0
        allowed = np.zeros_like(error)
        result["agreement"] = _number(np.mean(error == 0)) if error.size else None
    _metrics(result, actual[finite], expected[finite], error, allowed, rtol)
    agreement = result.get("agreement")
    if agree < 1 and agreement is not None and agreement < 1:
        result["margin"] = _number((1 - agree) / (1 - agreement))  # the share that may differ to the one that does
    if not same_nonfinite(actual, expected):
        result["reason"] = "nonfinite"
    elif out.dtype != reference.dtype:
        result["reason"] = "dtype"
    elif not (error <= allowed).all() and not result.get("agreement", 0.0) >= agree:
        result["reason"] = "mismatch"


def _wide(array):
    if array.dtype.kind not in "fiub":
        raise TypeError("outputs of type %s cannot be compared" % array.dtype)
    return array.astype(np.float64)


def _exact_error(out, reference, actual, expected):
    if out.dtype != reference.dtype:
        return np.abs(actual - expected)
    # Modulo 2**64 the difference of the larger and the smaller is right for every integer type.
    larger, smaller = np.maximum(out, reference).astype(np.uint64), np.minimum(out, reference).astype(np.uint64)
    return (larger - smaller).astype(np.float64)


def same_nonfinite(actual, expected):
    """Return whether NaN and infinities stand at the same places."""
    return (
        np.array_equal(np.isnan(actual), np.isnan(expected))
        and np.array_equal(np.isposinf(actual), np.isposinf(expected))
        and np.array_equal(np.isneginf(actual), np.isneginf(expected))
    )


def _metrics(result, actual, expected, error, allowed, rtol):
    """Fill in the figures over the finite elements."""
    if actual.size == 0:
        return
    size = np.abs(expected)
    wrong = error > 0
    relative = error[wrong] / np.maximum(size[wrong], np.finfo(np.float64).tiny)
    power, error_power = float(np.sum(expected**2)), float(np.sum(error**2))
    norm = float(np.sqrt(power) * np.sqrt(np.sum(actual**2)))
    result.update(
        max_abs=_number(error.max()),
        mean_abs=_number(error.mean()),
        rmse=_number(np.sqrt(np.mean(error**2))),
        max_rel=_number(relative.max()) if wrong.any() else 0.0,
        cosine=_number(np.dot(actual, expected) / norm) if norm else None,
        snr_db=_number(10 * np.log10(power / error_power)) if power and error_power else None,
        required_atol=_number(np.maximum(error - rtol * size, 0.0).max()),
        margin=_number((allowed[wrong] / error[wrong]).min()) if wrong.any() else None,
    )


def _envelope(size, error, floor=0.0):
    """Return the elements that decide at any rtol and atol: [|reference|, error], both rising.

    An output passes where f(rtol) = max(error - rtol * |reference|) <= atol. The maximum over all elements is one over
    the corners of the upper left of their convex hull, which Andrew's monotone chain (1979) finds.
    """
    order = np.lexsort((-error, size))
    size, error = size[order], np.minimum(error[order], np.finfo(np.float64).max)
    # As large an error on a smaller value says more.
    before = np.concatenate([[floor], np.maximum.accumulate(error)[:-1]])
    corners = []
    kept = error > np.maximum(before, floor)
    for point in zip(size[kept], error[kept]):
        while len(corners) > 1 and _below(corners[-1], corners[-2], point):
            corners.pop()
        corners.append(point)
    while len(corners) > _ENVELOPE:
        # One that is as small as the first of two and as wrong as the second lets nothing pass that they do not.
        at = int(np.argmin(np.prod(np.diff(np.array(corners), axis=0), axis=1)))
        corners[at : at + 2] = [(corners[at][0], corners[at + 1][1])]
    return [[float(size), float(error)] for size, error in corners]


def _below(middle, left, right):
    """Return whether a corner lies on or under the line between its neighbours."""
    rise = (right[1] - left[1]) * (middle[0] - left[0])
    return (middle[1] - left[1]) * (right[0] - left[0]) <= rise


def _number(value):
    value = float(value)
    return value if np.isfinite(value) else None
