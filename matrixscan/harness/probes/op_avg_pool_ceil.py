# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["include", "exclude", "unpadded"]
# outputs = ["y1", "y2"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 34 }, { n = 2, t = 9 } ]
# dynamic = { x = { 0 = "n", 3 = "t" }, y1 = { 0 = "n" }, y2 = { 0 = "n" } }
# ///
"""Average pooling with ceil_mode: the divisor of a last window that runs past the padding is often wrong."""

import numpy as np
import torch
from torch.nn import functional


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.options = {
            "include": {"padding": 1, "count_include_pad": True},
            "exclude": {"padding": 1, "count_include_pad": False},
            "unpadded": {"padding": 0, "count_include_pad": True},
        }[variant]

    def forward(self, x):
        y1 = functional.avg_pool1d(x.flatten(1, 2), 4, stride=3, ceil_mode=True, **self.options)
        return y1, functional.avg_pool2d(x, 4, stride=3, ceil_mode=True, **self.options)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 3, 7, size["t"])).astype(np.float32)}
