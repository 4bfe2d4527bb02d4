# /// script
# requires-python = ">=3.8"
# dependencies = ["funasr==1.4.16"]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (FunASR), after 3D-Speaker (Apache-2.0)"
# variants = ["published", "fixed"]
# outputs = ["embedding"]
# export-size = { t = 345 }
# run-sizes = [ { t = 100 }, { t = 200 }, { t = 298 }, { t = 1000 } ]
# opsets = { torchscript = [11, 13, 17, 19], dynamo = [18, 19] }
# dynamic = { feature = { 0 = "batch", 1 = "t" }, embedding = { 0 = "batch" } }
# weights = "campplus_en.npz"
# files = ["campplus.py"]
# ///
"""CAM++ speaker embedding, English VoxCeleb (512): the network of campplus with the wider embedding."""

import campplus

inputs = campplus.inputs


def build(variant):
    return campplus.build(variant, embedding=512)
