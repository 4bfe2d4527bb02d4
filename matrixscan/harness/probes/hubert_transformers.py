# /// script
# requires-python = ">=3.8"
# dependencies = ["transformers==4.46.3; python_version < '3.10'", "transformers==5.23.0; python_version >= '3.10'"]
# [tool.matrixscan]
# license = "Apache-2.0 (transformers)"
# files = ["_hubert.py"]
# family = true
# variants = ["plain", "masked"]
# outputs = ["features"]
# export-size = { n = 2, samples = 8160 }
# run-sizes = [ { n = 2, samples = 8000 }, { n = 3, samples = 12000 }, { n = 2, samples = 5000 } ]
# [tool.matrixscan.dynamic]
# input_values = { 0 = "n", 1 = "samples" }
# attention_mask = { 0 = "n", 1 = "samples" }
# features = { 0 = "n", 1 = "frames" }
# ///
"""HuBERT of transformers, plain and with the attention mask of padded waves."""

import _hubert as shared
import numpy as np
import torch


def build(variant):
    from transformers import HubertConfig, HubertModel

    config = HubertConfig(
        hidden_size=shared.WIDTH,
        num_hidden_layers=shared.LAYERS,
        num_attention_heads=shared.HEADS,
        intermediate_size=shared.INNER,
        apply_spec_augment=False,
    )
    model = shared.without_weight_norm(HubertModel(config))
    return Masked(model) if variant == "masked" else Plain(model)


def inputs(size, random, variant):
    waves, lengths = shared.waves(size, random)
    if variant == "plain":
        return {"input_values": waves}
    mask = np.arange(size["samples"]) < lengths[:, None]
    return {"input_values": waves, "attention_mask": mask.astype(np.int64)}


def post(outputs, inputs):
    """Features of the frames that exist."""
    if "attention_mask" not in inputs:
        return outputs
    return {"features": shared.valid(outputs["features"], shared.frames(inputs["attention_mask"].sum(1)))}


class Plain(torch.nn.Module):
    """Waves alone."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_values):
        return self.model(input_values, return_dict=True).last_hidden_state


class Masked(Plain):
    """Waves and their attention mask."""

    def forward(self, input_values, attention_mask):
        return self.model(input_values, attention_mask=attention_mask, return_dict=True).last_hidden_state
