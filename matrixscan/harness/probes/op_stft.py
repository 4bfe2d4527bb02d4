# /// script
# requires-python = ">=3.8"
# dependencies = []
# [tool.matrixscan]
# license = "Apache-2.0"
# variants = ["centred", "uncentred", "twosided", "pairs"]
# outputs = ["y"]
# export-size = { n = 2, t = 64 }
# run-sizes = [ { n = 3, t = 57 }, { n = 1, t = 131 }, { n = 2, t = 33 } ]
# dynamic = { x = { 0 = "n", 1 = "t" }, y = { 0 = "n" } }
# ///
"""Short-time Fourier transform of a dynamic length, centred with reflection or not, one- or two-sided."""

import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.options = {"center": variant == "centred", "onesided": variant != "twosided"}
        self.pairs = variant == "pairs"
        self.register_buffer("window", torch.hann_window(12))

    def forward(self, x):
        # The window is shorter than the transform and is centred in it. TorchScript's exporter knows no
        # complex numbers, hence the deprecated form that returns pairs.
        spectrum = torch.stft(x, 16, 5, 12, self.window, return_complex=not self.pairs, **self.options)
        return spectrum if self.pairs else torch.view_as_real(spectrum)


def build(variant):
    return Net(variant)


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], size["t"])).astype(np.float32)}
