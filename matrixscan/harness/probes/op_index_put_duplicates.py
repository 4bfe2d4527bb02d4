# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["rows", "cells", "last_axis"]
# outputs = ["y"]
# export-size = { n = 4, t = 10 }
# run-sizes = [ { n = 3, t = 17 }, { n = 7, t = 1 }, { n = 2, t = 33 } ]
# dynamic = { x = { 0 = "n" }, index = { 0 = "t" }, values = { 0 = "t" }, y = { 0 = "n" } }
# ///
"""index_put with accumulate and duplicate indices: an exporter without a reduction keeps the last write."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x, index, values):
        if self.variant == "rows":
            return x.index_put((index,), values, accumulate=True)
        if self.variant == "cells":
            return x.index_put((index, index + 1), values[:, 0], accumulate=True)
        return (
            x.t().clone().index_put((torch.arange(4)[:, None], index[None, :]), values[:, :4].t(), accumulate=True).t()
        )


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {
        "x": random.standard_normal((size["n"], 10)).astype(np.float32),
        # Two rows for every value: duplicates are certain.
        "index": random.randint(0, 2, size["t"]).astype(np.int64),
        "values": random.standard_normal((size["t"], 10)).astype(np.float32),
    }
