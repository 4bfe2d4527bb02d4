# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["float", "boolean", "reverse", "product", "logarithmic"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 6 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n", 1 = "t" } }
# ///
"""Running sums over a dynamic axis: of floats, of booleans (promoted to int64), reversed, as products."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        if self.variant == "float":
            return torch.cumsum(x, 1)
        if self.variant == "boolean":
            # Position numbers as a tokenizer's padding mask yields them.
            kept = x > 0
            return kept.cumsum(1) * kept
        if self.variant == "reverse":
            return x.flip(1).cumsum(-1).flip(1)
        if self.variant == "product":
            return torch.cumprod(1 + x / 20, 1)
        return torch.logcumsumexp(x, 1)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], size["t"])).astype(np.float32)}
