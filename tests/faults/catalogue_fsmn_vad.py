# /// script
# requires-python = ">=3.8"
# dependencies = ["funasr==1.4.16"]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (FunASR)"
# files = ["_sensevoice.py", "_filterbank.py"]
# outputs = ["logits", "out_cache0", "out_cache1", "out_cache2", "out_cache3"]
# export-size = { t = 30 }
# run-sizes = [ { t = 20 }, { t = 7 }, { t = 211 }, { t = 1 } ]
# dynamic = { speech = { 1 = "feats_length" }, logits = { 1 = "feats_length" } }
# ///
"""FSMN voice activity detection network as its package exports it: 400 to 248, four caches in and out."""

import _sensevoice as shared
import numpy as np


def build(variant):
    return shared.Vad()


def inputs(size, random):
    # Small enough for the softmax at the end not to saturate, which would hide errors.
    made = {"speech": 0.1 * random.standard_normal((1, size["t"], 400))}
    made.update((name, 0.1 * random.standard_normal(cache.shape)) for name, cache in shared.caches().items())
    return {name: array.astype(np.float32) for name, array in made.items()}
