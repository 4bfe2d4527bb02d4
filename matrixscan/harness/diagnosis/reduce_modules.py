"""Finds the smallest module of a model whose export still fails, or kills the process, in the same way.

A module is exported on what it is given when the whole model runs. What leads there is written as code that needs
neither matrixscan nor the rest of the model's forward.
"""

import collections
import os
import tempfile
import time

import numpy as np

from .. import chain as chains
from .. import reference
from ..backends import find_exporter
from ..probe import flatten, load_probe
from . import reduce_pins
from .reduce_apart import apart
from .reduce_onnx import Irreproducible
from .reduce_runs import same_failure
from .reduce_search import deepest_failing, most_removed

_PACKAGES = ("torch", "onnx", "onnxscript")
_INDENT = " " * 8

#: A module, the names of its inputs and their arrays, how it is called with them, and what is dynamic. Of a function of
#: torch `path` is its name, `module` None and `code` a module that calls it.
Piece = collections.namedtuple("Piece", "path module feeds call dynamic outputs code dropped")  # noqa: PYI024  the harness has no annotations
#: `dropped` are the paths of modules in it that are put aside: they give on what they are given.
#: Calls of functions that are tried; a function is tried once for each number of its tensors.
_FUNCTIONS = 80


class _Unwritable(Exception):
    """A module is given something that cannot be written down as code."""


def reduce_export(bench, case, failure, folder):
    """Return the facts of the smallest module that fails to export, and leave its inputs in `folder`."""
    chain, exporter = bench.kept(case, "build")["chain"], find_exporter(case["exporter"])
    named = [name for name in chain.stages if name and failure["message"].startswith(name + ": ")]
    stage = named[0] if named else next(iter(chain.stages))
    search = _Search(bench, case, exporter, chain, stage)
    root = search.root()
    wanted = search.export(root)
    if wanted.kind == "done":
        raise Irreproducible("the export did not fail this time; a lane in half precision is exported in full here")
    search.wanted = wanted
    piece = deepest_failing(root, search.children, search.fails)
    function = next((call for call in search.functions(piece) if search.fails(call)), None)
    if function is None:
        piece = search.emptied(piece)
    before, piece = piece, function or piece
    zeros = {name: np.zeros_like(array) for name, array in piece.feeds.items()}
    plain = search.fails(piece._replace(feeds=zeros))
    if not plain:
        np.savez_compressed(os.path.join(folder, "inputs.npz"), **piece.feeds)
    roots = [name for name in _PACKAGES if name in bench.request["axes"]]
    code = _row_source(bench.spec(case), case["variant"]) if function is None else function.code
    # A probe's own packages may need some of the environment.
    roots += [] if code else reduce_pins.names_in(bench.spec(case)["overlay"])
    return {
        "kind": "export",
        "stage": "export",
        "ending": wanted.kind,
        "failure": wanted.value,
        "chain_stage": stage,
        "path": piece.path if function is None else "",
        "module_type": type(before.module).__name__ if function is None else function.path,
        "modules_before": sum(1 for _ in root.module.modules()),
        "modules_after": len(_left(before)) if function is None else 0,
        "dropped": list(before.dropped),
        "attempts": search.count,
        "call": piece.call if function is None else None,
        "zeros": plain,
        "inputs": {
            name: {"name": name, "dtype": str(array.dtype), "shape": list(array.shape)}
            for name, array in piece.feeds.items()
        },
        "dynamic": {name: {str(axis): label for axis, label in axes.items()} for name, axes in piece.dynamic.items()},
        "outputs": list(piece.outputs),
        "code": code,
        "pins": reduce_pins.pins([*roots, "numpy"]),
    }


class _Search:
    """The tree of the modules a model calls, and whether one of them fails like the whole."""

    def __init__(self, bench, case, exporter, chain, stage):
        self.bench, self.case, self.exporter, self.chain, self.stage = bench, case, exporter, chain, stage
        self.module = chain.stages[stage]
        self.wanted, self.count = None, 0
        spec = bench.spec(case)
        self.feeds = reference.export_trace(spec, chain, case["variant"])[stage][0][0]
        others = bench.kept(case, "eager")["samples"][0]["trace"][stage]
        self.calls, self.shapes = _record(self.module, self.feeds)
        self.others = _record(self.module, others[0][0])[0] if others else {}

    def root(self):
        """Return the whole model as it was exported."""
        feeds = {name: np.array(array) for name, array in self.feeds.items()}
        return Piece(
            "", self.module, feeds, None, self.chain.dynamic(self.stage), self.chain.outputs[self.stage], None, ()
        )

    def functions(self, piece):
        """Yield the functions of torch that a module calls, each as a module of its own; none before torch 1.13."""
        called = _called(piece.module if piece.call is None else _wrapped(piece), piece.feeds)
        return map(_function_piece, called)

    def children(self, piece):
        """Yield the modules right below one, through those that only hold others."""
        todo = [(_joined(piece.path, name), child) for name, child in piece.module.named_children()]
        while todo:
            path, child = todo.pop(0)
            made = self._piece(path, child)
            if made is not None:
                yield made
            else:
                todo = [(_joined(path, name), inner) for name, inner in child.named_children()] + todo

    def emptied(self, piece):
        """Return the piece without those of its modules that need not do what they do, outermost first."""
        paths = [path for path, _ in piece.module.named_modules() if path and self._passes_on(piece, path)]
        paths.sort(key=lambda path: path.count("."))
        dropped = most_removed(paths, lambda names: self.fails(piece._replace(dropped=tuple(names))))
        return piece._replace(dropped=tuple(path for path in dropped if not _below(path, dropped)))

    def _passes_on(self, piece, path):
        """Tell whether a module gives a tensor of the shape of the only one that it is given."""
        args, kwargs, outputs = self.calls.get(_joined(piece.path, path), ((), {}, 0))
        shapes = self.shapes.get(_joined(piece.path, path))
        return len(args) == 1 and not kwargs and outputs == 1 and shapes is not None and shapes[0] == shapes[1]

    def _piece(self, path, module):
        if path not in self.calls:
            return None
        args, kwargs, outputs = self.calls[path]
        try:
            feeds, call = _written(args, kwargs)
        except _Unwritable:
            return None
        if not feeds:
            return None
        dynamic = {}
        if path in self.others:
            try:
                other = _written(*self.others[path][:2])[0]
            except _Unwritable:
                other = {}
            dynamic = _differing(feeds, other)
        return Piece(path, module, feeds, call, dynamic, ["y%d" % at for at in range(outputs)], None, ())

    def fails(self, piece):
        """Tell whether the export of a module fails like that of the whole model."""
        late = time.monotonic() > self.bench.request["until"]  # what was found by now is small enough
        return not late and same_failure(self.export(piece), self.wanted)

    def export(self, piece):
        """Return how the export of a module ends."""
        self.count += 1
        return apart(self._export, piece, seconds=self.bench.request["attempt_seconds"])

    def _export(self, piece):
        module = _module(piece)
        with tempfile.TemporaryDirectory() as folder:
            self.exporter.export(
                module.eval(),
                dict(zip(piece.feeds, chains.tensors(piece.feeds))),
                os.path.join(folder, "model.onnx"),
                outputs=list(piece.outputs),
                dynamic=piece.dynamic,
                opset=self.case["opset"],
                precision="fp32",
            )


def _joined(path, name):
    return "%s.%s" % (path, name) if path else name


def _record(module, feeds):
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


def _written(args, kwargs):
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
    raise _Unwritable(type(value).__name__)


def _differing(feeds, others):
    """Return the axes whose length differs between two calls, with a name each."""
    found = {}
    for name, array in feeds.items():
        other = others.get(name)
        if other is not None and other.ndim == array.ndim:
            axes = [axis for axis in range(array.ndim) if array.shape[axis] != other.shape[axis]]
            if axes:
                found[name] = {axis: "%s_%d" % (name, axis) for axis in axes}
    return found


def wrapper_source(call, names):
    """Return the source of a module that calls another one the way the model does."""
    return (
        "class Piece(torch.nn.Module):\n    def __init__(self, module):\n"
        "        super().__init__()\n        self.module = module\n\n"
        "    def forward(self, %s):\n        return self.module(%s)\n" % (", ".join(names), call)
    )


def _wrapped(piece):
    return _defined(wrapper_source(piece.call, piece.feeds), "Piece")(piece.module)


def _below(path, others):
    """Tell whether a module is inside one of the others."""
    return any(path.startswith(other + ".") for other in others)


def _left(piece):
    paths = [path for path, _ in piece.module.named_modules()]
    return [path for path in paths if path not in piece.dropped and not _below(path, piece.dropped)]


def _drop(module, paths):
    """Put modules aside, in place: this is a copy of the process."""
    import torch

    for path in paths:
        if not _below(path, paths):
            parent, _, name = path.rpartition(".")
            setattr(module.get_submodule(parent), name, torch.nn.Identity())


def _module(piece):
    if piece.code is not None:
        return _defined(piece.code, "Model")()
    _drop(piece.module, piece.dropped)
    return piece.module if piece.call is None else _wrapped(piece)


def _defined(source, name):
    """Return a class of a source that TorchScript can read again."""
    import linecache

    import torch

    place = "<piece of %d characters, %d>" % (len(source), hash(source))
    linecache.cache[place] = (len(source), None, source.splitlines(True), place)
    names = {"torch": torch, "__name__": __name__}
    exec(compile(source, place, "exec"), names)  # noqa: S102  the text is ours
    return names[name]


def _called(module, feeds):
    """Return (name, feeds, call, outputs) of the functions of torch that a module calls on tensors, in order."""
    try:
        from torch.overrides import TorchFunctionMode, resolve_name
    except ImportError:
        return []
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
        return []
    return list(found.values())


def _call_of(name, args, kwargs):
    """Return a function's name, the tensors it is given, and the call as code; None for what cannot be written."""
    if not name or not all(part.isidentifier() for part in name.split(".")) or "__" in name:
        return None
    try:
        feeds, words = _written(args, kwargs)
    except _Unwritable:
        return None
    return (name, feeds, "%s(%s)" % (name, words)) if feeds else None


def _function_piece(called):
    name, feeds, call, outputs = called
    code = (
        "class Model(torch.nn.Module):\n    def forward(self, %s):\n        return %s\n\n\n"
        "def build():\n    return Model()\n" % (", ".join(feeds), call)
    )
    return Piece(name, None, feeds, None, {}, ["y%d" % at for at in range(outputs)], code, ())


def _row_source(spec, variant):
    """Return the code that builds the model of a row; None for a probe of its own file."""
    if spec["row"] is None:
        return None
    body = load_probe(spec).source(variant).rstrip()
    text = body + "\n\n\ndef build():\n    module = Row()\n"
    for key, code in spec["row"].get("modules", {}).items():
        text += "    module.%s = %s\n" % (key, code.strip()) if _alias(key) in body else ""
    for key, code in spec["row"].get("buffers", {}).items():
        text += "    module.register_buffer(%r, %s)\n" % (key, code.strip()) if _alias(key) in body else ""
    return text + (
        "    return torch.jit.script(module.eval())\n" if spec["row"].get("script") else "    return module\n"
    )


def _alias(key):
    """Return the line by which the source of a row says that it uses a module or a buffer."""
    return "%s = self.%s\n" % (key, key)
