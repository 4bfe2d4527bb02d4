# /// script
# requires-python = ">=3.8"
# dependencies = ["funasr==1.4.16"]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (FunASR)"
# files = ["_sensevoice.py", "_filterbank.py"]
# # Front to back: what torchaudio computes, one window a frame, and the transform as one matrix or one convolution.
# variants = ["rfft", "stft", "matmul", "conv1d"]
# outputs = ["feats", "vad_feats"]
# export-size = { samples = 16000 }
# run-sizes = [ { samples = 16160 }, { samples = 10000 }, { samples = 24000 }, { samples = 12345 }, { samples = 400 } ]
# dynamic = { wave = { 1 = "samples" }, feats = { 1 = "frames" }, vad_feats = { 1 = "vad_frames" } }
# ///
"""SenseVoice and FSMN-VAD features in the graph: Kaldi filter banks, frames stacked 7 by 6 and 5 by 1."""

import _sensevoice as shared


def build(variant):
    return shared.filterbank.Frontend(variant, shared.STACKS)


def inputs(size, random):
    return {"wave": shared.filterbank.speech(random, size["samples"], [(0.2, 0.7)])}
