# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["lstm", "gru"]
# outputs = ["y", "final"]
# export-size = { n = 2, t = 12 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 5 }, { n = 5, t = 31 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n", 1 = "t" }, final = { 1 = "n" } }
# ///
"""Two-layer bidirectional LSTM or GRU: the zero initial state is baked at the exported batch size."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        cell = torch.nn.LSTM if variant == "lstm" else torch.nn.GRU
        self.recurrent = cell(6, 8, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x):
        y, state = self.recurrent(x)
        return y, state[0] if isinstance(state, tuple) else state


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], size["t"], 6)).astype(np.float32)}
