"""Runs a torch module and keeps what every function called in it took and gave.

Names and scopes of an export differ between releases; values do not, so values are what is kept. Releases without a
mode for torch functions are watched through a subclass of tensor; where neither works, module by module.
"""

import contextlib

import numpy as np

from .plain import array_of, name_of, place_of, plain, tensors, version_of

#: The attribute of a tensor that says which value it holds.
_MARK = "_diagnosed_value"


class Value:
    """One tensor at one moment: the call that made it, None for an input, and its array unless there was no room."""

    def __init__(self, at, call, array, name=""):
        self.at, self.call, self.array, self.name = at, call, array, name


class Call:
    """One call of a torch function: where, with what, and the numbers of the values that went in and came out."""

    def __init__(self, at, operation, scope, inputs):
        self.at, self.operation, self.inputs = at, operation, inputs
        self.module, self.module_type = scope
        self.outputs, self.arguments, self.function = [], ((), {}), None


class Watch:
    """What was seen of one run of a module, through its modules alone.

    Values are taken for a chain where it is not known which one a module was given.
    """

    def __init__(self, module, budget, wanted=None, replaced=None):
        """Prepare to watch a module.

        Args:
            module: a torch module in eval mode.
            budget: bytes that the kept arrays may have together.
            wanted: numbers of the values whose arrays are kept; all without it.
            replaced: arrays to put in the place of values, by number.
        """
        self.module, self.budget, self.left, self.left_out = module, budget, budget, 0
        self._wanted_values, self._replaced = wanted, replaced or {}
        self.calls, self.values, self.outputs = [], [], []
        self._scopes = [("", type(module).__name__)]
        self._entered = []
        self._written = {}  # memory -> value that was written into it last
        self._busy = False

    def run(self, feeds):
        """Run the module on arrays by name; `outputs` are then the values it gave."""
        import torch

        given = [torch.from_numpy(np.array(array)) for array in feeds.values()]
        for name, tensor in zip(feeds, given):
            self._keep(tensor, None, name)
        with torch.no_grad(), self._hooks():
            made = self._called_with(given)
        self.outputs = [self.known(tensor) for tensor in tensors(made)]
        return self

    def _called_with(self, given):
        return self.module(*given)

    @contextlib.contextmanager
    def _hooks(self):
        names = {module: name for name, module in self.module.named_modules()}
        handles = []
        for module in names:
            with contextlib.suppress(Exception):  # some compiled modules take none
                handles.append(module.register_forward_pre_hook(lambda one, _: self._enter(one, names)))
                handles.append(module.register_forward_hook(self._leave))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module, names):
        self._scopes.append((names.get(module, ""), type(module).__name__))
        self._entered.append(len(self.calls))

    def _leave(self, module, given, made):
        if not self._entered:
            return
        self._busy = True
        if self._wanted(self._entered.pop()):
            inputs = self.used(tensors(given)) or ([len(self.values) - 1] if self.values else [])
            self.note(type(module).__name__, None, (given, {}), tensors(made), inputs)
        self._busy = False
        self._scopes.pop()

    def _wanted(self, calls_before):
        del calls_before
        return True

    def known(self, tensor):
        """Return the number of the value a tensor holds, or None where its making was not seen."""
        return getattr(tensor, _MARK, None)

    def used(self, given):
        """Return the values that tensors hold now, with what was written into their memory since."""
        found = [value for tensor in given for value in (self.known(tensor), self._written.get(place_of(tensor)))]
        return list(dict.fromkeys(value for value in found if value is not None))

    def note(self, operation, function, arguments, made, inputs):
        """Keep a call that gave tensors."""
        if not made:
            return
        call = Call(len(self.calls), operation, self._scopes[-1], inputs)
        call.function = function
        call.arguments = [plain(one) for one in arguments[0]], {key: plain(one) for key, one in arguments[1].items()}
        self.calls.append(call)
        for tensor in made:
            if len(self.values) in self._replaced:
                _write(tensor, self._replaced[len(self.values)])
            call.outputs.append(self._keep(tensor, call.at))

    def called(self, function, args, kwargs):
        """Call a torch function and keep what went in and came out."""
        if self._busy:
            return function(*args, **kwargs)
        given = tensors((args, kwargs))
        inputs, before = self.used(given), [version_of(tensor) for tensor in given]
        result = function(*args, **kwargs)
        changed = [one for one, version in zip(given, before) if version_of(one) != version]
        made = [one for one in tensors(result) if not any(one is other for other in given)]
        self.note(name_of(function), function, (args, kwargs), changed or made, inputs)
        places = {place_of(tensor) for tensor in given}
        for tensor in made:
            if place_of(tensor) not in places:
                self._written.pop(place_of(tensor), None)  # memory that was given back, and is another tensor's now
        for tensor in changed:
            self._written[place_of(tensor)] = self.known(tensor)
        return result

    def _keep(self, tensor, call, name=""):
        array = None
        if self._wanted_values is None or len(self.values) in self._wanted_values:
            with contextlib.suppress(Exception):  # sparse, quantised, on no device: nothing to compare
                array = array_of(tensor)
        if array is not None and array.nbytes > self.left:
            array, self.left_out = None, self.left_out + 1
        self.left -= 0 if array is None else array.nbytes
        self.values.append(Value(len(self.values), call, array, name))
        with contextlib.suppress(Exception):
            setattr(tensor, _MARK, len(self.values) - 1)
        return len(self.values) - 1


class _Functions(Watch):
    """Sees every function; of modules only those in which none was seen, as in compiled code."""

    def _wanted(self, calls_before):
        return len(self.calls) == calls_before


class _ByMode(_Functions):
    """Sees functions through torch's own mode for them."""

    def _called_with(self, given):
        from torch.overrides import TorchFunctionMode

        watched = self

        class Seen(TorchFunctionMode):
            def __torch_function__(self, function, types, args=(), kwargs=None):
                return watched.called(function, args, kwargs or {})

        with Seen():
            return self.module(*given)


class _BySubclass(_Functions):
    """Sees functions of tensors that come from the inputs."""

    def _called_with(self, given):
        import torch

        watched = self

        class Seen(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                with torch._C.DisableTorchFunction():  # noqa: SLF001  the public way is younger
                    return _converted(watched.called(function, args, kwargs or {}), cls)

        marked = [tensor.as_subclass(Seen) for tensor in given]
        for tensor, seen in zip(given, marked):
            setattr(seen, _MARK, self.known(tensor))
        return self.module(*marked)


def watch(module, feeds, budget):
    """Run a module and return what was seen of it, in the finest way that this release of torch allows.

    Args:
        module: a torch module in eval mode.
        feeds: its inputs, arrays by name.
        budget: bytes that the kept arrays may have together.
    """
    for way in (_ByMode, _BySubclass):
        try:
            seen = way(module, budget).run(feeds)
        except Exception:  # noqa: S112  the release has no such way, or the model does not stand it
            continue
        if seen.calls and all(output is not None for output in seen.outputs):
            return seen
    return Watch(module, budget).run(feeds)


def watch_with(seen, feeds, replaced, wanted):
    """Run what `seen` saw once more with other arrays in the place of some values; return wanted arrays by number."""
    again = type(seen)(seen.module, seen.budget, wanted, replaced).run(feeds)
    if len(again.values) != len(seen.values):
        return {}  # the model went another way
    return {at: again.values[at].array for at in wanted if again.values[at].array is not None}


def _write(tensor, array):
    import torch

    with contextlib.suppress(Exception):  # memory that several elements share cannot be written
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def _converted(result, kind):
    """Return a result whose tensors are of the watching kind, so that what is done with them shows too."""
    import torch

    if isinstance(result, torch.Tensor):
        if isinstance(result, kind):
            return result
        seen = result.as_subclass(kind)
        if hasattr(result, _MARK):
            setattr(seen, _MARK, getattr(result, _MARK))
        return seen
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*(_converted(one, kind) for one in result))
    if type(result) in (tuple, list):
        return type(result)(_converted(one, kind) for one in result)
    return result
