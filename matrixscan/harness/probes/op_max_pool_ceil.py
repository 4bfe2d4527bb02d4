# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["overlapping", "sparse", "dilated"]
# outputs = ["y"]
# export-size = { n = 2, t = 22 }
# run-sizes = [ { n = 3, t = 20 }, { n = 1, t = 35 }, { n = 2, t = 9 } ]
# dynamic = { x = { 0 = "n", 3 = "t" }, y = { 0 = "n" } }
# ///
"""Max pooling with ceil_mode: PyTorch drops a last window that starts past the input, others keep it."""

import numpy as np
import torch
from torch.nn import functional

# Window 2 with stride 4: for some lengths rounding up yields a window that holds no sample at all.
OPTIONS = {
    "overlapping": {"kernel_size": 3, "stride": 2, "padding": 1},
    "sparse": {"kernel_size": 2, "stride": 4},
    "dilated": {"kernel_size": 3, "stride": 3, "padding": 1, "dilation": 2},
}


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.options = OPTIONS[variant]

    def forward(self, x):
        return functional.max_pool2d(x, ceil_mode=True, **self.options)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 3, 6, size["t"])).astype(np.float32)}
