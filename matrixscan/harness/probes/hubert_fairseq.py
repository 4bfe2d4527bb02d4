# /// script
# requires-python = ">=3.8,<3.9"
# dependencies = [ # fairseq has wheels up to Python 3.8; its commands need more than this, its models do not
#     "fairseq==0.12.2", "hydra-core==1.0.7", "omegaconf==2.0.6", "PyYAML==6.0.3", "bitarray==3.11.0",
#     "sacrebleu==2.5.1", "portalocker==3.0.0", "regex==2024.11.6", "tabulate==0.9.0", "colorama==0.4.6",
#     "lxml==6.1.3", "tqdm==4.70.1",
# ]
# [tool.matrixscan]
# no-deps = true
# license = "MIT (fairseq)"
# files = ["_hubert.py"]
# variants = ["published", "patched", "adapter", "fixed"]
# outputs = ["features"]
# export-size = { n = 2, samples = 8160 }
# run-sizes = [ { n = 2, samples = 8000 }, { n = 3, samples = 12000 }, { n = 2, samples = 5000 } ]
# [tool.matrixscan.dynamic]
# source = { 0 = "n", 1 = "samples" }
# padding_mask = { 0 = "n", 1 = "samples" }
# features = { 0 = "n", 1 = "frames" }
# [[tool.matrixscan.expected]]
# when = { variant = "published", exporter = "torchscript" }
# match = "is_integer"
# reason = "The published failure: while tracing, a length is a tensor, and the padding helper asks it for is_integer."
# until = 2027-11-21
# [[tool.matrixscan.expected]]
# when = { variant = "patched", exporter = "torchscript", opset = ">=14", torch = ">=2.0" }
# match = "broadcast an axis by a dimension other than 1"
# reason = "The second published failure: index_put with a mask of fewer dimensions is exported as a Where that fails."
# until = 2027-11-21
# ///
"""HuBERT of fairseq: published, padding helper patched, the published adapter without mask, a full fix."""

import importlib
import math
import sys
import types

import _hubert as shared
import numpy as np
import torch


def build(variant):
    """Return the model behind the interface of the variant.

    published: both inputs, the code as it is. patched: the attribute error in the padding helper removed, nothing else.
    adapter: also no padding mask among the inputs. fixed: both inputs, and nothing that tracing makes constant.
    The export size gives an odd number of frames: only then does tracing see the helper pad, for good or ill.
    """
    hubert = _fairseq_hubert()
    wav2vec2 = sys.modules["fairseq.models.wav2vec.wav2vec2"]
    helpers = sys.modules["fairseq.models.wav2vec.utils"], sys.modules["fairseq.utils"]
    wav2vec2.pad_to_multiple = {"published": helpers[0].pad_to_multiple, "fixed": _no_padding}.get(variant, _patched)
    wav2vec2.index_put = _index_put if variant == "fixed" else helpers[1].index_put
    config = hubert.HubertConfig(
        label_rate=50.0,
        encoder_layers=shared.LAYERS,
        encoder_embed_dim=shared.WIDTH,
        encoder_ffn_embed_dim=shared.INNER,
        encoder_attention_heads=shared.HEADS,
        final_dim=shared.WIDTH,
    )
    # No dictionaries: without them the model has no heads of pre-training.
    model = hubert.HubertModel(config, types.SimpleNamespace(sample_rate=16000), [None])
    if variant == "fixed":
        model.forward_padding_mask = _forward_padding_mask
    model = shared.without_weight_norm(model)
    return Adapter(model) if variant == "adapter" else Published(model)


def inputs(size, random, variant):
    waves, lengths = shared.waves(size, random)
    if variant == "adapter":
        return {"source": waves}
    return {"source": waves, "padding_mask": np.arange(size["samples"]) >= lengths[:, None]}


def post(outputs, inputs):
    """Features of the frames that exist."""
    features = outputs["features"]
    if "padding_mask" not in inputs:
        return {"features": features}
    chunk = inputs["source"].shape[1] // features.shape[1]
    return {"features": shared.valid(features, -(-(~inputs["padding_mask"]).sum(1) // chunk))}


class Published(torch.nn.Module):
    """`extract_features` as it is documented: waves with their padding mask."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, source, padding_mask):
        return self.model(source, padding_mask=padding_mask, mask=False, features_only=True)["x"]


class Adapter(Published):
    """The published adapter: one input and explicit flags."""

    def forward(self, source):
        return self.model(source, padding_mask=None, mask=False, features_only=True)["x"]


def _patched(x, multiple, dim=-1, value=0):
    """Say `m.is_integer()` in a form that tracing survives; the length is a constant of the trace for all that."""
    if x is None:
        return None, 0
    remainder = math.ceil(x.size(dim) / multiple) * multiple - x.size(dim)
    if remainder == 0:
        return x, 0
    return torch.nn.functional.pad(x, (0,) * (-1 - dim) * 2 + (0, remainder), value=value), remainder


def _no_padding(x, multiple, dim=-1, value=0):
    """An even number of frames only makes training faster."""
    return x, 0


def _index_put(tensor, indices, value):
    """Fill with a mask of as many dimensions: exporters leave the missing one out, and the mask does not broadcast."""
    return tensor.masked_fill(indices.unsqueeze(-1), value)


def _forward_padding_mask(features, padding_mask):
    """Mask the frames whose samples are all padding, where padding comes last, without a division by the trace."""
    chunk = torch.div(padding_mask.shape[1], features.shape[1], rounding_mode="floor")
    starts = torch.arange(features.shape[1]) * chunk
    return starts.unsqueeze(0) >= (~padding_mask).long().sum(1, keepdim=True)


def _fairseq_hubert():
    """Import fairseq's model; the parser of command lines in hydra would need antlr4, which has no wheel."""
    parser = "hydra.core.override_parser.overrides_parser"
    sys.modules.setdefault(parser, types.ModuleType(parser)).OverridesParser = None
    return importlib.import_module("fairseq.models.hubert.hubert")
