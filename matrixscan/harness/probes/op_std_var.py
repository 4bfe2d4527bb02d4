# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["unbiased", "biased", "moments"]
# outputs = ["deviation", "variance"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 2 } ]
# dynamic = { x = { 0 = "n", 2 = "t" }, deviation = { 0 = "n" }, variance = { 0 = "n" } }
# ///
"""std and var over a dynamic axis: the n / (n - 1) correction must follow the length that is run."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def forward(self, x):
        if self.variant == "moments":
            variance, mean = torch.var_mean(x, dim=(1, 2), unbiased=True)
            return mean, variance
        unbiased = self.variant == "unbiased"
        return x.std(2, unbiased=unbiased, keepdim=True), x.var((1, 2), unbiased=unbiased)


def build(variant):
    return Net(variant)


def inputs(size, random):
    x = random.standard_normal((size["n"], 3, size["t"])) + random.uniform(1, 3, (size["n"], 1, 1))
    return {"x": x.astype(np.float32)}
