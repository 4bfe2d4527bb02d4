# /// script
# requires-python = ">=3.8"
# dependencies = ["funasr==1.4.16"]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (FunASR)"
# files = ["_sensevoice.py", "_filterbank.py"]
# outputs = ["ctc_logits"]
# export-size = { samples = 16000 }
# run-sizes = [ { samples = 16160 }, { samples = 10000 }, { samples = 24000 }, { samples = 12345 } ]
# dynamic = { wave = { 1 = "samples" }, ctc_logits = { 1 = "logits_length" } }
# ///
"""SenseVoice from wave to logits in one graph: filter banks, stacking and encoder."""

import _sensevoice as shared
import numpy as np
import torch


class Whole(torch.nn.Module):
    """Front end and encoder, which takes every frame for a valid one."""

    def __init__(self):
        super().__init__()
        self.frontend = shared.filterbank.Frontend("conv1d", shared.STACKS[:1])
        self.encoder = shared.encoder()

    def forward(self, wave, language, textnorm):
        feats = self.frontend(wave)
        lengths = torch.ones_like(feats[:, :, 0]).sum(1).int()
        return self.encoder(feats, lengths, language, textnorm)[0]


def build(variant):
    return Whole()


def inputs(size, random):
    return {
        "wave": shared.filterbank.speech(random, size["samples"], [(0.1, 0.45), (0.6, 0.9)]),
        "language": random.choice([0, 3, 4, 7, 11, 12], 1).astype(np.int32),
        "textnorm": random.choice([14, 15], 1).astype(np.int32),
    }
