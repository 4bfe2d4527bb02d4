"""What the super-resolution probes share: pictures, and the way spandrel's networks are handed to an exporter."""

import contextlib
import importlib
import sys
import types

import numpy as np
import torch

TORCHVISION = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")


class Converted(torch.nn.Module):
    """One picture in, one out, as chaiNNer and neosr export them: no other argument of a network becomes an input.

    chaiNNer goes through spandrel's descriptor, which also pads to a network's smallest size and clamps to [0, 1]. No
    size here is too small, and the clamp would hide errors of seeded weights, so neither is repeated.
    """

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, picture):
        return self.network(picture)


def network(module, name, settings):
    """Return an architecture of spandrel, for example `network("ESRGAN", "ESRGAN", {"num_blocks": 1})`."""
    with _without_torchvision():
        architectures = importlib.import_module("spandrel.architectures." + module)
    return Converted(getattr(architectures, name)(**settings))


def picture(size, random):
    """Return a picture in [0, 1]: a slope and a wave of another direction and length in each colour, and texture."""
    y, x = np.mgrid[0 : size["h"], 0 : size["w"]] / 32.0
    slope, tilt, phase = random.uniform(-1, 1, (3, 3, 1, 1))
    smooth = slope * x + tilt * y + np.sin(6 * (x + phase * y + phase))
    values = 0.5 + 0.2 * smooth + 0.05 * random.standard_normal(smooth.shape)
    return {"picture": values.clip(0, 1)[None].astype(np.float32)}


@contextlib.contextmanager
def _without_torchvision():
    """Stand in for torchvision, which spandrel imports for two networks that are not used here, and leave again.

    An empty module that stays would be taken for torchvision by the dynamo exporter.
    """
    names = [name for name in TORCHVISION if name not in sys.modules]
    sys.modules.update((name, types.ModuleType(name)) for name in names)
    if TORCHVISION[-1] in names:
        vars(sys.modules[TORCHVISION[-1]]).update(InterpolationMode=None, normalize=None, rotate=None)
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
