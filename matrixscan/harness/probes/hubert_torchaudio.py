# /// script
# requires-python = ">=3.8"
# dependencies = ["torchaudio"] # the release that belongs to the torch of the combination
# [tool.matrixscan]
# license = "BSD-2-Clause (torchaudio)"
# files = ["_hubert.py"]
# family = true
# variants = ["plain", "lengths", "lengths-fixed"]
# outputs = ["features"]
# export-size = { n = 2, samples = 8160 }
# run-sizes = [ { n = 2, samples = 8000 }, { n = 3, samples = 12000 }, { n = 2, samples = 5000 } ]
# [tool.matrixscan.dynamic]
# waveforms = { 0 = "n", 1 = "samples" }
# lengths = { 0 = "n" }
# features = { 0 = "n", 1 = "frames" }
# ///
"""HuBERT of torchaudio, plain and with the lengths of padded waves, as published and with an explicit mask."""

import importlib.util
import os
import sys
import types

import _hubert as shared
import torch


def build(variant):
    model = _wav2vec2().wav2vec2_model(
        extractor_mode="group_norm",
        extractor_conv_layer_config=shared.CONVOLUTIONS,
        extractor_conv_bias=False,
        encoder_embed_dim=shared.WIDTH,
        encoder_projection_dropout=0.1,
        encoder_pos_conv_kernel=128,
        encoder_pos_conv_groups=16,
        encoder_num_layers=shared.LAYERS,
        encoder_num_heads=shared.HEADS,
        encoder_attention_dropout=0.1,
        encoder_ff_interm_features=shared.INNER,
        encoder_ff_interm_dropout=0.0,
        encoder_dropout=0.1,
        encoder_layer_norm_first=False,
        encoder_layer_drop=0.05,
        aux_num_out=None,
    )
    model = shared.without_weight_norm(model)
    return {"plain": Plain, "lengths": Lengths, "lengths-fixed": LengthsFixed}[variant](model)


def inputs(size, random, variant):
    waves, lengths = shared.waves(size, random)
    return {"waveforms": waves, "lengths": lengths} if variant != "plain" else {"waveforms": waves}


def post(outputs, inputs):
    """Features of the frames that exist."""
    if "lengths" not in inputs:
        return outputs
    return {"features": shared.valid(outputs["features"], shared.frames(inputs["lengths"]))}


class Plain(torch.nn.Module):
    """Waves alone."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, waveforms):
        return self.model(waveforms)[0]


class Lengths(Plain):
    """Waves and how long each of them is."""

    def forward(self, waveforms, lengths):
        return self.model(waveforms, lengths)[0]


class LengthsFixed(Plain):
    """The same, with padding frames set to zero by a mask of as many dimensions as the features have."""

    def forward(self, waveforms, lengths):
        features, counts = self.model.feature_extractor(waveforms, lengths)
        encoder = self.model.encoder
        padding = torch.arange(features.shape[1]).unsqueeze(0) >= counts.unsqueeze(1)
        x = encoder.feature_projection(features).masked_fill(padding.unsqueeze(2), 0.0)
        scores = -10000.0 * padding[:, None, None, :].to(x.dtype)
        return encoder.transformer(x, attention_mask=scores.expand(-1, 1, features.shape[1], -1))


def _wav2vec2():
    """Import the model's file alone: it is plain torch, and the package would load a binary made for one torch."""
    for name in ("torchaudio", "torchaudio.models", "torchaudio.models.wav2vec2"):
        if name not in sys.modules:
            package = types.ModuleType(name)
            if name == "torchaudio":
                found = importlib.util.find_spec(name)
                if found is None:
                    raise ModuleNotFoundError("No module named 'torchaudio'")
                package.__path__ = list(found.submodule_search_locations)
            else:
                parent, _, last = name.rpartition(".")
                package.__path__ = [os.path.join(folder, last) for folder in sys.modules[parent].__path__]
            sys.modules[name] = package
    return importlib.import_module("torchaudio.models.wav2vec2.model")
