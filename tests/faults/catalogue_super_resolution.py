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
# variants = ["esrgan", "compact", "plksr", "realcugan", "omnisr"]
# outputs = ["image"]
# export-size = { h = 64, w = 64 }
# run-sizes = [ { h = 48, w = 80 }, { h = 50, w = 67 } ]
# dynamic = { picture = { 2 = "h", 3 = "w" }, image = { 2 = "h", 3 = "w" } }
# precisions = ["fp32", "fp16"]
# opsets = { torchscript = [14, 17], dynamo = [18] }   # 14 is what chaiNNer proposes
# case-seconds = 240
# [tool.matrixscan.compare.image]
# picture = true
# ///
"""Super-resolution networks of chaiNNer and neosr that are used in half too (spandrel), shallow and narrow.

The structure is the published one; depth and width are not, so that an export takes seconds.
"""

import _super_resolution as shared

NETWORKS = {
    "esrgan": ("ESRGAN", "ESRGAN", {"num_filters": 16, "num_blocks": 1, "scale": 4}),
    "compact": ("Compact", "Compact", {"num_feat": 16, "num_conv": 4, "upscale": 2}),
    "plksr": ("PLKSR", "PLKSR", {"dim": 16, "n_blocks": 2, "upscaling_factor": 2}),
    "realcugan": ("RealCUGAN", "UpCunet2x", {}),  # its size is fixed
    "omnisr": ("OmniSR", "OmniSR", {"num_feat": 16, "up_scale": 2}),
}


def build(variant):
    return shared.network(*NETWORKS[variant])


def inputs(size, random):
    return shared.picture(size, random)
