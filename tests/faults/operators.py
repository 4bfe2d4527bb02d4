# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "MIT"
# files = ["_faults.py"]
# family = true
# variants = [
#   "lstm.untouched", "gru.untouched", "avg_pool.untouched", "layer.untouched", "gelu.untouched",
#   "cumsum.untouched", "round.untouched", "narrowed_wide.untouched", "sums.untouched", "argmax.untouched",
#   "bilinear.untouched", "lstm.swapped_gates", "lstm.reversed_sequence", "gru.swapped_directions",
#   "gru.reset_order", "avg_pool.counted_padding", "avg_pool.ceil_mode", "layer.wrong_epsilon",
#   "gelu.tanh_approximation", "cumsum.exclusive_sum", "round.half_up", "narrowed_wide.narrow_integers",
#   "sums.reduction_axis", "argmax.last_of_ties", "bilinear.transposed_weight",
# ]
# export-size = { n = 2, t = 20 }
# run-sizes = [ { n = 3, t = 17 }, { n = 1, t = 33 } ]
# dynamic = { x = { 0 = "n", 1 = "t" } }
# ///
"""Rows of the operator table by the same names, untouched and with faults in their artifacts."""

import numpy as np
import torch
from _faults import finish  # noqa: F401
from torch import nn
from torch.nn import functional

#: What forward returns, as the rows of operators.toml have it: lstm_dynamic_batch, avg_pool_ceil, norms, activations,
#: cumsum_dynamic, round_half_even, integer_overflow, sums, argmax_ties, einsum.
ROWS = {
    "lstm": lambda self, x: self.lstm(x)[0],
    "gru": lambda self, x: self.gru(x)[0],
    "avg_pool": lambda self, x: functional.avg_pool1d(
        x.transpose(1, 2), 4, 3, 1, ceil_mode=False, count_include_pad=False
    ),
    "layer": lambda self, x: self.layer(x * 0.05 + 0.2),
    "gelu": lambda self, x: functional.gelu(x * 3),
    "cumsum": lambda self, x: torch.cumsum(x, 1),
    "round": lambda self, x: (x * 4).round().div(4).mul(2).round(),
    "narrowed_wide": lambda self, x: (x * 100).long() * 30000000,
    "sums": lambda self, x: x[:, :6].sum(1),
    "argmax": lambda self, x: (x * 2).round().argmax(1),
    "bilinear": lambda self, x: torch.einsum("bti,ij,bsj->bts", x, self.square.weight, x),
}


class Row(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.name = name
        self.lstm = nn.LSTM(6, 8, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(6, 8, num_layers=2, bidirectional=True, batch_first=True)
        self.layer = nn.LayerNorm(6, eps=1e-3)
        self.square = nn.Linear(6, 6)

    def forward(self, x):
        return ROWS[self.name](self, x)


def build(variant):
    return Row(variant.partition(".")[0])


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], size["t"], 6)).astype(np.float32)}
