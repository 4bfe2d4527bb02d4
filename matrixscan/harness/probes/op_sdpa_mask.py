# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["boolean", "additive", "causal"]
# outputs = ["y"]
# export-size = { n = 2, t = 12 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 5 }, { n = 4, t = 31 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, lengths = { 0 = "n" }, y = { 0 = "n", 1 = "t" } }
# ///
"""Scaled dot product attention under a boolean, an additive and a causal mask, with padded batch rows."""

import math

import numpy as np
import torch
from torch.nn import functional


def attend(q, k, v, mask, causal):
    if hasattr(functional, "scaled_dot_product_attention"):
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
    if causal:
        mask = torch.arange(q.shape[-2])[:, None] >= torch.arange(k.shape[-2])[None, :]
    scores = q.matmul(k.transpose(-2, -1)) / math.sqrt(8)
    scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1).matmul(v)


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant
        self.project = torch.nn.Linear(16, 48)

    def forward(self, x, lengths):
        n, t, _ = x.shape
        q, k, v = self.project(x).view(n, t, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        kept = torch.arange(t)[None, :] < lengths[:, None]
        mask = kept[:, None, None, :]
        if self.variant == "additive":
            mask = torch.zeros_like(mask, dtype=x.dtype).masked_fill(~mask, -1e4)
        y = attend(q, k, v, None if self.variant == "causal" else mask, self.variant == "causal")
        # Every variant reads `lengths`, so that no exporter prunes the input.
        return y.transpose(1, 2).flatten(2) * kept[:, :, None]


def build(variant):
    return Net(variant)


def inputs(size, random):
    n, t = size["n"], size["t"]
    return {
        "x": random.standard_normal((n, t, 16)).astype(np.float32),
        # Row 0 is full and the others are padded; no row is empty (its softmax would be undefined).
        "lengths": np.array([max(1, t - 3 * row) for row in range(n)], np.int64),
    }
