# /// script
# requires-python = ">=3.8"
# dependencies = [
#     "speechbrain==0.5.16; python_version < '3.9'",
#     "speechbrain==1.1.2; python_version >= '3.9'",
#     "packaging>=20",
#     "pyyaml>=6; python_version >= '3.9'", # for its logger
#     "tqdm>=4; python_version >= '3.9'",
# ]
# [tool.matrixscan]
# no-deps = true
# license = "Apache-2.0"
# variants = ["published", "maskfree", "flat"]
# outputs = ["embedding"]
# export-size = { t = 200 }
# run-sizes = [ { t = 61 }, { t = 317 } ]
# dynamic = { features = { 1 = "t" } } # not the batch: the published mask takes it from len(), which tracing fixes
# exporters = ["torchscript", "dynamo", "pnnx"]
# runners = ["onnxruntime-cpu", "ncnn"]
# precisions = ["fp32", "fp16", "fp16-run"]
# weights = "ecapa.npz"
# [tool.matrixscan.compare.embedding] # elements of 1.5 or so, many near 0
# fp16 = { rtol = 1e-2, atol = 0.05 }
# [tool.matrixscan.compare.embedding_l2] # a report on ncnn asks for 1e-3 to 1e-4; rounding to half costs up to 3e-4
# rtol = 1e-6
# atol = 1e-4
# fp16 = { rtol = 1e-6, atol = 5e-4 }
# [[tool.matrixscan.expected]]
# when = { variant = "published", exporter = "pnnx", stage = "check" }
# match = "Tensor.masked_fill"
# reason = "pnnx passes over the operators of the mask; without a mask the model converts"
# until = 2027-11-30
# [[tool.matrixscan.expected]]
# when = { variant = "maskfree", exporter = "pnnx", stage = "compare", pnnx = "<20250912" }
# match = "shape"
# reason = "pnnx took the transposition of (n, 192, 1) for one that does nothing"
# until = 2027-11-30
# [[tool.matrixscan.expected]]
# when = { exporter = "pnnx", precision = "fp16", stage = "compare", pnnx = "<20261020" }
# match = "mismatch"
# reason = "pnnx cut weights off when it turned them to half; since 20261020 it rounds them"
# until = 2027-11-30
# ///
"""ECAPA-TDNN speaker embedding: attentive statistics pooling, published with masks, and without for phones."""

import importlib
import importlib.util
import sys
import types

import numpy as np
import torch

#: Modules on the way to the network that only read audio files.
STUBS = ("torchaudio", "soundfile")
PACKAGES = ("", ".dataio", ".lobes", ".lobes.models", ".nnet", ".processing", ".utils")


def build(variant):
    network = _network()
    if variant == "published":
        return network.ECAPA_TDNN(80, lin_neurons=192)
    # The layers keep their names, and with them their weights.
    kind = {"maskfree": network.ECAPA_TDNN, "flat": type("Flat", (network.ECAPA_TDNN,), {"forward": flat})}[variant]
    model = kind(80, lin_neurons=192)
    model.asp.__class__ = type("MaskFree", (network.AttentiveStatisticsPooling,), {"forward": mask_free_pooling})
    return model


def inputs(size, random, variant):
    # A phone takes one utterance at a time and needs no lengths; most releases of ncnn have no batch.
    batch = 2 if variant == "published" else 1
    frames = random.standard_normal((batch, size["t"], 80)).cumsum(axis=1)
    frames = frames - frames.mean(axis=1, keepdims=True)
    features = frames / frames.std() + 0.3 * random.standard_normal(frames.shape)
    made = {"features": features.astype(np.float32)}
    if variant == "published":
        made["lengths"] = np.array([1.0, 0.6], np.float32)
    return made


def post(outputs, inputs):
    """Give what is scored too: speakers are told apart by the direction of the embedding alone."""
    embedding = outputs["embedding"]
    length = np.sqrt(np.sum(embedding**2, axis=-1, keepdims=True))
    return {"embedding": embedding, "embedding_l2": embedding / length}


def mask_free_pooling(self, x, lengths=None):
    """Pool all frames: what the published layer computes for whole utterances, without mask, repeat or fill."""
    mean = x.mean(2, keepdim=True)
    deviation = torch.sqrt(((x - mean) ** 2).mean(2, keepdim=True).clamp(min=self.eps))
    # Adding to zeros spreads over time in operators that every converter knows.
    zeros = x * 0.0
    scores = self.conv(self.tanh(self.tdnn(torch.cat([x, zeros + mean, zeros + deviation], dim=1))))
    weights = torch.softmax(scores, dim=2)
    mean = (weights * x).sum(2, keepdim=True)
    deviation = torch.sqrt((weights * (x - mean) ** 2).sum(2, keepdim=True).clamp(min=self.eps))
    return torch.cat([mean, deviation], dim=1)


def flat(self, features):
    """Give (n, 192) instead of (n, 1, 192): pnnx took the transposition at the end for one that does nothing."""
    return super(type(self), self).forward(features).flatten(1)


def _network():
    """Import the module of the network without the toolkit around it: bare packages stand in for its own."""
    if "speechbrain" not in sys.modules:
        found = importlib.util.find_spec("speechbrain")
        if found is None:
            raise ModuleNotFoundError("No module named 'speechbrain'")
        for name in PACKAGES:
            package = types.ModuleType("speechbrain" + name)
            package.__path__ = [found.submodule_search_locations[0] + name.replace(".", "/")]
            sys.modules[package.__name__] = package
    absent = [name for name in STUBS if name not in sys.modules]
    for name in absent:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__version__ = "2.8.0"
    try:
        return importlib.import_module("speechbrain.lobes.models.ECAPA_TDNN")
    finally:
        for name in absent:
            del sys.modules[name]
