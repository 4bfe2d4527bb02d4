# /// script
# requires-python = ">=3.8"
# dependencies = [
#   "spandrel==0.4.1; python_version < '3.9'",
#   "spandrel==0.4.2; python_version >= '3.9'",
#   "einops==0.8.1",
#   "safetensors==0.5.3",
# ]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (spandrel), Apache-2.0, BSD-3-Clause or MIT (the networks)"
# files = ["_super_resolution.py"]
# weights = "super_resolution_span.npz"
# outputs = ["image"]
# export-size = { h = 64, w = 64 }
# run-sizes = [ { h = 48, w = 80 }, { h = 50, w = 67 } ]
# dynamic = { picture = { 2 = "h", 3 = "w" }, image = { 2 = "h", 3 = "w" } }
# precisions = ["fp32", "fp16"]
# opsets = { torchscript = [14, 17], dynamo = [18] }
# case-seconds = 240
# [tool.matrixscan.compare.image]
# picture = true
# ///
"""SPAN super-resolution of neosr (spandrel), narrow: its convolutions are merged anew in every forward pass.

Three convolutions in a row with nothing between them grow the signal eightfold under seeded weights, out of the range
of half after a few blocks. The file of weights has the seeded numbers of every third one times 0.4.
"""

import _super_resolution as shared

NETWORKS = {
    "default": (
        "SPAN",
        "SPAN",
        {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 16, "upscale": 2, "norm": False},
    ),
}


def build(variant):
    return shared.network(*NETWORKS[variant])


def inputs(size, random):
    return shared.picture(size, random)
