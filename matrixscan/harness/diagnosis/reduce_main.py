"""Mode `reproduce`: takes one case to the stage before the one it failed at, and makes what fails there small.

Left in OUT_DIR/reproduction: `facts.json`, and of a graph `model.onnx` and the .npz files; of a module its inputs and
weights as .npz.
"""

import json
import os
import time
import traceback

import numpy as np

from .. import case as cases
from ..backends import find_exporter, find_runner
from . import reduce_modules, reduce_onnx, reduce_pins, reduce_values
from .reduce_attempts import Conversion, Export
from .reduce_runs import Runs

_FOLDER = "reproduction"
#: Stages whose subject is a graph.
_OF_A_GRAPH = ("check", "load", "run", "compare")


def reproduce(request, out_dir, events):
    """Serve a request of this mode: one case, and under `failure` how it ended."""
    began = time.monotonic()
    folder = os.path.join(out_dir, _FOLDER)
    os.makedirs(folder, exist_ok=True)
    try:
        facts = _reduce(dict(request, until=began + request["seconds"]), out_dir, folder, events)
    except reduce_onnx.Irreproducible as error:
        facts = {"kind": "", "stage": request["failure"]["stage"], "problem": str(error)}
    except Exception as error:
        traceback.print_exc()
        words = "the reduction itself failed: %s: %s" % (type(error).__name__, error)
        facts = {"kind": "", "stage": request["failure"]["stage"], "problem": words}
    facts["seconds"] = round(time.monotonic() - began, 1)
    with open(os.path.join(folder, "facts.json"), "w") as file:
        json.dump(facts, file, default=str)


def _reduce(request, out_dir, folder, events):
    case, failure = request["cases"][0], request["failure"]
    converted = find_exporter(case["exporter"]).FORMAT == "ncnn"
    of_a_graph = failure["stage"] in _OF_A_GRAPH and not converted
    bench = cases.Bench(request, out_dir, events, cases.JOINT[: 3 if of_a_graph else 2])
    ended = bench.run(case)
    if ended["stage"] is not None:
        words = (ended["error"] or {}).get("message", ended["reason"])
        raise reduce_onnx.Irreproducible("the case ends at %s already: %s" % (ended["stage"], words))
    if of_a_graph:
        return _reduce_graph(bench, case, failure, folder)
    way = Conversion(case, _tables(bench, case), request["threads"], failure["stage"]) if converted else Export(case)
    return reduce_modules.reduce_module(bench, case, failure, way, folder)


def _tables(bench, case):
    return bench.spec(case)["tolerances"]["fp32" if case["precision"] == "fp32" else "fp16"]


def _reduce_graph(bench, case, failure, folder):
    import onnx

    runner = find_runner(case["runner"])
    stage, feeds, arrays = _subject(bench, case, failure)
    chain = bench.kept(case, "build")["chain"]
    subject = {
        "stage": failure["stage"],
        "feeds": feeds,
        "expected": dict(zip(chain.outputs[stage], arrays)),
        "bounds": tuple(_tables(bench, case)[""]),
        "calls": lambda: reduce_values.record(chain.stages[stage], feeds),
    }
    model = onnx.load(bench.kept(case, "export")["paths"][stage])
    request = bench.request
    runs = Runs(runner, case["precision"], request["threads"], request["attempt_seconds"], request["until"])
    facts, found, reduced = reduce_onnx.reduce_model(model, subject, runs)
    onnx.save(reduced, os.path.join(folder, "model.onnx"))
    for name, kept in found.items():
        np.savez_compressed(os.path.join(folder, name + ".npz"), **kept)
    roots = [name for name in runner.PACKAGES if name in bench.request["axes"]]
    roots = ["onnx"] if failure["stage"] == "check" else roots
    return dict(facts, kind="graph", stage=failure["stage"], pins=reduce_pins.pins([*roots, "numpy"]))


def _subject(bench, case, failure):
    """Return the stage of the chain that failed, what it was given and what eager made of that."""
    samples = bench.kept(case, "eager")["samples"]
    chain = bench.kept(case, "build")["chain"]
    wrong = [output for output in failure["outputs"] if not output["passed"]]
    if chain.single:
        stage = ""
    else:
        named = [name for name in chain.stages if failure["message"].startswith(name + ": ")]
        parts = [output["part"] for output in wrong if output["part"]] + named
        if not parts:
            words = "every stage agrees by itself; what differs is what the pipeline gives them, which is the probe's"
            raise reduce_onnx.Irreproducible(words)
        stage = parts[0]
    sample = wrong[0]["sample"] if wrong else 0
    feeds, arrays = samples[sample]["trace"][stage][0]
    return stage, {name: np.array(array) for name, array in feeds.items()}, arrays
