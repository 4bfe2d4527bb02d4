"""What PyTorch itself computes on the way: the results of its calls, and which tensors of a graph they are.

A tensor of the graph is trusted where it is what PyTorch has there. Names say nothing about that, values do.
"""

import collections
import contextlib
import sys

import numpy as np

from ..chain import tensors

#: Error in units of the RMS up to which two tensors are the same but for rounding.
SAME = 2e-4
#: Fewer elements than this are alike by accident.
_FEWEST = 2
#: Elements by which two tensors are compared first.
_SAMPLED = 16
#: Bytes of results that are kept.
_ROOM = 1 << 30

Call = collections.namedtuple("Call", "label array")  # noqa: PYI024  the harness has no annotations


def record(module, feeds):
    """Return the Calls of one run of a module, in order: of torch's functions, and of its modules."""
    import torch

    calls, room, last = [], [_ROOM], [None]

    def keep(label, result):
        for tensor in _tensors(result):
            # A module mostly gives what its last function gave.
            state = tensor.data_ptr(), tensor.shape, tensor.stride(), tensor._version  # noqa: SLF001  torch's own way to see a change
            room[0] -= tensor.numel() * tensor.element_size() if state != last[0] else 0
            if room[0] > 0 and state != last[0]:
                plain = tensor.detach().as_subclass(torch.Tensor)
                calls.append(Call(label, plain.cpu().numpy().copy()))
                last[0] = state

    names = {id(part): name for name, part in module.named_modules()}
    hooks = [
        part.register_forward_hook(lambda part, _, result: keep(names.get(id(part), ""), result))
        for part in module.modules()
        if not isinstance(part, torch.jit.ScriptModule)
    ]
    try:
        mode, wrapped = _listening(keep)
        with torch.no_grad(), mode:
            module(*map(wrapped, tensors(feeds)))
    except Exception as error:  # a model that does not let itself be listened to has said something until then
        sys.stderr.write("PyTorch's own results are known in part: %s\n" % error)
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def _tensors(result):
    import torch

    if isinstance(result, torch.Tensor):
        return [result] if result.layout == torch.strided and result.dtype not in _unknown() else []
    if isinstance(result, dict):
        result = list(result.values())
    return [tensor for item in result for tensor in _tensors(item)] if isinstance(result, (tuple, list)) else []


def _unknown():
    """Return the types that NumPy does not have."""
    import torch

    return (torch.bfloat16,)


def _listening(keep):
    """Return a context and what is done to each input, so that the result of every function of torch is kept."""
    try:
        from torch.overrides import TorchFunctionMode
    except ImportError:  # before torch 1.13
        return contextlib.nullcontext(), _subclass(keep)

    class Keep(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            keep(getattr(function, "__name__", str(function)), result)
            return result

    return Keep(), lambda tensor: tensor


def _subclass(keep):
    """Return what makes a tensor one of a class of its own; whatever functions make of it is of that class again."""
    import torch

    class Heard(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            result = super().__torch_function__(function, types, args, kwargs or {})
            name = getattr(function, "__name__", str(function))
            if name not in ("__get__", "__set__"):
                keep(name, _plain(result))
            return result

    def _plain(result):
        if isinstance(result, torch.Tensor):
            return result.as_subclass(torch.Tensor)
        return [_plain(item) for item in result] if isinstance(result, (tuple, list)) else None

    return lambda tensor: tensor.as_subclass(Heard)


def agrees(one, other):
    """Tell whether two arrays of one type hold the same but for rounding, in whatever shape."""
    if one.size != other.size or one.dtype != other.dtype:
        return False
    one, other = one.reshape(-1), other.reshape(-1)
    if one.dtype.kind != "f":
        return bool(np.array_equal(one, other))
    return relative(one, other) <= SAME


def relative(one, other):
    """Return max |one - other| in units of the RMS of `other`; infinity where NaN or infinity stand elsewhere."""
    one, other = one.reshape(-1).astype(np.float64), other.reshape(-1).astype(np.float64)
    finite = np.isfinite(other)
    if not (np.array_equal(finite, np.isfinite(one)) and np.array_equal(one[~finite], other[~finite], equal_nan=True)):
        return float("inf")
    one, other = one[finite], other[finite]
    if not other.size:
        return 0.0
    error = float(np.abs(one - other).max())
    scale = float(np.sqrt(np.mean(other**2)))
    return error / scale if scale else (0.0 if not error else float("inf"))


class Results:
    """The Calls of a run by type and size, with a few of their elements, by which most pairs are told apart at once."""

    def __init__(self, calls):
        self.calls = calls
        groups = collections.defaultdict(list)
        for at, call in enumerate(calls):
            if call.array.dtype.kind in "fiu" and call.array.size >= _FEWEST:
                groups[call.array.dtype.kind, call.array.size].append(at)
        self._groups = {key: (indices, *self._sampled(indices, key[1])) for key, indices in groups.items()}

    def _sampled(self, indices, size):
        places = np.unique(np.linspace(0, size - 1, _SAMPLED).astype(int))
        flat = [self.calls[at].array.reshape(-1) for at in indices]
        return places, np.array([_wide(array[places]) for array in flat]), np.array([_rms(array) for array in flat])

    def near(self, array, factor):
        """Return the indices of calls whose result may be within `factor` times its RMS of an array."""
        key = array.dtype.kind, array.size
        if key not in self._groups:
            return []
        indices, places, samples, scales = self._groups[key]
        error = np.abs(samples - _wide(array.reshape(-1)[places]))
        # Not a number counts as near: where both have it, only a whole comparison tells.
        far = (error > factor * scales[:, None]).any(axis=1)
        return [at for at, away in zip(indices, far) if not away]


def _wide(array):
    with np.errstate(over="ignore"):
        return array.astype(np.float64)


def _rms(array):
    known = _wide(array)
    known = known[np.isfinite(known)]
    return float(np.sqrt(np.mean(known**2))) if known.size else 0.0


def matches(arrays, results):
    """Return tensor name -> index of the first call whose result it is; constants and single numbers match nothing."""
    found = {}
    for name, array in arrays.items():
        if array.size < _FEWEST or array.dtype.kind not in "fiu" or _constant(array):
            continue
        at = next((at for at in results.near(array, SAME) if agrees(array, results.calls[at].array)), None)
        if at is not None:
            found[name] = at
    return found


def _constant(array):
    return not (array.reshape(-1) != array.reshape(-1)[0]).any()
