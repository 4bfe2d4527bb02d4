"""The eager side: the model with its seeded weights, its outputs, and how noisy they are."""

import copy

import numpy as np

from . import weights
from .probe import Requirement, flatten, load_probe
from .probe import make_inputs as _make_inputs

#: A probe whose outputs move by less than this many tolerances under other inputs proves nothing.
_BLIND_FACTOR = 10.0


def build(spec, variant):
    """Return the model in eval mode with seeded weights, and the digest of its parameters and buffers."""
    try:
        probe = load_probe(spec)
        model = probe.build(variant)
    except ModuleNotFoundError as error:
        raise Requirement("%s (the probe's own requirements go into its script block)" % error) from error
    model = model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    weights.fill(model, spec["name"], spec["weights"])
    return model, weights.digest(model)


def make_inputs(spec, size, sample="0"):
    """Return the probe's inputs at `size` as arrays by name."""
    return _make_inputs(load_probe(spec), spec["name"], size, sample)


def tensors(inputs):
    """Return the inputs as a tuple of tensors that do not share memory with the arrays."""
    import torch

    return tuple(torch.from_numpy(np.array(array)) for array in inputs.values())


def forward(model, inputs):
    """Run the model without gradients and return its flattened outputs."""
    import torch

    with torch.no_grad():
        return flatten(model(*tensors(inputs)))


def run(spec, model, size):
    """Return inputs, outputs, the noise floor of each output, and whether all outputs are finite."""
    inputs = make_inputs(spec, size)
    outputs = forward(model, inputs)
    return {
        "size": size,
        "inputs": inputs,
        "digest": weights.inputs_digest(inputs),
        "outputs": outputs,
        "noise": _noise(model, inputs, outputs),
        "finite": all(np.isfinite(output).all() for output in outputs if output.dtype.kind == "f"),
    }


def _noise(model, inputs, outputs):
    """Return max |fp32 - fp64| per floating output; None where the model has no fp64 form."""
    import torch

    wide_inputs = {
        name: array.astype(np.float64) if array.dtype == np.float32 else array for name, array in inputs.items()
    }
    try:
        with torch.no_grad():
            wide = forward(copy.deepcopy(model).double(), wide_inputs)
    except Exception:
        return [None] * len(outputs)
    if len(wide) != len(outputs):
        return [None] * len(outputs)
    return [_largest_difference(output, other) for output, other in zip(outputs, wide)]


def _largest_difference(output, other):
    if output.dtype.kind != "f" or output.shape != other.shape:
        return None
    difference = np.abs(output.astype(np.float64) - other.astype(np.float64))
    finite = difference[np.isfinite(difference)]
    return float(finite.max()) if finite.size else None


def sees_its_input(spec, model, made):
    """Return whether other inputs move at least one output by more than ten tolerances."""
    other = make_inputs(spec, made["size"], "1")
    if weights.inputs_digest(other) == made["digest"]:
        other = {name: _disturbed(array) for name, array in other.items()}
    try:
        moved = forward(model, other)
    except Exception:
        return True  # the disturbed input is not a valid one, so nothing is known against the probe
    return any(_reacts(spec, before, after) for before, after in zip(made["outputs"], moved))


def _disturbed(array):
    if array.dtype.kind == "f":
        return (array * 1.5 + 0.25).astype(array.dtype)
    return np.roll(array.reshape(-1), 1).reshape(array.shape)


def _reacts(spec, before, after):
    if before.shape != after.shape:
        return True
    if before.dtype.kind != "f":
        return bool((before != after).any())
    moved = np.abs(after.astype(np.float64) - before.astype(np.float64))
    tolerance = spec["atol"] + spec["rtol"] * np.abs(before.astype(np.float64))
    return bool((moved > _BLIND_FACTOR * tolerance).any())
