"""What the HuBERT probes share: one configuration, waves with padding, and weights without weight norm."""

import numpy as np
import torch

LAYERS = 2  # 12 in the published model
WIDTH = 256  # 768
HEADS = 4  # 12
INNER = 1024  # 3072
#: The published feature extractor: one frame for 320 samples, 400 samples for the first one.
CONVOLUTIONS = [(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 2


def without_weight_norm(model):
    """Return the model with plain weights where it has weight norm.

    Releases of torch keep its two parameters under other names and in another form, so seeded weights would differ.
    """
    for module in list(model.modules()):
        if torch.nn.utils.parametrize.is_parametrized(module, "weight"):
            torch.nn.utils.parametrize.remove_parametrizations(module, "weight")
        elif hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
    return model


def waves(size, random):
    """Return a batch of waves and their lengths; the last one fills the batch, the others end in zeros."""
    count, samples = size["n"], size["samples"]
    lengths = random.randint(samples // 2, samples, count)
    lengths[-1] = samples
    time = np.arange(samples) / 16000.0
    pitch = random.uniform(80, 300, (count, 1)) * (1 + 0.1 * np.sin(2 * np.pi * random.uniform(1, 4) * time))
    phase = 2 * np.pi * np.cumsum(pitch, axis=1) / 16000.0
    made = sum(np.sin(order * phase) / order for order in range(1, 12)) + 0.3 * random.standard_normal((count, samples))
    made *= np.arange(samples) < lengths[:, None]
    return made.astype(np.float32), lengths


def frames(lengths):
    """Return how many frames the feature extractor gives for each length."""
    for _, kernel, stride in CONVOLUTIONS:
        lengths = (np.asarray(lengths) - kernel) // stride + 1
    return lengths


def valid(features, counts):
    """Return the frames that exist, of all waves of the batch, one after the other."""
    return features[np.arange(features.shape[1]) < np.asarray(counts)[:, None]]
