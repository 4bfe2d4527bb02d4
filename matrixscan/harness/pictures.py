"""Keeps both sides of pictures that mismatch, for the host to draw."""

import os

import numpy as np

#: Pixels along an edge; a larger picture says no more and only takes room.
_MOST_PIXELS = 512
_IMAGE_AXES = 4


def save(out_dir, case, spec, samples, ran, outputs):
    """Store expected and actual of the first mismatching picture output of a case and return the fact that names it."""
    wrong = [
        output
        for output in outputs
        if output["name"] in spec["pictures"] and output.get("part") is None and output["reason"] == "mismatch"
    ]
    if not wrong:
        return {}
    name, sample = wrong[0]["name"], wrong[0].get("sample", 0)
    expected, actual = samples[sample]["outputs"][name], ran["outputs"][sample][0][name]
    if expected.ndim != _IMAGE_AXES or expected.shape != actual.shape:
        return {}
    folder = os.path.join(out_dir, "pictures")
    os.makedirs(folder, exist_ok=True)
    file = case.replace("/", "~") + ".npz"
    window = (0, slice(None), slice(0, _MOST_PIXELS), slice(0, _MOST_PIXELS))
    with open(os.path.join(folder, file), "wb") as target:
        np.savez_compressed(target, expected=expected[window], actual=actual[window])
    return {"picture": {"output": name, "file": file}}
