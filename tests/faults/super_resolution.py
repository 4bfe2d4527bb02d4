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
# files = ["catalogue_super_resolution.py", "_super_resolution.py", "_faults.py"]
# family = true
# variants = [
#   "compact.untouched", "compact.shuffle_order", "compact.nan_element", "compact.infinite_corner",
#   "compact.clipped_output", "compact.truncated_output", "compact.transposed_output",
#   "compact.reversed_channels", "compact.shared_slope", "compact.duplicated_row", "compact.flipped_kernel",
#   "compact.scaled_weight", "compact.rounded_to_half", "esrgan.untouched", "esrgan.wrong_constant",
#   "esrgan.smooth_resize", "esrgan.shifted_pad",
# ]
# outputs = ["image"]
# export-size = { h = 64, w = 64 }
# run-sizes = [ { h = 48, w = 80 }, { h = 50, w = 67 } ]
# dynamic = { picture = { 2 = "h", 3 = "w" }, image = { 2 = "h", 3 = "w" } }
# ///
"""Two super-resolution networks, untouched and with faults in their artifacts."""

import catalogue_super_resolution as catalogue
from _faults import finish  # noqa: F401
from catalogue_super_resolution import inputs  # noqa: F401


def build(variant):
    return catalogue.build(variant.partition(".")[0])
