# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["one", "divisor", "other", "frames"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 5 } ]
# dynamic = { x = { 0 = "n", 2 = "t" }, y = { 0 = "n" } }
# ///
"""Adaptive average pooling to a length that does not divide the input, or that a dynamic length breaks."""

import numpy as np
import torch
from torch.nn import functional


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        # 20 -> 4 is an ordinary pooling at the exported length only.
        self.length = {"one": 1, "divisor": 4, "other": 3, "frames": None}[variant]

    def forward(self, x):
        if self.length is None:
            return functional.adaptive_avg_pool1d(x.transpose(1, 2), 4)
        return functional.adaptive_avg_pool1d(x, self.length)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 6, size["t"])).astype(np.float32)}
