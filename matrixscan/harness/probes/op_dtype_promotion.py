# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["divided", "mixed", "where", "average", "counted"]
# outputs = ["y"]
# export-size = { n = 6 }
# run-sizes = [ { n = 9 }, { n = 3 }, { n = 14 } ]
# dynamic = { a = { 0 = "n" }, x = { 0 = "n" }, y = { 0 = "n" } }
# ///
"""Implicit type promotion: integer true division, integer with float, boolean sums, where with a scalar."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, a, x):
        if self.variant == "divided":
            return a / 4 + x
        if self.variant == "mixed":
            return a * x / 2 + (a > 0) * 0.5 - a**2 / 10
        if self.variant == "where":
            return torch.where(a > 0, x, x.new_full((), 0.25)) + a.clamp(max=2)
        if self.variant == "average":
            return x * 2 + a.float().mean() + a.sum() * 0.1
        # A sum of booleans is int64; its true division is a float.
        return (a > 0).sum() / a.shape[0] + (a > 0).sum() * x


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {
        "a": random.randint(-9, 10, size["n"]).astype(np.int64),
        "x": random.standard_normal(size["n"]).astype(np.float32),
    }
