"""Loads a probe and makes its data."""

import contextlib
import copy
import importlib.util
import inspect
import os
import sys

from . import rows, weights
from .protocol import size_text


class Requirement(Exception):
    """The probe needs a module that this environment does not have."""


def load_probe(spec):
    """Return what has the probe's functions: its file as a module nothing else can import, or its row of a table."""
    name = "matrixscan_probe_" + spec["name"]
    if name in sys.modules:
        return sys.modules[name]
    if spec["row"] is not None:
        sys.modules[name] = rows.RowProbe(spec["name"], spec["row"])
        return sys.modules[name]
    module_spec = importlib.util.spec_from_file_location(name, spec["file"])
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module
    try:
        with _from_source(), _beside(os.path.dirname(spec["file"])):
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


#: Modules that stand beside probes: name -> folder.
_NEIGHBOURS = {}


@contextlib.contextmanager
def _beside(folder):
    """Let a probe import the files beside it by name while it is loaded."""
    for name in [name for name, place in _NEIGHBOURS.items() if place != folder]:
        # A file of the same name beside another probe is not what this one means.
        del _NEIGHBOURS[name]
        sys.modules.pop(name, None)
    before = set(sys.modules)
    sys.path.append(folder)  # last: it hides nothing
    try:
        yield
    finally:
        sys.path.remove(folder)
        for name in set(sys.modules) - before:
            if os.path.dirname(getattr(sys.modules[name], "__file__", None) or "") == folder:
                _NEIGHBOURS[name] = folder


def make_inputs(spec, variant, size, sample="0"):
    """Return the probe's inputs at `size`: an ordered dict of name -> contiguous array.

    Every size and sample draws other values, so that one that an export bakes in is not met again by accident.
    """
    return draw_inputs(spec, variant, size, weights.generator(spec["name"], "inputs", str(sample), size_text(size)))


def draw_inputs(spec, variant, size, random):
    """Return the probe's inputs with numbers from `random`."""
    import numpy as np

    function = load_probe(spec).inputs
    wants_variant = "variant" in inspect.signature(function).parameters
    made = function(dict(size), random, variant) if wants_variant else function(dict(size), random)
    if not isinstance(made, dict) or not made:
        raise TypeError("inputs() must return a non-empty dict of name -> numpy array")
    # Not ascontiguousarray, which gives a scalar a dimension.
    return {key: np.array(value, order="C") for key, value in made.items()}


def has_post(spec):
    """Return whether the probe compares something else than its model's outputs."""
    return getattr(load_probe(spec), "post", None) is not None


def post_process(spec, outputs, inputs):
    """Return what is compared of one side's outputs: arrays by name."""
    import numpy as np

    # A run side knows, and cannot load most probes: they import torch.
    if not (spec["post"] if "post" in spec else has_post(spec)):
        return outputs
    made = load_probe(spec).post(*copy.deepcopy((outputs, inputs)))  # it may work in place
    if not isinstance(made, dict) or not made:
        raise TypeError("post() must return a non-empty dict of name -> numpy array")
    return {name: np.asarray(value) for name, value in made.items()}


def finish(spec, path, variant, stage):
    """Let the probe change the artifact at `path`, as a user's own steps after an export do.

    Returns:
        What the probe says it did, a text; None where it says nothing.
    """
    function = getattr(load_probe(spec), "finish", None)
    if function is None:
        return None
    wants_stage = "stage" in inspect.signature(function).parameters
    said = function(path, variant, stage) if wants_stage else function(path, variant)
    if said is not None and not isinstance(said, str):
        raise TypeError("finish() must return a text that says what it did, or nothing; got %s" % type(said).__name__)
    if not os.path.isfile(path):
        raise FileNotFoundError("finish() left no file %s" % os.path.basename(path))
    return said


def flatten(value, path=""):
    """Flatten nested tuples, lists, dicts and tensors into pairs of a stable name and an array, in order.

    A name is the way to the tensor: keys joined by dots, positions by `_`, which begin with `output` because exporters
    take no number for a name; `output` for a lone tensor. The arrays are copies: a model may hand out a buffer that
    its next call overwrites.
    """
    if hasattr(value, "detach"):
        return [(path or "output", value.detach().cpu().numpy().copy())]
    items = []
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (tuple, list)):
        items = zip(getattr(value, "_fields", range(len(value))), value)
    return [pair for key, item in items for pair in flatten(item, _joined(path, str(key)))]


def _joined(path, key):
    if key.isdigit():
        return "%s_%s" % (path or "output", key)
    return "%s.%s" % (path, key) if path else key
