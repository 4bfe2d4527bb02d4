# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["constant", "tensor", "counted"]
# outputs = ["y"]
# export-size = { n = 6 }
# run-sizes = [ { n = 9 }, { n = 2 }, { n = 17 } ]
# dynamic = { x = { 0 = "n" }, counts = { 0 = "n" } }
# ///
"""repeat_interleave by a constant and by a tensor of counts (a length regulator; zero counts drop rows)."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x, counts):
        if self.variant == "constant":
            return x.repeat_interleave(3, dim=0) + counts.repeat_interleave(3)[:, None]
        if self.variant == "tensor":
            return x.repeat_interleave(counts, dim=0)
        # The same expansion by hand: row i goes where i cumulated counts have been passed.
        ends = counts.cumsum(0)
        places = torch.arange(ends[-1])
        return x[(places[:, None] >= ends[None, :]).sum(1)]


def build(variant):
    return Net(variant)


def inputs(size, random):
    counts = random.randint(0, 4, size["n"]).astype(np.int64)
    counts[0] = 2
    return {"x": random.standard_normal((size["n"], 4)).astype(np.float32), "counts": counts}
