# /// script
# requires-python = ">=3.8"
# dependencies = ["funasr==1.4.16"]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (FunASR)"
# files = ["catalogue_fsmn_vad.py", "_sensevoice.py", "_filterbank.py", "_faults.py"]
# family = true
# variants = [
#   "untouched", "swapped_outputs", "shifted_slice", "leaky_activation", "softmax_axis", "stale_cache",
#   "scaled_element", "scaled_weight", "rounded_to_half",
# ]
# outputs = ["logits", "out_cache0", "out_cache1", "out_cache2", "out_cache3"]
# export-size = { t = 30 }
# run-sizes = [ { t = 20 }, { t = 7 }, { t = 211 }, { t = 1 } ]
# dynamic = { speech = { 1 = "feats_length" }, logits = { 1 = "feats_length" } }
# ///
"""FSMN voice activity detection, untouched and with faults in its artifact."""

from _faults import finish  # noqa: F401
from catalogue_fsmn_vad import build, inputs  # noqa: F401
