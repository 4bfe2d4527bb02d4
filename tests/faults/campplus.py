# /// script
# requires-python = ">=3.11"  # its export takes minutes in the oldest torch
# dependencies = ["funasr==1.4.16"]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (FunASR), after 3D-Speaker (Apache-2.0)"
# files = ["catalogue_campplus.py", "_faults.py"]
# family = true
# variants = [
#   "untouched", "scaled_weight", "gate_sign", "stale_statistics", "wrong_epsilon",
# ]
# outputs = ["embedding"]
# export-size = { t = 345 }
# run-sizes = [ { t = 100 }, { t = 298 } ]
# exporters = ["torchscript"]
# opsets = { torchscript = [13] }
# dynamic = { feature = { 0 = "batch", 1 = "t" }, embedding = { 0 = "batch" } }
# weights = "campplus.npz"
# ///
"""CAM++ with its averages said outright (`fixed`), untouched and with faults in its artifact."""

import catalogue_campplus as catalogue
from _faults import finish  # noqa: F401
from catalogue_campplus import inputs  # noqa: F401


def build(variant):
    return catalogue.build("fixed")
