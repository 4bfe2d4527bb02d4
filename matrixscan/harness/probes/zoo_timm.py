# /// script
# requires-python = ">=3.8"
# dependencies = ["timm==1.0.30; python_version < '3.10'", "timm==1.0.31; python_version >= '3.10'"]
# [tool.matrixscan]
# license = "Apache-2.0 (timm)"
# open-variants = true
# family = true
# export-size = { n = 2 }
# run-sizes = [ { n = 3 } ]
# dynamic = { pictures = { 0 = "n" } }
# case-seconds = 240
# ///
"""Any network of timm, untrained: a variant is a name that timm.create_model knows."""

import numpy as np


def build(variant):
    import timm

    return timm.create_model(variant, pretrained=False)


def inputs(size, random, variant):
    import timm

    settings = timm.get_pretrained_cfg(variant)
    channels, height, width = settings.input_size if settings else (3, 224, 224)
    # Normalised photographs are smooth and bright here, dark there.
    coarse = random.standard_normal((size["n"], channels, 8, 8)).repeat(height // 8 + 1, 2).repeat(width // 8 + 1, 3)
    fine = 0.3 * random.standard_normal((size["n"], channels, height, width))
    return {"pictures": (coarse[:, :, :height, :width] + fine).astype(np.float32)}
