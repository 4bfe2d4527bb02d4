# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["half_pixel", "align_corners", "down"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 7 } ]
# dynamic = { x = { 0 = "n", 3 = "t" }, y = { 0 = "n" } }
# ///
"""Bicubic resize: the cubic coefficient (-0.75) and the handling of the border differ."""

import numpy as np
import torch
from torch.nn import functional


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        size = (5, x.shape[3] // 2) if self.variant == "down" else (13, x.shape[3] * 2 - 3)
        return functional.interpolate(x, size=size, mode="bicubic", align_corners=self.variant == "align_corners")


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 3, 9, size["t"])).astype(np.float32)}
