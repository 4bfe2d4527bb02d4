# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["left", "right", "relative"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 5 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n", 1 = "t" } }
# ///
"""bucketize at exact boundaries, left and right, and the T5 buckets of relative positions."""

import numpy as np
import torch

EXACT = 3  # nearer distances have a bucket of their own


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant
        self.register_buffer("boundaries", torch.tensor([-2.0, -0.5, 0.0, 0.75, 1.5]))

    def forward(self, x):
        if self.variant == "relative":
            distance = torch.arange(x.shape[1])[None, :] - torch.arange(x.shape[1])[:, None]
            # Half a step off the bounds: the logarithm's last bit never decides a bucket.
            far = (torch.log(distance.abs() + 0.5) * 2).to(torch.int64).clamp(max=7)
            bucket = torch.where(distance.abs() < EXACT, distance.abs(), far) + (distance > 0).to(torch.int64) * 8
            return x + bucket.sum(0) * 0.02
        return torch.bucketize(x, self.boundaries, right=self.variant == "right")


def build(variant):
    return Net(variant)


def inputs(size, random):
    # Quarters meet the boundaries exactly.
    return {"x": (random.randint(-10, 11, (size["n"], size["t"])) / 4).astype(np.float32)}
