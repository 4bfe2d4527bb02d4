# /// script
# requires-python = ">=3.8"
# dependencies = ["torchvision"]   # every torchvision asks for one torch, so the combination decides
# [tool.matrixscan]
# license = "BSD-3-Clause (torchvision)"
# open-variants = true
# family = true
# export-size = { n = 2 }
# run-sizes = [ { n = 3 } ]
# dynamic = { pictures = { 0 = "n" } }
# case-seconds = 240
# ///
"""Classification and segmentation networks of torchvision, untrained: a variant is a name in its models."""

import numpy as np

#: Names of networks that take pictures of this side only.
FIXED = ("maxvit_", "vit_")


def build(variant):
    import torchvision

    models = torchvision.models
    make = getattr(models, variant, None) or getattr(models.segmentation, variant, None)
    if make is None:
        raise ModuleNotFoundError("torchvision %s has no %s" % (torchvision.__version__, variant))
    # Segmentation fetches a trained backbone unless told not to. Releases before 0.13 know `pretrained` alone.
    segmentation = hasattr(models.segmentation, variant)
    if hasattr(models, "get_model") or hasattr(models, "ResNet18_Weights"):
        return make(weights=None, **({"weights_backbone": None} if segmentation else {}))
    return make(pretrained=False, **({"pretrained_backbone": False} if segmentation else {}))


def inputs(size, random, variant):
    side = 224 if variant.startswith(FIXED) else 128
    # Normalised photographs are smooth and bright here, dark there.
    coarse = random.standard_normal((size["n"], 3, 8, 8)).repeat(side // 8 + 1, axis=2).repeat(side // 8 + 1, axis=3)
    fine = 0.3 * random.standard_normal((size["n"], 3, side, side))
    return {"pictures": (coarse[:, :, :side, :side] + fine).astype(np.float32)}
