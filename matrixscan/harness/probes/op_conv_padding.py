# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["same_even", "same_dilated", "reflect", "transposed", "causal"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 }, { n = 2, t = 9 } ]
# dynamic = { x = { 0 = "n", 2 = "t" }, y = { 0 = "n" } }
# ///
"""Convolutions with padding 'same' and an even kernel, reflected padding and transposed output padding."""

import numpy as np
import torch
from torch.nn import functional


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.causal = variant == "causal"
        self.conv = {
            "same_even": lambda: torch.nn.Conv1d(4, 6, 4, padding="same"),
            "same_dilated": lambda: torch.nn.Conv1d(4, 6, 4, padding="same", dilation=3, groups=2),
            "reflect": lambda: torch.nn.Conv1d(4, 6, 5, stride=2, padding=2, padding_mode="reflect"),
            "transposed": lambda: torch.nn.ConvTranspose1d(4, 6, 5, stride=3, padding=1, output_padding=2),
            "causal": lambda: torch.nn.Conv1d(4, 6, 3, dilation=2),
        }[variant]()

    def forward(self, x):
        return self.conv(functional.pad(x, (4, 0)) if self.causal else x)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 4, size["t"])).astype(np.float32)}
