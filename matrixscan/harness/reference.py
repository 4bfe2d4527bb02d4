"""The eager side: the model with its weights, its outputs, and how noisy they are."""

import contextlib
import copy

import numpy as np

from . import chain as chains
from . import weights
from .compare import compare, required_share, same_nonfinite, tolerance
from .probe import Requirement, load_probe, make_inputs, post_process

#: A probe whose outputs move by less than this many tolerances under other inputs proves nothing.
_BLIND_FACTOR = 10.0
#: Draws besides the sample 0.
_OTHERS = ("other", "other 1", "other 2")


class Unseen(Exception):
    """Nothing can show whether the outputs follow the inputs."""


def build(spec, variant):
    """Return the chain in eval mode with its weights, and the digest of its parameters and buffers."""
    import torch

    # Only so that a restarted process builds what the last one did; other releases draw other numbers from this seed.
    torch.manual_seed(0)
    with requirements():
        chain = chains.Chain(spec, load_probe(spec).build(variant))
    return chain, chains.prepare(chain, spec)


@contextlib.contextmanager
def requirements():
    """Say of a missing module that the probe has to ask for it."""
    try:
        yield
    except ModuleNotFoundError as error:
        # A probe may raise one itself, for a model that a package does not have.
        hint = " (the probe's own requirements go into its script block)" if error.name else ""
        raise Requirement("%s%s" % (error, hint)) from error


def copied(model):
    """Return a copy for an exporter to work on: some leave traces in the modules they export.

    A model that cannot be copied is returned itself.
    """
    try:
        return copy.deepcopy(model)
    except Exception:
        return model


def bounds(spec, precision, name):
    """Return rtol, atol and the share of equal elements asked of an output in a precision lane."""
    table = spec["tolerances"]["fp32" if precision == "fp32" else "fp16"]
    return (*table.get(name, table[""]), spec["agree"].get(name, 1.0))


def run(spec, chain, variant, size):
    """Return one dict a sample: inputs, outputs by name, their noise floors, and the trace of the stages."""
    with requirements():
        return [_sample(spec, chain, make_inputs(spec, variant, size, index)) for index in range(spec["samples"])]


def _sample(spec, chain, inputs):
    raw, trace = chain.run(inputs, chain.eager(), "reference")
    outputs = post_process(spec, raw, inputs)
    made = {"inputs": inputs, "outputs": outputs, "trace": trace, "noise": _noise(spec, chain, inputs, outputs)}
    if not chain.single:
        made["part_noise"] = {stage: [_part_noise(chain, stage, call) for call in trace[stage]] for stage in trace}
    return made


def digest(samples):
    """Return a sha256 over the inputs of all samples."""
    if len(samples) == 1:
        return weights.inputs_digest(samples[0]["inputs"])
    return weights.inputs_digest(
        {"%d.%s" % (at, name): array for at, made in enumerate(samples) for name, array in made["inputs"].items()}
    )


def again(spec, chain, inputs, side="reference"):
    """Run eager on other inputs and return what is compared of it."""
    return post_process(spec, chain.run(inputs, chain.eager(), side)[0], inputs)


def _noise(spec, chain, inputs, outputs):
    """Return max |fp32 - fp64| by output name; None where the model has no fp64 form."""
    try:
        wide_inputs = _widened(inputs)
        modules = {name: copy.deepcopy(module).double() for name, module in chain.stages.items()}
        raw, _ = chain.run(wide_inputs, chain.eager(modules), "reference")
        wide = post_process(spec, raw, wide_inputs)
    except Exception:
        wide = {}
    return {name: _largest_difference(array, wide.get(name)) for name, array in outputs.items()}


def noise_of(spec, chain, precision, made):
    """Return the noise floors of a precision lane: of the outputs by name, and of each stage's calls.

    A lane in half is allowed what rounding weights and inputs to half costs by itself, with all else in fp32.
    """
    if precision == "fp32":
        return made["noise"], made.get("part_noise")
    if "half_noise" not in made:
        made["half_noise"] = _half_noise(spec, chain, made)
    return made["half_noise"]


def _half_noise(spec, chain, made):
    try:
        # A copy or nothing: a model that is rounded itself is another one for every later case.
        rounded = {name: copy.deepcopy(module).half().float() for name, module in chain.stages.items()}
    except Exception:
        return made["noise"], made.get("part_noise")
    try:
        inputs = _rounded(made["inputs"])
        raw, _ = chain.run(inputs, chain.eager(rounded), "reference")
        low = post_process(spec, raw, inputs)
    except Exception:
        low = {}
    whole = {
        name: _larger(made["noise"][name], _largest_difference(array, low.get(name)))
        for name, array in made["outputs"].items()
    }
    if chain.single:
        return whole, None
    parts = {
        stage: [
            list(map(_larger, noise, _call_noise(rounded[stage], call, _rounded)))
            for call, noise in zip(calls, made["part_noise"][stage])
        ]
        for stage, calls in made["trace"].items()
    }
    return whole, parts


def _rounded(inputs):
    return {
        name: array.astype(np.float16).astype(np.float32) if array.dtype == np.float32 else array
        for name, array in inputs.items()
    }


def _larger(one, other):
    return max((value for value in (one, other) if value is not None and np.isfinite(value)), default=None)


def _part_noise(chain, stage, call):
    """Return the noise of each output of one stage on what it was given."""
    try:
        wide = copy.deepcopy(chain.stages[stage]).double()
    except Exception:
        return [None] * len(call[1])
    return _call_noise(wide, call, _widened)


def _call_noise(module, call, changed):
    feeds, arrays = call
    try:
        others = [array for _, array in chains.forward(module, changed(feeds))]
    except Exception:
        others = []
    if len(others) != len(arrays):
        return [None] * len(arrays)
    return [_largest_difference(array, other) for array, other in zip(arrays, others)]


def _widened(inputs):
    return {name: array.astype(np.float64) if array.dtype == np.float32 else array for name, array in inputs.items()}


def _largest_difference(output, other):
    if other is None or output.dtype.kind != "f" or output.shape != other.shape:
        return None
    difference = np.abs(output.astype(np.float64) - other.astype(np.float64))
    finite = difference[np.isfinite(difference)]
    return float(finite.max()) if finite.size else None


def finite(made):
    """Return whether no floating output of a sample holds NaN or infinity."""
    return all(np.isfinite(output).all() for output in made["outputs"].values() if output.dtype.kind == "f")


def repeats(spec, chain, made):
    """Return whether the same inputs give the same outputs again, within the tolerance.

    A model that draws random numbers or keeps state between calls has no reference to be compared with.
    """
    after = again(spec, chain, made["inputs"])
    if list(after) != list(made["outputs"]):
        return False
    results = [
        compare(name, after[name], before, made["noise"][name], bounds(spec, "fp32", name))
        for name, before in made["outputs"].items()
    ]
    return all(result["passed"] or result["reason"] == "blind" for result in results)


def moved(spec, chain, variant, size, made):
    """Return the outputs under other inputs; None where those have other names, which shows enough.

    Raises:
        Unseen: eager takes none of several draws.
    """
    for sample in _OTHERS:
        try:
            outputs = again(spec, chain, _other_than(made["inputs"], make_inputs(spec, variant, size, sample)))
        except Exception as error:
            failure = error
            continue
        return outputs if list(outputs) == list(made["outputs"]) else None
    raise Unseen("other inputs of the same size cannot be run: %s" % failure) from failure


def export_trace(spec, chain, variant):
    """Return what each stage is given for the export: other values than those of the case that runs at its size.

    Raises:
        Unseen: the probe draws nothing, and its model takes no other inputs.
    """
    size = spec["export_size"]
    drawn = make_inputs(spec, variant, size, "export")
    inputs = _other_than(make_inputs(spec, variant, size), drawn)
    try:
        return chain.run(inputs, chain.eager(), "reference")[1]
    except Exception as error:
        if inputs is drawn:
            raise
        raise Unseen("inputs() gives the same values in every draw, and others cannot be run: %s" % error) from error


def _other_than(inputs, other):
    """Return `other`, disturbed where a probe that draws nothing makes it equal to `inputs`."""
    if weights.inputs_digest(other) != weights.inputs_digest(inputs):
        return other
    other = {name: _disturbed(array) for name, array in other.items()}
    if weights.inputs_digest(other) == weights.inputs_digest(inputs):
        raise Unseen("inputs() gives the same values in every draw")
    return other


def blind_outputs(spec, precision, made, after, noises):
    """Return the names of outputs whose agreement would prove nothing.

    All of them, if no output moves by more than ten tolerances under other inputs; else the floating ones that do not
    move and are so small that a runner that gives zeros would pass. `noises` are those of the precision lane.
    """
    if after is None:
        return []
    outputs = made["outputs"]
    still = [
        name for name, before in outputs.items() if not _reacts(spec, precision, noises, name, before, after[name])
    ]
    if len(still) == len(outputs):
        return still
    return [
        name
        for name in still
        if outputs[name].dtype.kind == "f"
        and not _reacts(spec, precision, noises, name, outputs[name], np.zeros_like(outputs[name]))
    ]


def _disturbed(array):
    if array.dtype.kind == "f":
        return (array * 1.5 + 0.25).astype(array.dtype)
    return np.roll(array.reshape(-1), 1).reshape(array.shape)


def _reacts(spec, precision, noises, name, before, after):
    rtol, atol, agree = bounds(spec, precision, name)
    if before.shape != after.shape:
        return True
    if before.dtype.kind != "f":
        return bool(before.size) and float(np.mean(before != after)) > 1 - required_share(before, agree)
    before, after = before.astype(np.float64), after.astype(np.float64)
    if not same_nonfinite(before, after):
        return True
    known = np.isfinite(before)
    allowed = tolerance(before[known], noises[name], rtol, atol)
    return bool((np.abs(after - before)[known] > _BLIND_FACTOR * allowed).any())
