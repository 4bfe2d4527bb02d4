# /// script
# requires-python = ">=3.8"
# dependencies = [
#     "speechbrain==0.5.16; python_version < '3.9'",
#     "speechbrain==1.1.2; python_version >= '3.9'",
#     "packaging>=20",
#     "pyyaml>=6; python_version >= '3.9'",
#     "tqdm>=4; python_version >= '3.9'",
# ]
# [tool.matrixscan]
# no-deps = true
# license = "Apache-2.0"
# files = ["catalogue_ecapa.py", "_faults.py"]
# family = true
# variants = [
#   "untouched", "transposed_weight", "missing_bias", "swapped_inputs", "dropped_residual",
#   "rounded_to_half", "softmax_axis",
# ]
# outputs = ["embedding"]
# export-size = { t = 200 }
# run-sizes = [ { t = 61 }, { t = 317 } ]
# dynamic = { features = { 1 = "t" } }
# weights = "ecapa.npz"
# [tool.matrixscan.compare.embedding_l2]
# rtol = 1e-6
# atol = 1e-4
# ///
"""ECAPA-TDNN as published, untouched and with faults in its artifact."""

import catalogue_ecapa as catalogue
from _faults import finish  # noqa: F401
from catalogue_ecapa import post  # noqa: F401


def build(variant):
    return catalogue.build("published")


def inputs(size, random):
    return catalogue.inputs(size, random, "published")
