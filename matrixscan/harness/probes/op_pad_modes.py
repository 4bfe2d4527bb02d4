# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["reflect", "replicate", "circular", "constant", "crop"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 9 } ]
# dynamic = { x = { 0 = "n", 2 = "t" }, y = { 0 = "n" } }
# ///
"""Padding to a multiple of 8 by amounts computed from the shape, in every mode, and by negative amounts."""

import numpy as np
import torch
from torch.nn import functional


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.mode = variant

    def forward(self, x):
        missing = (8 - x.shape[-1] % 8) % 8
        if self.mode == "crop":
            return functional.pad(x, (-2, missing - 3), value=0.5)
        if self.mode == "constant":
            return functional.pad(x, (1, missing), value=0.5)
        return functional.pad(x, (1, missing), mode=self.mode)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 3, size["t"])).astype(np.float32)}
