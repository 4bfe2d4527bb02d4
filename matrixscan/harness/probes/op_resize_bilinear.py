# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["half_pixel", "align_corners", "scale", "antialias"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 7 } ]
# dynamic = { x = { 0 = "n", 3 = "t" }, y = { 0 = "n" } }
# ///
"""Bilinear resize to computed sizes and by a fractional factor: the coordinate formula is misread."""

import numpy as np
import torch
from torch.nn import functional


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        if self.variant == "scale":
            # The sampling step is 1 / 1.7 itself, not the ratio of the rounded sizes.
            return functional.interpolate(
                x, scale_factor=1.7, mode="bilinear", align_corners=False, recompute_scale_factor=False
            )
        if self.variant == "antialias":
            return functional.interpolate(
                x, size=(5, x.shape[3] // 2), mode="bilinear", align_corners=False, antialias=True
            )
        return functional.interpolate(
            x, size=(13, x.shape[3] * 2 - 3), mode="bilinear", align_corners=self.variant == "align_corners"
        )


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 3, 9, size["t"])).astype(np.float32)}
