"""Conversion targets, one file each: an exporter, a runner, or both.

A backend module has NAME and KIND ("exporter" or "runner") and the verbs of its kind:
exporter: SUFFIX, unsupported(opset), export(model, inputs, path, outputs=, dynamic=, opset=), check(path);
    inputs are tensors by name in the order of forward's parameters
runner: unsupported(), load(path, threads), input_names(handle), run(handle, feeds)
"""

import importlib
import os


def find_backend(kind, name):
    """Return the backend module of that kind and name.

    Raises:
        LookupError: no file in this folder declares it, or two do.
    """
    found = []
    for file in sorted(os.listdir(os.path.dirname(os.path.abspath(__file__)))):
        stem, extension = os.path.splitext(file)
        if extension == ".py" and not stem.startswith("_"):
            module = importlib.import_module("." + stem, __name__)
            if kind == module.KIND and name == module.NAME:
                found.append(module)
    if len(found) != 1:
        raise LookupError("%d backends declare the %s %r" % (len(found), kind, name))
    return found[0]
