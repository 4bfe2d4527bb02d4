"""Compares one output of a runner with the eager reference. NumPy only, all arithmetic in float64.

An output passes when shape, element type and the positions of NaN and infinities agree and, everywhere else,
`|out - eager| <= max(atol + rtol * |eager|, floor)`. The floor is ten times the noise of the reference itself
(fp32 eager against fp64 eager), but never more than 1 % of the reference's RMS: where rounding flips a decision the
noise can be as large as the signal, and a tolerance as large as the signal would pass anything.
"""

import numpy as np

NOISE_FACTOR = 10.0
NOISE_CAP = 0.01


def compare(name, out, reference, noise, rtol, atol):
    """Return every metric needed to judge again with other tolerances.

    Args:
        name: output name.
        out: array from the runner.
        reference: array from eager.
        noise: max |fp32 eager - fp64 eager| of this output, or None where it could not be had.
        rtol: relative tolerance.
        atol: absolute tolerance.
    """
    result = {
        "name": name,
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
        result["reason"] = "blind"
        return result
    actual, expected = _wide(out), _wide(reference)
    result["reference_rms"] = _number(np.sqrt(np.mean(np.square(expected[np.isfinite(expected)]))))
    if not _same_nonfinite(actual, expected):
        result["reason"] = "nonfinite"
    exact = not np.issubdtype(reference.dtype, np.floating)
    finite = np.isfinite(actual) & np.isfinite(expected)
    within = _metrics(result, actual[finite], expected[finite], 0.0 if exact else rtol, 0.0 if exact else atol)
    if result["reason"] is None and out.dtype != reference.dtype:
        result["reason"] = "dtype"
    if result["reason"] is None and not within:
        result["reason"] = "mismatch"
    result["passed"] = result["reason"] is None
    return result


def _wide(array):
    if array.dtype.kind not in "fiub":
        raise TypeError("outputs of type %s cannot be compared" % array.dtype)
    return array.astype(np.float64)


def _same_nonfinite(actual, expected):
    return (
        np.array_equal(np.isnan(actual), np.isnan(expected))
        and np.array_equal(np.isposinf(actual), np.isposinf(expected))
        and np.array_equal(np.isneginf(actual), np.isneginf(expected))
    )


def _metrics(result, actual, expected, rtol, atol):
    """Fill in the figures over the finite elements and return whether all are within the tolerance."""
    if actual.size == 0:
        return True
    error = np.abs(actual - expected)
    size = np.abs(expected)
    floor = 0.0
    if result["noise_floor"] and (rtol or atol):
        floor = min(NOISE_FACTOR * result["noise_floor"], NOISE_CAP * (result["reference_rms"] or 0.0))
    tolerance = np.maximum(atol + rtol * size, floor)
    wrong = error > 0
    power, error_power = float(np.sum(expected**2)), float(np.sum(error**2))
    norm = float(np.sqrt(power) * np.sqrt(np.sum(actual**2)))
    result.update(
        max_abs=_number(error.max()),
        mean_abs=_number(error.mean()),
        rmse=_number(np.sqrt(np.mean(error**2))),
        max_rel=_number((error[wrong] / np.maximum(size[wrong], np.finfo(np.float64).tiny)).max())
        if wrong.any()
        else 0.0,
        cosine=_number(np.dot(actual, expected) / norm) if norm else None,
        snr_db=_number(10 * np.log10(power / error_power)) if power and error_power else None,
        required_atol=_number(max(0.0, (error - rtol * size).max())),
        margin=_number((tolerance[wrong] / error[wrong]).min()) if wrong.any() else None,
    )
    return bool((error <= tolerance).all())


def _number(value):
    value = float(value)
    return value if np.isfinite(value) else None
