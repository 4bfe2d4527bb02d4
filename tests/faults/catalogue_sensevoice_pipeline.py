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
# [tool.matrixscan.compare.tokens]
# agree = 0.99
# ///
"""SenseVoice from wave to tokens with voice activity detection on both sides: front end, VAD, encoder."""

import _sensevoice as shared

#: Classes that these seeded weights give more of where there is speech. Another name of this file gives other weights.
SPEECH_PDFS = (18, 111, 177, 222)


def build(variant):
    return shared.stages()


def inputs(size, random):
    return shared.spoken(random, size["samples"])


def pipeline(stages, inputs, side):
    """Cut the wave into what the VAD takes for speech and recognise that."""
    found = shared.segments(stages, inputs["wave"], SPEECH_PDFS)
    _check_that_it_decides(found, inputs["wave"].shape[1])
    return shared.recognise(stages, inputs, found)


def _check_that_it_decides(found, samples):
    kept = int((found[:, 1] - found[:, 0]).sum()) * 16
    if not 0.3 * samples < kept < 0.9 * samples:
        raise ValueError("the VAD keeps %d of %d samples, and so proves nothing" % (kept, samples))
