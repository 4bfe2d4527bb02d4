# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["slice", "column", "mask", "mask_of_view", "view"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 5 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n", 1 = "t" } }
# ///
"""In-place assignment to slices, columns, masks and views of a tensor of dynamic size."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        y = torch.zeros_like(x)
        if self.variant == "slice":
            y[:, 1:] = x[:, :-1]
            y[:, :2] += 1.0
        elif self.variant == "column":
            y[..., 2] = x[..., 0]
            y[:, -1, 1:3] = 0.5
            y[:, ::2, 3] = x[:, ::2, 1] * 2
        elif self.variant == "mask":
            y[x > 0] = 2.0
            y = y + x
        elif self.variant == "mask_of_view":
            y += x
            y[:, :, 0][x[:, :, 1] < 0] = -1.0
        else:
            view = y.transpose(1, 2)[:, 1]
            view.add_(x[:, :, 3])
            y[:, 0].copy_(x[:, -1])
        return y


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], size["t"], 4)).astype(np.float32)}
