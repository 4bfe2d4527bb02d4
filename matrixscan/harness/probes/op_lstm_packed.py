# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["descending", "unsorted"]
# outputs = ["y", "final"]
# export-size = { n = 3, t = 12 }
# run-sizes = [ { n = 4, t = 17 }, { n = 1, t = 5 }, { n = 2, t = 31 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, lengths = { 0 = "n" }, y = { 0 = "n", 1 = "t" }, final = { 1 = "n" } }
# ///
"""Bidirectional LSTM over packed sequences: the reverse direction must start at each row's own end."""

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.sorted = variant == "descending"
        self.recurrent = torch.nn.LSTM(6, 8, bidirectional=True, batch_first=True)

    def forward(self, x, lengths):
        if not self.sorted:
            x, lengths = x.flip(0), lengths.flip(0)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=self.sorted)
        packed, (final, _) = self.recurrent(packed)
        y, _ = pad_packed_sequence(packed, batch_first=True)
        return y, final


def build(variant):
    return Net(variant)


def inputs(size, random):
    n, t = size["n"], size["t"]
    return {
        "x": random.standard_normal((n, t, 6)).astype(np.float32),
        "lengths": np.array([max(1, t - 2 * row) for row in range(n)], np.int64),
    }
