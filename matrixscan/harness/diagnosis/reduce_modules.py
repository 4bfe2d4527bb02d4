"""Finds the smallest module of a model whose export, or way to ncnn, still fails or kills the process in the same way.

A module is tried on what it is given when the whole model runs. What leads there is written as code that needs
neither matrixscan nor the rest of the model's forward.
"""

import contextlib
import os
import time

import numpy as np

from .. import reference
from ..probe import load_probe
from . import reduce_pins
from .reduce_apart import apart
from .reduce_calls import Unwritable, called, record, written
from .reduce_onnx import Irreproducible
from .reduce_pieces import Piece, below, differing, emptied, function_piece, left, module_of, wrapped
from .reduce_runs import named, same_failure
from .reduce_search import deepest_failing, most_removed

#: What may be wrong with one set of weights and right with another.
_OF_WEIGHTS = ("mismatch", "nonfinite")


def reduce_module(bench, case, failure, attempt, folder):
    """Return the facts of the smallest module that fails in `attempt`, and leave its inputs in `folder`.

    Args:
        bench: has built the model and run it.
        case: the failing case.
        failure: how it ended: stage, message, outputs.
        attempt: what is done with a module, of `reduce_attempts`.
        folder: for `inputs.npz`, and where the module is run too, for `run.npz` and `weights.npz`.
    """
    chain = bench.kept(case, "build")["chain"]
    named = [name for name in chain.stages if name and failure["message"].startswith(name + ": ")]
    parts = [output["part"] for output in failure["outputs"] if not output["passed"] and output["part"]]
    stage = (named + parts + list(chain.stages))[0]
    search = _Search(bench, case, chain, stage, attempt, failure)
    root = search.root()
    wanted = search.attempt(root)
    _refuse_another(wanted, failure["stage"])
    search.wanted = wanted
    piece = deepest_failing(root, search.children, search.fails)
    function = next((call for call in search.functions(piece) if search.fails(call)), None)
    if function is None:
        piece = search.emptied(piece)
    before, piece = piece, function or piece
    piece, plain = search.simplest(piece)
    given = piece.given if attempt.RUNS and not _equal(piece.given, piece.feeds) else {}
    for name, feeds in (("inputs", piece.feeds), ("run", given)):
        if feeds and not plain:
            np.savez_compressed(os.path.join(folder, name + ".npz"), **feeds)
    roots = [name for name in attempt.PACKAGES if name in bench.request["axes"]]
    code = _row_source(bench.spec(case), case["variant"]) if function is None else function.code
    # A probe's own packages may need some of the environment.
    roots += [] if code else reduce_pins.names_in(bench.spec(case)["overlay"])
    facts = {
        "kind": attempt.KIND,
        "stage": failure["stage"],
        "ending": None if wanted.kind == "done" else wanted.kind,
        "failure": None if wanted.kind == "done" else wanted.value,
        "chain_stage": stage,
        "path": piece.path if function is None else "",
        "module_type": type(before.module).__name__ if function is None else function.path,
        "modules_before": sum(1 for _ in root.module.modules()),
        "modules_after": len(left(before)) if function is None else 0,
        "dropped": list(before.dropped),
        "call": piece.call if function is None else None,
        "zeros": plain,
        "inputs": _described(piece.feeds),
        "given": _described(given),
        "dynamic": {name: {str(axis): label for axis, label in axes.items()} for name, axes in piece.dynamic.items()},
        "outputs": list(piece.outputs),
        "code": code,
        "pins": reduce_pins.pins([*roots, "numpy"]),
    }
    facts.update(attempt.facts(piece))
    if wanted.kind == "done":
        facts.update(_of_values(search, piece, folder))
    return dict(facts, attempts=search.count)


def _refuse_another(wanted, stage):
    """Raise where the whole model passes, or ends elsewhere than it did."""
    if wanted.kind == "done" and wanted.value is None:
        words = "it did not fail this time; a lane in half precision is exported to ONNX in full here"
        raise Irreproducible(words)
    if wanted.kind != "raised":
        return
    words = "%s: %s" % (wanted.value["type"], wanted.value["message"])
    if wanted.value["at"] is None:
        raise Irreproducible("the attempt itself failed: " + words)
    if wanted.value["at"] != stage:
        raise Irreproducible("it ended at %s this time: %s" % (wanted.value["at"], words))


def _described(feeds):
    return {
        name: {"name": name, "dtype": str(array.dtype), "shape": list(array.shape)} for name, array in feeds.items()
    }


def _of_values(search, piece, folder):
    """Return which output is wrong and by how much it may be, and leave the weights, which would be drawn anew."""
    found = search.attempt(piece).value
    decide = piece.module is not None and found["reason"] in _OF_WEIGHTS
    weights = emptied(piece).state_dict() if decide else {}
    if weights:
        arrays = {name: tensor.cpu().numpy() for name, tensor in weights.items()}
        np.savez_compressed(os.path.join(folder, "weights.npz"), **arrays)
    return {"target": piece.outputs[found["at"]], "atol": found["atol"], "weights": bool(weights)}


def _equal(one, other):
    return all(np.array_equal(array, other[name]) for name, array in one.items())


def _zeros(feeds):
    return {name: np.zeros_like(array) for name, array in feeds.items()}


class _Search:
    """The tree of the modules a model calls, and whether one of them fails like the whole."""

    def __init__(self, bench, case, chain, stage, attempt, failure):
        self.bench, self.chain, self.stage, self.work = bench, chain, stage, attempt
        self.module = chain.stages[stage]
        self.wanted, self.count = None, 0
        wrong = [output["sample"] for output in failure["outputs"] if not output["passed"]]
        self.feeds = reference.export_trace(bench.spec(case), chain, case["variant"])[stage][0][0]
        self.calls, self.shapes = record(self.module, self.feeds)
        # What the case runs on is of another size than the export, or the model is static.
        traced = bench.kept(case, "eager")["samples"][wrong[0] if wrong else 0]["trace"][stage]
        self.given = traced[0][0] if traced else self.feeds
        self.others = record(self.module, self.given)[0] if traced else {}

    def root(self):
        """Return the whole model as it was exported."""
        feeds, given = ({name: np.array(array) for name, array in each.items()} for each in (self.feeds, self.given))
        dynamic, outputs = self.chain.dynamic(self.stage), self.chain.outputs[self.stage]
        return Piece("", self.module, feeds, given, None, dynamic, outputs, None, ())

    def functions(self, piece):
        """Yield the functions of torch that a module calls, each as a module of its own; none before torch 1.13."""
        module = piece.module if piece.call is None else wrapped(piece)
        others = called(module, piece.given)
        for key, (name, feeds, call, outputs) in called(module, piece.feeds).items():
            given = others[key][1] if key in others else feeds
            yield function_piece(name, feeds, given, call, outputs)

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
        return piece._replace(dropped=tuple(path for path in dropped if not below(path, dropped)))

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
            feeds, call = written(args, kwargs)
        except Unwritable:
            return None
        if not feeds:
            return None
        given = feeds
        if path in self.others:
            with contextlib.suppress(Unwritable):
                given = written(*self.others[path][:2])[0]
        given = given if given.keys() == feeds.keys() else feeds
        names = ["y%d" % at for at in range(outputs)]
        return Piece(path, module, feeds, given, call, differing(feeds, given), names, None, ())

    def simplest(self, piece):
        """Return the piece with the plainest inputs on which it still fails, and whether these are zeros."""
        zeros = piece._replace(feeds=_zeros(piece.feeds), given=_zeros(piece.given))
        if self.fails(zeros):
            return zeros, True
        one = piece._replace(feeds=piece.given)
        return (one if not piece.dynamic and self.fails(one) else piece), False

    def fails(self, piece):
        """Tell whether a module fails like the whole model."""
        if time.monotonic() > self.bench.request["until"]:
            return False  # what was found by now is small enough
        ending = self.attempt(piece)
        if self.wanted.kind != "done":
            return same_failure(ending, self.wanted)
        wrong = ending.value if ending.kind == "done" else None
        return wrong is not None and wrong["reason"] == self.wanted.value["reason"]

    def attempt(self, piece):
        """Return how the attempt at a module ends."""
        self.count += 1
        ending = apart(lambda: self.work(module_of(piece), piece), seconds=self.bench.request["attempt_seconds"])
        return named(ending)


def _joined(path, name):
    return "%s.%s" % (path, name) if path else name


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
