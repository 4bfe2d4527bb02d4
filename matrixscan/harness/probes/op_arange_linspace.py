# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["integer", "fractional", "linspace", "sinusoid", "meshgrid"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 5 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n", 1 = "t" } }
# ///
"""Positions generated from a dynamic length: arange with a step, linspace, sinusoids and meshgrid."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        t = x.shape[1]
        if self.variant == "integer":
            return x + torch.arange(t - 1, -1, -1) // 3
        if self.variant == "fractional":
            # Quarters are exact, so the number of elements is not a matter of rounding.
            return x * torch.arange(0.25, 0.25 * t + 0.25, 0.25)[:t]
        if self.variant == "linspace":
            return x * torch.linspace(-1.0, 2.0, t)
        if self.variant == "meshgrid":
            rows, columns = torch.meshgrid(torch.arange(x.shape[0]), torch.arange(t), indexing="ij")
            return x + rows - columns * 0.1
        angles = torch.arange(t, dtype=torch.float32)[:, None] * torch.tensor([1.0, 0.1, 0.01])
        return x + torch.cat([angles.sin(), angles.cos()], 1).sum(1)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], size["t"])).astype(np.float32)}
