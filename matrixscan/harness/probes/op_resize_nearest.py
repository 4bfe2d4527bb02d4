# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["nearest", "exact", "exact_half"]
# outputs = ["y"]
# export-size = { n = 2, t = 22 }
# run-sizes = [ { n = 3, t = 18 }, { n = 1, t = 34 }, { n = 2, t = 10 } ]
# dynamic = { x = { 0 = "n", 3 = "t" }, y = { 0 = "n" } }
# ///
"""Nearest and nearest-exact resize: which sample a half-way coordinate takes."""

import numpy as np
import torch
from torch.nn import functional


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        if self.variant == "exact_half":
            # Every centre lies exactly between two samples and every coordinate is exact in float32.
            return functional.interpolate(x, size=(3, x.shape[3] // 2), mode="nearest-exact")
        # Sizes for which no coordinate falls on the boundary of two samples, where rounding would decide.
        if self.variant == "nearest":
            return functional.interpolate(x, size=(13, x.shape[3] * 3 - 1), mode="nearest")
        return functional.interpolate(x, size=(16, x.shape[3] * 3 - 2), mode="nearest-exact")


def build(variant):
    return Net(variant)


def inputs(size, random):
    # Every t is 2 more than a multiple of 4: nearest-exact then meets no boundary (see forward).
    return {"x": random.standard_normal((size["n"], 3, 6, size["t"])).astype(np.float32)}
