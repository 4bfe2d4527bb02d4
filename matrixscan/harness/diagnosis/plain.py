"""Torch's tensors, functions and their arguments as plain values."""

import numpy as np

_MOST_ITEMS = 16


def tensors(value):
    """Return the tensors in nested arguments or results, in order."""
    if hasattr(value, "detach") and hasattr(value, "stride"):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in tensors(item)]
    return []


def array_of(tensor):
    """Return a copy of a tensor's numbers; complex ones have a last axis of two, as in ONNX."""
    tensor = tensor.detach()
    if tensor.is_complex():
        array = tensor.cpu().numpy()
        return np.stack([array.real, array.imag], axis=-1)
    if str(tensor.dtype) == "torch.bfloat16":
        tensor = tensor.float()
    return np.array(tensor.cpu().numpy())


def version_of(tensor):
    """Return a number that moves when a tensor is written into."""
    try:
        return tensor._version  # noqa: SLF001  torch says it nowhere else
    except Exception:
        return 0


def place_of(tensor):
    """Return what tensors that share memory have in common."""
    try:
        kept = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()
        return kept.data_ptr()
    except Exception:
        return None


def name_of(function):
    """Return how a torch function is called; of a property, the property's name."""
    name = getattr(function, "__name__", type(function).__name__)
    return function.__self__.__name__ if name == "__get__" else name


def plain(value):
    """Return an argument as a plain value: tensors as their type and shape."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return {"dtype": str(value.dtype).replace("torch.", ""), "shape": list(value.shape)}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in list(value.items())[:_MOST_ITEMS]}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value[:_MOST_ITEMS]]
    return _as_text(value)


def _as_text(value):
    if isinstance(value, slice):
        ends = (value.start, value.stop, value.step)
        return ":".join("" if one is None else str(plain(one)) for one in ends[: 2 if value.step is None else 3])
    if value is Ellipsis:
        return "..."
    return str(value) if type(value).__module__.startswith("torch") else type(value).__name__


def arguments_of(call):
    """Return the arguments of a call by name, as far as torch says what those of the function are called."""
    args, kwargs = call.arguments
    names = _parameters(call.function) if args else []
    if names and len(args) > len(names):  # x.expand(2, 3): the last parameter takes what is left
        args = [*args[: len(names) - 1], list(args[len(names) - 1 :])]
    named = {names[at] if names else "argument_%d" % at: value for at, value in enumerate(args)}
    return dict(named, **kwargs)


def _parameters(function):
    import inspect

    import torch.overrides

    try:
        # Functions written in C++ have no signature; torch's table of overrides has one for each.
        described = torch.overrides.get_testing_overrides().get(function, function)
        found = inspect.signature(described).parameters.values()
    except Exception:
        return []
    return [one.name for one in found if one.kind is one.POSITIONAL_OR_KEYWORD]
