"""What a model calls while it runs, and how a call is written as code that needs nothing but torch."""

from .. import chain as chains
from ..probe import flatten

#: Calls of functions that are tried; a function is tried once for each number of its tensors.
_FUNCTIONS = 80


class Unwritable(Exception):
    """A module is given something that cannot be written down as code."""


def record(module, feeds):
    """Return path -> (arguments, keywords, number of outputs) of the first call of every module below one.

    And path -> (type and shape of its first argument, those of its result) where both are tensors.
    """
    import torch

    calls, shapes, before = {}, {}, []

    def wrap(path, part):
        forward = part.forward

        def recorded(*args, **kwargs):
            result = forward(*args, **kwargs)
            calls.setdefault(path, (args, kwargs, len(flatten(result))))
            if args and isinstance(args[0], torch.Tensor) and isinstance(result, torch.Tensor):
                kinds = [(tensor.dtype, tuple(tensor.shape)) for tensor in (args[0], result)]
                if shapes.setdefault(path, kinds) != kinds:
                    shapes[path] = [None, kinds]  # it is called in several ways
            return result

        part.forward = recorded
        before.append(part)

    for path, part in module.named_modules():
        if path and not isinstance(part, torch.jit.ScriptModule):
            wrap(path, part)
    try:
        chains.forward(module, feeds)
    except Exception:
        return {}, {}  # a model that does not let itself be listened to is exported whole
    finally:
        for part in before:
            vars(part).pop("forward", None)
    return calls, shapes


def written(args, kwargs):
    """Return the tensors of a call by name as arrays, and the call's arguments as code that names them."""
    feeds = {}
    words = [_code(value, feeds) for value in args]
    words += ["%s=%s" % (name, _code(value, feeds)) for name, value in kwargs.items()]
    return feeds, ", ".join(words)


def _code(value, feeds):
    import torch

    if isinstance(value, torch.Tensor):
        name = "x%d" % len(feeds)
        feeds[name] = value.detach().cpu().numpy().copy()
        return name
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)
    if type(value) in (tuple, list):
        inner = ", ".join(_code(item, feeds) for item in value)
        return "[%s]" % inner if isinstance(value, list) else "(%s,)" % inner if value else "()"
    raise Unwritable(type(value).__name__)


def called(module, feeds):
    """Return (name, number of tensors) -> (name, feeds, call, outputs) of the functions a module calls, in order."""
    try:
        from torch.overrides import TorchFunctionMode, resolve_name
    except ImportError:
        return {}
    found = {}

    class Record(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            written = _call_of(resolve_name(function), args, kwargs or {})
            result = function(*args, **(kwargs or {}))
            outputs = len(flatten(result)) if isinstance(result, (torch.Tensor, tuple, list)) else 0
            if written is not None and outputs and len(found) < _FUNCTIONS:
                found.setdefault((written[0], len(written[1])), (*written, outputs))
            return result

    import torch

    try:
        with Record():
            chains.forward(module, feeds)
    except Exception:
        return {}
    return found


def _call_of(name, args, kwargs):
    """Return a function's name, the tensors it is given, and the call as code; None for what cannot be written."""
    if not name or not all(part.isidentifier() for part in name.split(".")) or "__" in name:
        return None
    try:
        feeds, words = written(args, kwargs)
    except Unwritable:
        return None
    return (name, feeds, "%s(%s)" % (name, words)) if feeds else None
