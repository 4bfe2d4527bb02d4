# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["floor", "trunc", "operator", "remainder", "fmod", "shape"]
# outputs = ["y"]
# export-size = { n = 6 }
# run-sizes = [ { n = 9 }, { n = 3 }, { n = 12 } ]
# dynamic = { a = { 0 = "n" }, b = { 0 = "n" }, y = { 0 = "n" } }
# ///
"""Integer division and remainder of negative numbers: floor and truncation differ and get mixed up."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, a, b):
        if self.variant == "operator":
            # Truncates before PyTorch 1.13 and floors since: eager of one version is its own truth.
            return a // b
        if self.variant == "remainder":
            return a % b
        if self.variant == "fmod":
            return torch.fmod(a, b)
        if self.variant == "shape":
            # The usual ceiling division of a length, in Python integers.
            return a + b - (-a.shape[0] // 4)
        return torch.div(a, b, rounding_mode=self.variant)


def build(variant):
    return Net(variant)


def inputs(size, random):
    divisors = np.array([-7, -4, -3, -2, 2, 3, 4, 7], np.int64)
    return {
        "a": random.randint(-30, 31, size["n"]).astype(np.int64),
        "b": divisors[random.randint(0, len(divisors), size["n"])],
    }
