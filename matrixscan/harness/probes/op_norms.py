# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["layer", "group", "instance", "batch", "rms"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 2 } ]
# dynamic = { x = { 0 = "n", 2 = "t" }, y = { 0 = "n", 2 = "t" } }
# ///
"""Normalisation with a small variance, where the place of epsilon shows, over axes of dynamic length."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant
        self.layer = torch.nn.LayerNorm(6, eps=1e-3)
        self.group = torch.nn.GroupNorm(3, 6, eps=1e-3)
        self.instance = torch.nn.InstanceNorm1d(6, eps=1e-3, affine=True)
        self.batch = torch.nn.BatchNorm1d(6, eps=1e-3)

    def forward(self, x):
        if self.variant == "layer":
            return self.layer(x.transpose(1, 2)).transpose(1, 2)
        if self.variant == "rms":
            return x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-3) * self.layer.weight[:, None]
        return getattr(self, self.variant)(x)


def build(variant):
    return Net(variant)


def inputs(size, random):
    x = random.standard_normal((size["n"], 6, size["t"])) * 0.05 + 0.2
    return {"x": x.astype(np.float32)}
