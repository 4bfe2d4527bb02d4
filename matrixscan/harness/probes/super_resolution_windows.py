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
# family = true
# variants = ["swinir", "hat", "dat", "safmn"]
# outputs = ["image"]
# export-size = { h = 64, w = 64 }
# run-sizes = [ { h = 48, w = 80 }, { h = 50, w = 67 } ]
# dynamic = { picture = { 2 = "h", 3 = "w" }, image = { 2 = "h", 3 = "w" } }
# precisions = ["fp32"]
# opsets = { torchscript = [14, 17], dynamo = [18] }
# case-seconds = 240
# [tool.matrixscan.compare.image]
# picture = true
# ///
"""Super-resolution networks whose shapes follow the picture: windows, adaptive pooling (spandrel), small.

spandrel does not let these run in half, or says that it was not tried (OmniSR), so there is no half lane.
"""

import _super_resolution as shared

WINDOWS = {"depths": [2, 2], "num_heads": [2, 2], "embed_dim": 16, "window_size": 8, "mlp_ratio": 2.0, "upscale": 2}

NETWORKS = {
    "swinir": ("SwinIR", "SwinIR", dict(WINDOWS, upsampler="pixelshuffle")),
    "hat": ("HAT", "HAT", dict(WINDOWS, squeeze_factor=4)),
    # Two blocks, then one: windows, channels, shifted windows.
    "dat": (
        "DAT",
        "DAT",
        {"embed_dim": 64, "split_size": [8, 16], "depth": [2, 1], "num_heads": [2, 2], "expansion_factor": 2.0},
    ),
    "safmn": ("SAFMN", "SAFMN", {"dim": 16, "n_blocks": 2, "upscaling_factor": 2}),
}


def build(variant):
    return shared.network(*NETWORKS[variant])


def inputs(size, random):
    return shared.picture(size, random)
