"""The eager side: the model with its seeded weights, its outputs, and how noisy they are."""

import contextlib
import copy

import numpy as np

from . import weights
from .compare import compare, same_nonfinite, tolerance
from .probe import Requirement, flatten, load_probe
from .probe import make_inputs as _make_inputs

#: A probe whose outputs move by less than this many tolerances under other inputs proves nothing.
_BLIND_FACTOR = 10.0


def build(spec, variant):
    """Return the model in eval mode with seeded weights, and the digest of its parameters and buffers."""
    import torch

    # Only so that a restarted process builds what the last one did; other releases draw other numbers from this seed.
    torch.manual_seed(0)
    with _requirements():
        model = load_probe(spec).build(variant).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    weights.fill(model, spec["name"], spec["weights"])
    return model, weights.digest(model)


@contextlib.contextmanager
def _requirements():
    try:
        yield
    except ModuleNotFoundError as error:
        raise Requirement("%s (the probe's own requirements go into its script block)" % error) from error


def copied(model):
    """Return a copy for an exporter to work on: some leave traces in the modules they export.

    A model that cannot be copied is returned itself.
    """
    try:
        return copy.deepcopy(model)
    except Exception:
        return model


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
    with _requirements():
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


def repeats(spec, model, made):
    """Return whether the same inputs give the same outputs again, within the tolerance.

    A model that draws random numbers or keeps state between calls has no reference to be compared with.
    """
    again = forward(model, made["inputs"])
    if len(again) != len(made["outputs"]):
        return False
    rows = zip(again, made["outputs"], made["noise"])
    results = [compare("", after, before, noise, spec["rtol"], spec["atol"]) for after, before, noise in rows]
    return all(result["passed"] or result["reason"] == "blind" for result in results)


def blind_outputs(spec, model, made):
    """Return the names of outputs whose agreement would prove nothing.

    All of them, if no output moves by more than ten tolerances under other inputs; else the floating ones that do not
    move and are so small that a runner that gives zeros would pass.
    """
    other = make_inputs(spec, made["size"], "1")
    if weights.inputs_digest(other) == made["digest"]:
        other = {name: _disturbed(array) for name, array in other.items()}
    try:
        moved = forward(model, other)
    except Exception:
        return []  # the disturbed input is not a valid one, so nothing is known against the probe
    if len(moved) != len(made["outputs"]):
        return []
    still = [
        (name, before, noise)
        for name, before, after, noise in zip(spec["outputs"], made["outputs"], moved, made["noise"])
        if not _reacts(spec, before, after, noise)
    ]
    if len(still) == len(moved):
        return [name for name, _, _ in still]
    return [
        name
        for name, before, noise in still
        if before.dtype.kind == "f" and not _reacts(spec, before, np.zeros_like(before), noise)
    ]


def _disturbed(array):
    if array.dtype.kind == "f":
        return (array * 1.5 + 0.25).astype(array.dtype)
    return np.roll(array.reshape(-1), 1).reshape(array.shape)


def _reacts(spec, before, after, noise):
    if before.shape != after.shape:
        return True
    if before.dtype.kind != "f":
        return bool((before != after).any())
    before, after = before.astype(np.float64), after.astype(np.float64)
    if not same_nonfinite(before, after):
        return True
    finite = np.isfinite(before)
    allowed = tolerance(before[finite], noise, spec["rtol"], spec["atol"])
    return bool((np.abs(after - before)[finite] > _BLIND_FACTOR * allowed).any())
