# /// script
# requires-python = ">=3.8"
# dependencies = ["funasr==1.4.16"]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (FunASR)"
# files = ["_sensevoice.py", "_filterbank.py"]
# outputs = ["segments", "logits", "tokens"]
# export-size = { samples = 48000 }
# run-sizes = [ { samples = 56000 }, { samples = 40111 } ]
# [tool.matrixscan.stages.frontend]
# outputs = ["feats", "vad_feats"]
# dynamic = { wave = { 1 = "samples" }, feats = { 1 = "frames" }, vad_feats = { 1 = "vad_frames" } }
# [tool.matrixscan.stages.vad]
# outputs = ["logits", "out_cache0", "out_cache1", "out_cache2", "out_cache3"]
# dynamic = { speech = { 1 = "feats_length" }, logits = { 1 = "feats_length" } }
# [tool.matrixscan.stages.encoder]
# outputs = ["ctc_logits", "encoder_out_lens"]
# dynamic = { speech = { 1 = "feats_length" }, ctc_logits = { 1 = "logits_length" } }
# [[tool.matrixscan.expected]]
# when = {}
# match = "pipeline"
# reason = "The published failure: only the PyTorch side has voice activity detection. Every graph agrees by itself."
# until = 2027-11-21
# ///
"""SenseVoice as published to fail: eager hears speech only, the exported side gets the whole wave."""

import _sensevoice as shared
import numpy as np

#: Classes that these seeded weights give more of where there is speech. Another name of this file gives other weights.
SPEECH_PDFS = (1, 34, 56, 96, 97, 122)


def build(variant):
    return shared.stages()


def inputs(size, random):
    return shared.spoken(random, size["samples"])


def pipeline(stages, inputs, side):
    """Cut the wave into what the VAD takes for speech and recognise that; the exported side recognises all of it."""
    found = shared.segments(stages, inputs["wave"], SPEECH_PDFS)
    if side == "exported":
        found = np.array([[0, inputs["wave"].shape[1] // 16]])
    return shared.recognise(stages, inputs, found)
