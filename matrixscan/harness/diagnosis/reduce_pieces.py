"""A piece of a model that is tried by itself: a module as it is called, or one function of torch."""

import collections
import copy

#: A module, the names of its inputs and their arrays, how it is called with them, and what is dynamic. Of a function of
#: torch `path` is its name, `module` None and `code` a module that calls it.
Piece = collections.namedtuple("Piece", "path module feeds given call dynamic outputs code dropped")  # noqa: PYI024  the harness has no annotations
#: It is converted with `feeds`, and run, where it is, with `given`; `dropped` are the paths of modules in it that are
#: put aside: they give on what they are given.


def wrapped(piece):
    return _defined(wrapper_source(piece.call, piece.feeds), "Piece")(piece.module)


def wrapper_source(call, names):
    """Return the source of a module that calls another one the way the model does."""
    return (
        "class Piece(torch.nn.Module):\n    def __init__(self, module):\n"
        "        super().__init__()\n        self.module = module\n\n"
        "    def forward(self, %s):\n        return self.module(%s)\n" % (", ".join(names), call)
    )


def module_of(piece):
    if piece.code is not None:
        return _defined(piece.code, "Model")()
    _drop(piece.module, piece.dropped)
    return piece.module if piece.call is None else wrapped(piece)


def _drop(module, paths):
    """Put modules aside, in place: this is a copy of the process."""
    import torch

    for path in paths:
        if not below(path, paths):
            parent, _, name = path.rpartition(".")
            setattr(module.get_submodule(parent), name, torch.nn.Identity())


def emptied(piece):
    module = copy.deepcopy(piece.module)
    _drop(module, piece.dropped)
    return module


def left(piece):
    paths = [path for path, _ in piece.module.named_modules()]
    return [path for path in paths if path not in piece.dropped and not below(path, piece.dropped)]


def below(path, others):
    """Tell whether a module is inside one of the others."""
    return any(path.startswith(other + ".") for other in others)


def _defined(source, name):
    """Return a class of a source that TorchScript can read again."""
    import linecache

    import torch

    place = "<piece of %d characters, %d>" % (len(source), hash(source))
    linecache.cache[place] = (len(source), None, source.splitlines(True), place)
    names = {"torch": torch, "__name__": __name__}
    exec(compile(source, place, "exec"), names)  # noqa: S102  the text is ours
    return names[name]


def function_piece(name, feeds, given, call, outputs):
    code = (
        "class Model(torch.nn.Module):\n    def forward(self, %s):\n        return %s\n\n\n"
        "def build():\n    return Model()\n" % (", ".join(feeds), call)
    )
    given = given if given.keys() == feeds.keys() else feeds
    names = ["y%d" % at for at in range(outputs)]
    return Piece(name, None, feeds, given, None, differing(feeds, given), names, code, ())


def differing(feeds, others):
    """Return the axes whose length differs between two calls, with a name each."""
    found = {}
    for name, array in feeds.items():
        other = others.get(name)
        if other is not None and other.ndim == array.ndim:
            axes = [axis for axis in range(array.ndim) if array.shape[axis] != other.shape[axis]]
            if axes:
                found[name] = {axis: "%s_%d" % (name, axis) for axis in axes}
    return found
