# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["tensor_unfold", "im2col", "overlap_add"]
# outputs = ["y"]
# export-size = { n = 2, t = 40 }
# run-sizes = [ { n = 3, t = 37 }, { n = 1, t = 71 }, { n = 2, t = 16 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n" } }
# ///
"""Framing of a signal of dynamic length by unfold, and overlap-add by fold: the frame count is baked in."""

import numpy as np
import torch
from torch.nn import functional


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        if self.variant == "tensor_unfold":
            return x.unfold(1, 8, 3)
        frames = functional.unfold(x[:, None, None, :], (1, 8), stride=(1, 3))
        if self.variant == "im2col":
            return frames
        window = torch.hann_window(8)[None, :, None]
        length = (frames.shape[2] - 1) * 3 + 8
        return functional.fold(frames * window, (1, length), (1, 8), stride=(1, 3)).flatten(1)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], size["t"])).astype(np.float32)}
