# /// script
# requires-python = ">=3.8"
# dependencies = ["expecttest==0.3.0"]
# [tool.matrixscan]
# license = "BSD-3-Clause"
# no-deps = true
# open-variants = true
# family = true
# export-size = { draw = 1 } # the shapes are those of the sample, whatever is drawn
# run-sizes = [ { draw = 2 } ]
# nonfinite = true
# ///
"""Any operator of PyTorch's own test database, on samples that ship with each torch: NAME or NAME.3.

A variant is a name in `torch.testing._internal.common_methods_invocations.op_db`, such as `nn.functional.avg_pool2d`;
where there are several of one name it goes on with a hyphen (`div-floor_rounding`). NAME.3 is its sample 3, NAME the
first one that has elements and an axis and works in eager. The tensors of a sample become inputs, everything else is
baked in. Samples differ between releases and their shapes do not change: this says which operators export, version by
version, and nothing of dynamic sizes.
"""

import contextlib
import difflib
import itertools
import random as python_random
import sys

import numpy as np
import torch

SEED = 20240607
#: Samples looked at for the first that is of use.
MOST = 40


@contextlib.contextmanager
def _importable():
    """Let the database be imported: it reads the command line, and in torch 1.11 it looks for an outdated caffe2."""
    argv, sys.argv = sys.argv, sys.argv[:1]
    blocked = "caffe2" not in sys.modules
    if blocked:
        sys.modules["caffe2"] = None
    try:
        yield
    finally:
        sys.argv = argv
        if blocked:
            del sys.modules["caffe2"]


def find(variant):
    """Return the operator of a variant and the number of the sample it asks for, or None."""
    with _importable():
        from torch.testing._internal.common_methods_invocations import op_db

    known = {}
    for op in op_db:
        known.setdefault("-".join(filter(None, [op.name, op.variant_test_name])), op)
    name, _, number = variant.rpartition(".")
    if variant in known:
        return known[variant], None
    if name in known and number.isdigit():
        return known[name], int(number)
    close = difflib.get_close_matches(name if number.isdigit() else variant, known, n=3)
    hint = "; it has " + ", ".join(close) if close else ""
    raise LookupError("the operator database of torch %s has no %r%s" % (torch.__version__, variant, hint))


def draw(op, seed):
    """Yield the operator's samples as (input, *args) and kwargs, drawn from `seed`."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002, the database draws from it
    python_random.seed(seed)
    for dtype in (torch.float32, torch.int64, torch.bool):
        if op.supports_dtype(dtype, "cpu"):
            # Not op.sample_inputs, which newer releases seed by themselves: every draw would be the same.
            for sample in op.sample_inputs_func(op, "cpu", dtype, False):
                yield (sample.input, *sample.args), sample.kwargs
            return
    raise LookupError("%s works neither on float32 nor on int64 nor on booleans" % op.name)


def choose(variant):
    """Return the operator of a variant and the number of the sample it stands for."""
    op, number = find(variant)
    if number is not None:
        if not list(itertools.islice(draw(op, SEED), number, number + 1)):
            raise LookupError("the operator database of torch %s has no %r" % (torch.__version__, variant))
        return op, number
    for at, (args, kwargs) in enumerate(itertools.islice(draw(op, SEED), MOST)):
        tensors = []
        template((args, kwargs), "", tensors)
        if tensors and tensors[0][1].dim() and all(tensor.numel() for _, tensor in tensors):
            with contextlib.suppress(Exception), torch.no_grad():
                op(*args, **kwargs)
                return op, at
    raise LookupError("none of the first %d samples of %r has elements and works in eager" % (MOST, variant))


class Hole:
    """Where a tensor of a sample was."""

    def __init__(self, number):
        self.number = number


def template(value, path, tensors):
    """Return `value` with holes for its tensors, which go to `tensors` as pairs of a name and a tensor."""
    if isinstance(value, torch.Tensor):
        tensors.append((path.strip("_") or "input", value.detach()))
        return Hole(len(tensors) - 1)
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields") and type(value) in (tuple, list):
        return type(value)(template(item, "%s_%d" % (path, at), tensors) for at, item in enumerate(value))
    if type(value) is dict:
        return {key: template(item, "%s_%s" % (path, key), tensors) for key, item in value.items()}
    return value


def fill(value, tensors):
    """Return a template with tensors in its holes."""
    if isinstance(value, Hole):
        return tensors[value.number]
    if type(value) in (tuple, list):
        return type(value)([fill(item, tensors) for item in value])
    if type(value) is dict:
        return {key: fill(item, tensors) for key, item in value.items()}
    return value


def parts(variant, seed):
    """Return the operator, the template of the arguments, and the named tensors of a variant's sample."""
    op, number = choose(variant)
    args, kwargs = next(itertools.islice(draw(op, seed), number, None))
    tensors = []
    holes = template(args, "arg", tensors), template(kwargs, "", tensors)
    return op, holes, tensors


def build(variant):
    op, (args, kwargs), tensors = parts(variant, SEED)

    def call(*given):
        return op.op(*fill(args, given), **fill(kwargs, given))

    names = ", ".join(name for name, _ in tensors)
    namespace = {"torch": torch, "call": call}
    # Exporters read the names and the number of inputs off the signature.
    source = "class Operator(torch.nn.Module):\n    def forward(self, %s):\n        return call(%s)\n" % (names, names)
    exec(compile(source, "<opinfo>", "exec"), namespace)  # noqa: S102
    return namespace["Operator"]()


def inputs(size, random, variant):
    _, _, tensors = parts(variant, random.randint(2**31 - 1))
    return {name: tensor.numpy() for name, tensor in tensors}
