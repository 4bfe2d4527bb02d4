# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["float", "boolean", "integer", "argument"]
# outputs = ["lower", "upper"]
# export-size = { t = 12 }
# run-sizes = [ { t = 17 }, { t = 5 }, { t = 3 } ]
# dynamic = { x = { 0 = "t", 1 = "t" }, lower = { 0 = "t", 1 = "t" }, upper = { 0 = "t", 1 = "t" } }
# ///
"""Triangular masks of a dynamic length, as floats, booleans and integers: some kernels are missing."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        if self.variant == "argument":
            return x.tril(-1), x.triu(2)
        dtype = {"float": torch.float32, "boolean": torch.bool, "integer": torch.int64}[self.variant]
        ones = torch.ones(x.shape[0], x.shape[0], dtype=dtype)
        lower, upper = torch.tril(ones), torch.triu(ones, diagonal=1)
        if self.variant == "boolean":
            return x.masked_fill(~lower, -3.0), x.masked_fill(upper, 3.0)
        return x * lower, x * upper


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["t"], size["t"])).astype(np.float32)}
