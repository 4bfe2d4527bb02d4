# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["rows", "select", "nonzero", "scatter"]
# outputs = ["y"]
# export-size = { n = 6, t = 5 }
# run-sizes = [ { n = 9, t = 7 }, { n = 3, t = 11 }, { n = 14, t = 2 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, kept = { 0 = "n" } }
# ///
"""Boolean indexing, masked_select, nonzero and masked_scatter: the output's length depends on the data."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x, kept):
        if self.variant == "rows":
            return x[kept] * 2
        if self.variant == "select":
            return torch.masked_select(x, kept[:, None])
        if self.variant == "nonzero":
            rows = torch.nonzero(kept).squeeze(1)
            return x[rows] + rows[:, None] * 0.1
        return x.masked_scatter(kept[:, None].expand_as(x), x.flip(0))


def build(variant):
    return Net(variant)


def inputs(size, random):
    kept = random.randint(0, 2, size["n"]).astype(bool)
    kept[:2] = [True, False]
    return {"x": random.standard_normal((size["n"], size["t"])).astype(np.float32), "kept": kept}
