# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["topk", "sort", "median"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 4 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n" } }
# ///
"""topk with k computed from the shape, sort and median: values only, for the order of ties is free."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        if self.variant == "topk":
            return x.topk(x.shape[1] // 2, dim=1, largest=False)[0]
        if self.variant == "sort":
            return x.sort(dim=1, descending=True)[0]
        # The lower of the two middle values for an even length.
        return x.median(dim=1, keepdim=True)[0]


def build(variant):
    return Net(variant)


def inputs(size, random):
    x = random.randint(-6, 7, (size["n"], size["t"])) / 2 + random.standard_normal((size["n"], 1))
    return {"x": x.astype(np.float32)}
