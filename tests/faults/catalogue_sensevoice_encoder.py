# /// script
# requires-python = ">=3.8"
# dependencies = ["funasr==1.4.16"]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (FunASR)"
# files = ["_sensevoice.py", "_filterbank.py"]
# outputs = ["ctc_logits", "encoder_out_lens"]
# export-size = { n = 2, t = 30 }
# run-sizes = [ { n = 2, t = 17 }, { n = 3, t = 93 }, { n = 1, t = 6 } ]
# [tool.matrixscan.dynamic]
# speech = { 0 = "batch_size", 1 = "feats_length" }
# speech_lengths = { 0 = "batch_size" }
# language = { 0 = "batch_size" }
# textnorm = { 0 = "batch_size" }
# ctc_logits = { 0 = "batch_size", 1 = "logits_length" }
# encoder_out_lens = { 0 = "batch_size" }
# [tool.matrixscan.compare.tokens]
# agree = 0.99
# ///
"""SenseVoiceSmall encoder as its package exports it: attention under a length mask, 3 + 2 layers."""

import _sensevoice as shared
import numpy as np


def build(variant):
    return shared.encoder()


def inputs(size, random):
    count, frames = size["n"], size["t"]
    # The longest utterance fills the batch; the others are padded with zeros.
    lengths = np.maximum(1, random.randint(frames // 3, frames, count))
    lengths[-1] = frames
    speech = random.standard_normal((count, frames, 560))
    speech *= np.arange(frames)[None, :, None] < lengths[:, None, None]
    return {
        "speech": speech.astype(np.float32),
        "speech_lengths": lengths.astype(np.int32),
        "language": random.choice([0, 3, 4, 7, 11, 12], count).astype(np.int32),
        "textnorm": random.choice([14, 15], count).astype(np.int32),
    }


def post(outputs, inputs):
    """Logits of the frames that exist: four query frames and the speech of each utterance."""
    valid = np.arange(outputs["ctc_logits"].shape[1]) < inputs["speech_lengths"][:, None] + 4
    logits = outputs["ctc_logits"][valid]
    return {"logits": logits, "tokens": logits.argmax(-1), "encoder_out_lens": outputs["encoder_out_lens"]}
