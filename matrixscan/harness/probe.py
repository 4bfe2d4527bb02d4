"""Loads a probe file and makes its data."""

import contextlib
import importlib.util
import os
import sys

from . import weights
from .protocol import size_text


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
        with _from_source():
            module_spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextlib.contextmanager
def _from_source():
    """Neither read nor write compiled files: one of an earlier state of the probe may carry the same time and size."""
    before = sys.pycache_prefix, sys.dont_write_bytecode
    sys.pycache_prefix, sys.dont_write_bytecode = os.path.join(os.devnull, "none"), True
    try:
        yield
    finally:
        sys.pycache_prefix, sys.dont_write_bytecode = before


def make_inputs(probe, name, size, sample="0"):
    """Return the probe's inputs at `size`: an ordered dict of name -> contiguous array.

    Every size and sample draws other values, so that one that an export bakes in is not met again by accident.
    """
    import numpy as np

    made = probe.inputs(dict(size), weights.generator(name, "inputs", sample, size_text(size)))
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
