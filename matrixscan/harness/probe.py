"""Loads a probe file and makes its data."""

import importlib.util
import sys

from . import weights


class Requirement(Exception):
    """The probe needs a module that this environment does not have."""


def load_probe(spec):
    """Import the probe file named by the request under a name nothing else can import."""
    name = "matrixscan_probe_" + spec["name"]
    if name in sys.modules:
        return sys.modules[name]
    module_spec = importlib.util.spec_from_file_location(name, spec["file"])
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module
    try:
        module_spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def make_inputs(probe, name, size, sample="0"):
    """Return the probe's inputs at `size`: an ordered dict of name -> contiguous array."""
    import numpy as np

    made = probe.inputs(dict(size), weights.generator(name, "inputs", sample))
    if not isinstance(made, dict) or not made:
        raise TypeError("inputs() must return a non-empty dict of name -> numpy array")
    # Not ascontiguousarray, which gives a scalar a dimension.
    return {key: np.array(value, order="C") for key, value in made.items()}


def flatten(value, found=None):
    """Flatten nested tuples, lists and dicts of tensors into a list of arrays, in order.

    The arrays are copies: a model may hand out a buffer that its next call overwrites.
    """
    found = [] if found is None else found
    if hasattr(value, "detach"):
        found.append(value.detach().cpu().numpy().copy())
    elif isinstance(value, dict):
        for item in value.values():
            flatten(item, found)
    elif isinstance(value, (tuple, list)):
        for item in value:
            flatten(item, found)
    return found
