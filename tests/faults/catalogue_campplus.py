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
# weights = "campplus.npz"
# ///
"""CAM++ speaker embedding, zh-cn common (192): avg_pool1d with ceil_mode over segments of 100 frames."""

import os

import torch

EMBEDDING = 192


def build(variant, embedding=EMBEDDING):
    return Network(_components(variant), embedding)


def inputs(size, random):
    # Log filter-bank features are offset and strongly correlated in time; CAM++ subtracts their mean.
    frames = random.standard_normal((1, size["t"], 80)).cumsum(axis=1)
    frames = frames - frames.mean(axis=1, keepdims=True)
    return {"feature": (frames / frames.std() + 0.3 * random.standard_normal(frames.shape)).astype("float32")}


def _components(variant):
    """Load the one file of funasr that holds the layers; the package itself would import half a framework."""
    import importlib.metadata

    for path in importlib.metadata.files("funasr"):
        if path.as_posix().endswith("campplus/components.py"):
            spec = importlib.util.spec_from_file_location("campplus_components_" + variant, os.fspath(path.locate()))
            components = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(components)
            if variant == "fixed":
                components.CAMLayer.seg_pooling = seg_pooling
            return components
    raise ModuleNotFoundError("funasr has no campplus/components.py")


def seg_pooling(self, x, seg_len=100, stype="avg"):
    """Average every segment over the frames it really has: sums of a zero-padded whole number of segments.

    Says what ceil_mode means in operators whose meaning no exporter or runtime disputes.
    """
    frames = x.shape[-1]
    padded = torch.nn.functional.pad(x, (0, seg_len - 1))
    counted = torch.nn.functional.pad(torch.ones_like(x[:1, :1]), (0, seg_len - 1))
    sums = torch.nn.functional.avg_pool1d(padded, seg_len, seg_len)
    counts = torch.nn.functional.avg_pool1d(counted, seg_len, seg_len)
    means = sums / counts
    shape = means.shape
    return means.unsqueeze(-1).expand(shape[0], shape[1], shape[2], seg_len).flatten(2)[..., :frames]


class Network(torch.nn.Module):
    """The published assembly: 2-D front end, TDNN, three dense blocks, statistics pooling, embedding."""

    def __init__(self, parts, embedding):
        super().__init__()
        self.head = parts.FCM(feat_dim=80)
        channels = 128
        layers = [("tdnn", parts.TDNNLayer(self.head.out_channels, channels, 5, stride=2, dilation=1, padding=-1))]
        for index, (count, dilation) in enumerate(((12, 1), (24, 2), (16, 2)), start=1):
            block = parts.CAMDenseTDNNBlock(count, channels, 32, 128, kernel_size=3, dilation=dilation)
            channels += 32 * count
            layers.append(("block%d" % index, block))
            layers.append(("transit%d" % index, parts.TransitLayer(channels, channels // 2, bias=False)))
            channels //= 2
        layers.append(("out_nonlinear", parts.get_nonlinear("batchnorm-relu", channels)))
        layers.append(("stats", parts.StatsPool()))
        layers.append(("dense", parts.DenseLayer(channels * 2, embedding, config_str="batchnorm_")))
        self.xvector = torch.nn.Sequential()
        for name, layer in layers:
            self.xvector.add_module(name, layer)

    def forward(self, feature):
        return self.xvector(self.head(feature.permute(0, 2, 1)))
