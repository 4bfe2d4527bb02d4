# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["remainder", "fmod", "operator"]
# outputs = ["y"]
# export-size = { n = 8 }
# run-sizes = [ { n = 5 }, { n = 3 }, { n = 33 } ]
# dynamic = { a = { 0 = "n" }, b = { 0 = "n" }, y = { 0 = "n" } }
# ///
"""Float remainder of negative numbers: the sign follows the divisor (remainder) or the dividend (fmod)."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, a, b):
        if self.variant == "operator":
            return torch.stack([a % 1.5, a % -2.5, b % a.abs().clamp(min=0.5)], 1)
        return torch.remainder(a, b) if self.variant == "remainder" else torch.fmod(a, b)


def build(variant):
    return Net(variant)


def inputs(size, random):
    # Multiples of an eighth: quotients and remainders are exact, and a jump is never within a rounding error.
    divisors = np.array([-2.5, -1.5, -0.75, 0.75, 1.5, 2.5], np.float32)
    return {
        "a": (random.randint(-80, 81, size["n"]) / 8).astype(np.float32),
        "b": divisors[random.randint(0, len(divisors), size["n"])],
    }
