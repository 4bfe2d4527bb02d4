# /// script
# requires-python = ">=3.8"
# dependencies = ["funasr==1.4.16"]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (FunASR)"
# files = ["catalogue_sensevoice_pipeline.py", "_sensevoice.py", "_filterbank.py", "_faults.py"]
# family = true
# variants = [
#   "untouched", "frontend.shifted_filters", "frontend.full_scale", "frontend.common_logarithm",
#   "frontend.shifted_frames", "vad.leaky_activation",
# ]
# outputs = ["segments", "logits", "tokens"]
# exporters = ["torchscript"] # sensevoice_encoder and fsmn_vad go through the others
# export-size = { samples = 48000 }
# run-sizes = [ { samples = 40111 } ]
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
"""SenseVoice from wave to tokens, untouched and with faults in one of its three artifacts."""

from _faults import finish  # noqa: F401
from catalogue_sensevoice_pipeline import build, inputs, pipeline  # noqa: F401
