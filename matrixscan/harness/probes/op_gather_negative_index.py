# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["one", "pair", "split_pair", "gather_last"]
# outputs = ["y"]
# export-size = { n = 4, t = 10 }
# run-sizes = [ { n = 3, t = 17 }, { n = 6, t = 1 }, { n = 2, t = 33 } ]
# dynamic = { x = { 0 = "n" }, index = { 0 = "t" } }
# ///
"""Indexing by tensors of negative numbers: an exporter that flattens the axes computes a wrong offset."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x, index):
        if self.variant == "one":
            return x[:, index]
        if self.variant == "pair":
            return x[index, index - 1]
        if self.variant == "split_pair":
            return x[index, :, index - 1]
        return x[:, -1, index].unsqueeze(1)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {
        "x": random.standard_normal((size["n"], 5, 4)).astype(np.float32),
        # -1 .. 1 is in range for every axis, also less one.
        "index": random.randint(-1, 2, size["t"]).astype(np.int64),
    }
