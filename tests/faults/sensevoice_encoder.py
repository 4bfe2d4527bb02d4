# /// script
# requires-python = ">=3.8"
# dependencies = ["funasr==1.4.16"]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (FunASR)"
# files = ["catalogue_sensevoice_encoder.py", "_sensevoice.py", "_filterbank.py", "_faults.py"]
# family = true
# variants = [
#   "untouched", "dropped_mask", "longer_mask", "output_type", "baked_batch", "swapped_projections",
#   "wrong_scale", "shifted_positions",
# ]
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
"""SenseVoice encoder, untouched and with faults in its artifact."""

from _faults import finish  # noqa: F401
from catalogue_sensevoice_encoder import build, inputs, post  # noqa: F401
