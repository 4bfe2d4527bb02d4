# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["scatter_add", "index_add", "amax_self", "amax_only", "mean_only"]
# outputs = ["y"]
# export-size = { n = 4, t = 10 }
# run-sizes = [ { n = 3, t = 17 }, { n = 6, t = 33 }, { n = 2, t = 5 } ]
# dynamic = { x = { 0 = "n" }, index = { 0 = "t" }, values = { 0 = "t" }, y = { 0 = "n" } }
# ///
"""Scatter with duplicate indices and a reduction, with and without the destination's own value."""

import numpy as np
import torch


def spelled_out(x, index, values, variant):
    hit = torch.nn.functional.one_hot(index, x.shape[0]).bool()[:, :, None]
    if variant == "mean_only":
        reduced = (hit * values[:, None]).sum(0) / hit.sum(0).clamp(min=1)
    else:
        reduced = torch.where(hit, values[:, None], torch.full_like(values[:, None], -1e4)).max(0)[0]
        if variant == "amax_self":
            return torch.maximum(x, reduced)
    return torch.where(hit.any(0), reduced, x)


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x, index, values):
        full = index[:, None].expand(-1, 6)
        if self.variant == "scatter_add":
            return x.scatter_add(0, full, values)
        if self.variant == "index_add":
            return x.index_add(0, index, values)
        # scatter_reduce took no source before PyTorch 1.12.
        if torch.__version__.startswith("1.11."):
            return spelled_out(x, index, values, self.variant)
        reduce, which = self.variant.split("_")
        return x.scatter_reduce(0, full, values, reduce=reduce, include_self=which == "self")


def build(variant):
    return Net(variant)


def inputs(size, random):
    n, t = size["n"], size["t"]
    return {
        # Above nearly all values, so that a wrongly kept destination shows; the last row is never hit.
        "x": (random.standard_normal((n, 6)) + 1.5).astype(np.float32),
        "index": random.randint(0, n - 1, t).astype(np.int64),
        "values": random.standard_normal((t, 6)).astype(np.float32),
    }
