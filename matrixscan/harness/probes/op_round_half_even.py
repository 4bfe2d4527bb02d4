# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["round", "cast", "floor_cast", "ceil_cast", "fraction"]
# outputs = ["y"]
# export-size = { n = 8 }
# run-sizes = [ { n = 5 }, { n = 3 }, { n = 33 } ]
# dynamic = { x = { 0 = "n" }, y = { 0 = "n" } }
# ///
"""Rounding at exact halves (to even) and float to integer casts of negative numbers (towards zero)."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        if self.variant == "round":
            return x.round()
        if self.variant == "cast":
            return x.to(torch.int64)
        if self.variant == "fraction":
            return torch.frac(x)
        return (x.floor() if self.variant == "floor_cast" else x.ceil()).long()


def build(variant):
    return Net(variant)


def inputs(size, random):
    # Quarters are exact in float32, so k + 0.5 is met exactly.
    return {"x": (random.randint(-22, 23, size["n"]) / 4).astype(np.float32)}
