# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["zeros", "border", "reflection", "aligned", "bicubic"]
# outputs = ["y"]
# export-size = { n = 2, t = 12 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 5 } ]
# dynamic = { x = { 0 = "n", 3 = "t" }, grid = { 0 = "n" }, y = { 0 = "n" } }
# ///
"""grid_sample outside the image: padding modes and align_corners, also with bicubic weights."""

import numpy as np
import torch
from torch.nn import functional


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.options = {
            "mode": "bicubic" if variant == "bicubic" else "bilinear",
            "padding_mode": variant if variant in ("zeros", "border", "reflection") else "border",
            "align_corners": variant == "aligned",
        }

    def forward(self, x, grid):
        return functional.grid_sample(x, grid, **self.options)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {
        "x": random.standard_normal((size["n"], 3, 9, size["t"])).astype(np.float32),
        "grid": random.uniform(-1.4, 1.4, (size["n"], 6, 7, 2)).astype(np.float32),
    }
