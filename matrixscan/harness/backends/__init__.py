"""Conversion targets, one file each: `class Exporter`, `class Runner`, or both. They are paired by artifact format.

The constants are literals on lines of their own, because the host reads them without importing anything:

Exporter: NAME, FORMAT (of what it writes), SUFFIX, OPSETS (used where a matrix names none; (0,) where the format has
    none), PRECISIONS, and the verbs
    unsupported(opset, precision): why it does not exist here, or None;
    export(model, inputs, path, outputs, dynamic, opset, precision): inputs are tensors by name in forward's order,
    dynamic is {tensor: {axis: name}}, what the artifact takes and gives stays fp32 whatever its weights are;
    check(path): facts about a usable artifact; raises Unusable for one that is not;
    essence(path), optional: the artifact as bytes without what differs between two exports of one graph.
Runner: NAME, READS (the format), PRECISIONS, WITNESS (True for one that is shown and decides nothing), PACKAGES (the
    axes it needs: a factored plan installs these and nothing else beside NumPy where it runs artifacts), and the verbs
    unsupported(precision), load(path, threads, precision), input_names(handle), run(handle, feeds) -> arrays in order;
    plain(path, threads, precision), optional: load without graph optimisations, to tell whether those are to blame.
"""

import importlib
import os


class Unsupported(Exception):
    """This combination, or the format itself, cannot do what was asked; says nothing against the model."""


class Unusable(Exception):
    """A converter reported success and left an artifact that cannot be used."""


def find_exporter(name):
    """Return the exporter of that name.

    Raises:
        LookupError: no file in this folder declares it, or two do.
    """
    return _find("Exporter", name)


def find_runner(name):
    """Return the runner of that name.

    Raises:
        LookupError: no file in this folder declares it, or two do.
    """
    return _find("Runner", name)


def _find(kind, name):
    found = []
    for file in sorted(os.listdir(os.path.dirname(os.path.abspath(__file__)))):
        stem, extension = os.path.splitext(file)
        if extension == ".py" and not stem.startswith("_"):
            backend = getattr(importlib.import_module("." + stem, __name__), kind, None)
            if backend is not None and name == backend.NAME:
                found.append(backend)
    if len(found) != 1:
        raise LookupError("%d backends declare the %s %r" % (len(found), kind.lower(), name))
    return found[0]
