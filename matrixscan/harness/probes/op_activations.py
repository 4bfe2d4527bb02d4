# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["gelu_tanh", "gelu_erf", "softplus", "threshold", "hardswish", "celu", "mish", "hardsigmoid"]
# outputs = ["y"]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n", 1 = "t" } }
# ///
"""Activations whose parameters or approximation an exporter drops: tanh GELU, softplus beta, CELU alpha."""

import math

import numpy as np
import torch
from torch.nn import functional


def gelu_tanh(x):
    try:
        return functional.gelu(x, approximate="tanh")
    except TypeError:  # before PyTorch 1.12
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = {
    "gelu_tanh": gelu_tanh,
    "gelu_erf": functional.gelu,
    "softplus": lambda x: functional.softplus(x, beta=2.5),
    # The identity from 1.2 on. The step there is 0.02, and no input lies within rounding of it.
    "threshold": lambda x: functional.softplus(x, beta=2.5, threshold=3.0),
    "hardswish": functional.hardswish,
    "celu": lambda x: functional.celu(x, alpha=0.4),
    "mish": functional.mish,
    "hardsigmoid": functional.hardsigmoid,
}


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.function = ACTIVATIONS[variant]

    def forward(self, x):
        return self.function(x)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": (3 * random.standard_normal((size["n"], size["t"]))).astype(np.float32)}
