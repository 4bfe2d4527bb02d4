# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["roll", "reverse", "halves", "strided", "chunk"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 4 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n" } }
# ///
"""roll, flip, slices and chunks whose bounds follow a dynamic length (also an odd one)."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        half = x.shape[1] // 2
        if self.variant == "roll":
            return torch.roll(x, shifts=(3, -1), dims=(1, 2))
        if self.variant == "reverse":
            return x.flip((1, 2)) + x
        if self.variant == "halves":
            return torch.cat([x[:, half:], x[:, :half]], 1)
        if self.variant == "strided":
            return x[:, 1::3] * x[:, -1:, :]
        # An odd length makes the last chunk the shorter one.
        first, second = x.chunk(2, dim=1)
        return torch.cat([second, first * 2], 1)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], size["t"], 4)).astype(np.float32)}
