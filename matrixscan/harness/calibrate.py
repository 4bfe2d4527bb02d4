"""Makes a probe's normalisation statistics fit its data: `matrixscan calibrate PROBE`.

With random weights the running statistics of batch norms do not match what flows through them; activations then
shrink or grow layer by layer until an error can no longer be seen at the output. One forward pass sets each
statistic just before it is used. The result is stored beside the probe and is the same for every torch release.
"""

import os

import numpy as np

from . import weights
from .probe import draw_inputs, load_probe

_SAMPLES = 16
_SMALLEST_VARIANCE = 1e-3


def calibrate(request, out_dir, events):
    """Write OUT_DIR/<probe>.npz for every probe of the request and emit a `calibrated` event each."""
    import torch

    for name, spec in request["probes"].items():
        variant = spec["variants"][0]
        model = load_probe(spec).build(variant)
        if isinstance(model, dict):
            raise TypeError("a chain cannot be calibrated: its stages do not see the data in one pass")
        model.eval()
        weights.fill(model, name)
        samples = [
            draw_inputs(spec, variant, spec["export_size"], weights.generator(name, "calibration", str(index)))
            for index in range(_SAMPLES)
        ]
        arrays = [np.concatenate([sample[key] for sample in samples]) for key in samples[0]]
        statistics = {}
        _watch_batch_norms(model, statistics)
        with torch.no_grad():
            model(*[torch.from_numpy(array) for array in arrays])
        np.savez_compressed(os.path.join(out_dir, name + ".npz"), **statistics)
        events.emit("calibrated", probe=name, tensors=len(statistics))


def _watch_batch_norms(model, statistics):
    import torch

    def before(name):
        def hook(module, args):
            values = args[0].transpose(0, 1).reshape(args[0].shape[1], -1)
            mean = values.mean(1)
            variance = values.var(1, unbiased=False).clamp_min(_SMALLEST_VARIANCE)
            for leaf, value in (("running_mean", mean), ("running_var", variance)):
                # float16 is far finer than the statistics matter, and halves the file that is committed.
                stored = value.numpy().astype(np.float16)
                statistics[name + "." + leaf] = stored
                getattr(module, leaf).copy_(torch.from_numpy(stored.astype(np.float32)))

        return hook

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  the only name of all four
            module.register_forward_pre_hook(before(name))
