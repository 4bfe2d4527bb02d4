# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["contract", "ellipsis", "diagonal", "outer", "bilinear"]
# outputs = ["y"]
# export-size = { n = 2, t = 12 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 4, t = 1 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n" } }
# ///
"""Einstein sums over dynamic axes: ellipsis, repeated subscripts, three operands, a transposed result."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.variant = variant
        self.first = torch.nn.Linear(5, 5)

    def forward(self, x):
        w = self.first.weight
        if self.variant == "contract":
            return torch.einsum("bik,bjk->bji", x, self.first(x))
        if self.variant == "ellipsis":
            return torch.einsum("...i,oi->...o", x, w)
        if self.variant == "diagonal":
            return torch.einsum("bii->bi", torch.einsum("bti,btj->bij", x, self.first(x))) / 8
        if self.variant == "outer":
            return torch.einsum("bi,bj->bij", x[:, 0], x[:, -1])
        return torch.einsum("bti,ij,bsj->bts", x, w, x)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], size["t"], 5)).astype(np.float32)}
