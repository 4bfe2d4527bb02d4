"""Takes cases through their stages: build, eager, export, check, load, run, compare.

Work that several cases share is done once and remembered by `protocol.share_key`, failures included. Timing, naming
of errors and memory measurement live here, so that a backend holds only its own verbs.
"""

import copy
import errno
import os
import shutil
import time

import numpy as np

from . import isolate, reference
from .backends import find_backend
from .compare import compare
from .probe import Requirement
from .protocol import share_key

_REPEATS = 5
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE)
_REPEAT_SECONDS = 0.25


class Stop(Exception):
    """A case ends here, at the stage being worked on."""

    def __init__(self, outcome, reason, error=None, outputs=()):
        super().__init__(reason)
        self.outcome, self.reason, self.error, self.outputs = outcome, reason, error, list(outputs)


def run_cases(request, out_dir, events):
    """Run every case of the request in order; nothing a case does ends the loop."""
    bench = Bench(request, out_dir, events)
    for case in request["cases"]:
        isolate.reset_peak_memory()
        events.emit("case", case=case["id"], state="started")
        result = bench.run(case)
        events.emit("case", case=case["id"], state="done", peak_memory=isolate.peak_memory(), **result)


def described(error):
    """Turn an exception into the type and message of a finding; tools often say the useful part last."""
    return {"type": type(error).__name__, "message": str(error).strip() or repr(error)}


class Bench:
    """One process's workbench: does shared work once and forgets it when the probe's variant changes."""

    def __init__(self, request, out_dir, events):
        self.request, self.out_dir, self.events = request, out_dir, events
        self.memory = {}
        self.model_key = None

    def run(self, case):
        """Return the fields of the case's `done` event."""
        if share_key(case, "build") != self.model_key:
            self.memory.clear()
            self.model_key = share_key(case, "build")
        facts, seconds, stage = {}, {}, None
        try:
            for stage, work in _STAGES:
                self._stage(case, stage, work, facts, seconds)
        except Stop as stop:
            return {
                "stage": stage,
                "outcome": stop.outcome,
                "reason": stop.reason,
                "error": stop.error,
                "outputs": stop.outputs,
                "seconds": seconds,
                "facts": facts,
            }
        outputs = self.memory[share_key(case, "compare"), "compare"][1]["outputs"]
        return {"stage": None, "outcome": "passed", "outputs": outputs, "seconds": seconds, "facts": facts}

    def _stage(self, case, stage, work, facts, seconds):
        key = share_key(case, stage), stage
        if key not in self.memory:
            self.events.emit("stage", case=case["id"], stage=stage, state="started")
            began = time.monotonic()
            self.memory[key] = _attempt(work, self, case)
            seconds[stage] = round(time.monotonic() - began, 4)
        failure, kept = self.memory[key]
        if failure is not None:
            raise failure
        facts.update(kept.get("facts", {}))

    def kept(self, case, stage):
        """Return what an earlier stage of this case left behind."""
        return self.memory[share_key(case, stage), stage][1]

    def spec(self, case):
        """Return the request's description of the case's probe."""
        return self.request["probes"][case["probe"]]


def _attempt(work, bench, case):
    try:
        return None, work(bench, case)
    except Stop as stop:
        return stop, {}
    except Requirement as error:
        return Stop("skipped", "requirement", described(error)), {}
    except OSError as error:
        # A full disk says nothing about the combination.
        outcome = "infra" if error.errno in _DISK else "failed"
        return Stop(outcome, "error", described(error)), {}
    except MemoryError as error:
        return Stop("crashed", "memory", described(error)), {}
    except Exception as error:
        return Stop("failed", "error", described(error)), {}


def _build(bench, case):
    model, digest = reference.build(bench.spec(case), case["variant"])
    return {"model": model, "facts": {"weights": digest}}


def _eager(bench, case):
    spec = bench.spec(case)
    model = bench.kept(case, "build")["model"]
    made = reference.run(spec, model, case["size"])
    _refuse_mislabelled(spec, made)
    if not made["finite"] and not spec["nonfinite"]:
        raise Stop(
            "failed", "nonfinite", {"type": "NonFiniteReference", "message": "eager outputs hold NaN or infinity"}
        )
    if not bench.memory.get("sees"):
        blind = reference.blind_outputs(spec, model, made)
        if blind:
            words = "other inputs move %s by less than ten times the tolerance" % ", ".join(blind)
            raise Stop("skipped", "blind", {"type": "BlindProbe", "message": words})
        bench.memory["sees"] = True
    # After other inputs have been through the model, so that what it remembers of them shows.
    if not reference.repeats(spec, model, made):
        words = "eager gives other outputs for the same inputs: the model draws random numbers or keeps state"
        raise Stop("skipped", "nondeterministic", {"type": "UnstableReference", "message": words})
    eager_ms = _latency(lambda: reference.forward(model, made["inputs"]))
    return {**made, "facts": {"inputs": made["digest"], "eager_ms": eager_ms}}


def _refuse_mislabelled(spec, made):
    """Stop where the probe's block says something else than its model does, before that looks like a bad export."""
    if len(made["outputs"]) != len(spec["outputs"]):
        words = "the probe names %d outputs, eager gives %d" % (len(spec["outputs"]), len(made["outputs"]))
        raise Stop("failed", "outputs", {"type": "OutputCount", "message": words})
    unknown = sorted(set(spec["dynamic"]) - set(made["inputs"]) - set(spec["outputs"]))
    if unknown:
        words = "`dynamic` names what is neither input nor output: %s" % ", ".join(unknown)
        raise Stop("failed", "error", {"type": "UnknownAxes", "message": words})


def _export(bench, case):
    exporter = find_backend("exporter", case["exporter"])
    unsupported = exporter.unsupported(case["opset"])
    if unsupported:
        raise Stop("infeasible", "unsupported", {"type": "Unsupported", "message": unsupported})
    folder = os.path.join(bench.out_dir, "artifacts", share_key(case, "export").replace("/", "~"))
    path = os.path.join(folder, "model" + exporter.SUFFIX)
    # A crash in a later stage restarts the process; a whole artifact of the same model is used again.
    marker, source = folder + ".whole", bench.spec(case)["digest"] + bench.kept(case, "build")["facts"]["weights"]
    if not _says(marker, source):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        _write_artifact(bench, case, exporter, path)
        with open(marker, "w") as file:
            file.write(source)
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    return {"path": path, "facts": {"artifact_bytes": size}}


def _write_artifact(bench, case, exporter, path):
    spec = bench.spec(case)
    # Not the sample the cases run: what the export baked in of its inputs' values must show.
    inputs = reference.make_inputs(spec, spec["export_size"], "export")
    named = dict(zip(inputs, reference.tensors(inputs)))
    dynamic = {name: {int(axis): label for axis, label in axes.items()} for name, axes in spec["dynamic"].items()}
    model = reference.copied(bench.kept(case, "build")["model"])
    exporter.export(model, named, path, outputs=spec["outputs"], dynamic=dynamic, opset=case["opset"])


def _says(path, text):
    try:
        with open(path) as file:
            return file.read() == text
    except OSError:
        return False


def _check(bench, case):
    exporter = find_backend("exporter", case["exporter"])
    facts = exporter.check(bench.kept(case, "export")["path"])
    found = facts.get("opset_found", {}).get("ai.onnx", case["opset"])
    if found != case["opset"]:
        # Or an artifact of another opset would be called good at this one.
        words = "asked for opset %d, the exporter wrote opset %d" % (case["opset"], found)
        raise Stop("infeasible", "unsupported", {"type": "OtherOpset", "message": words})
    return {"facts": facts}


def _load(bench, case):
    runner = find_backend("runner", case["runner"])
    unsupported = runner.unsupported()
    if unsupported:
        raise Stop("infeasible", "unsupported", {"type": "Unsupported", "message": unsupported})
    handle = runner.load(bench.kept(case, "export")["path"], bench.request["threads"])
    return {"handle": handle, "runner": runner}


def _run(bench, case):
    loaded = bench.kept(case, "load")
    inputs = bench.kept(case, "eager")["inputs"]
    wanted = loaded["runner"].input_names(loaded["handle"])
    missing = sorted(set(wanted) - set(inputs))
    if missing:
        words = "the artifact asks for inputs the probe does not have: " + ", ".join(missing)
        raise Stop("failed", "error", {"type": "UnknownInputs", "message": words})
    feeds = {name: inputs[name].copy() for name in wanted}
    # Copies: what a runner hands out may be a buffer that its next run overwrites, or uses as input.
    runs = [copy.deepcopy(loaded["runner"].run(loaded["handle"], copy.deepcopy(feeds))) for _ in range(2)]
    facts = {"runner_ms": _latency(lambda: loaded["runner"].run(loaded["handle"], feeds))}
    pruned = sorted(set(inputs) - set(wanted))
    if pruned:
        facts["pruned_inputs"] = pruned
    return {"runs": runs, "facts": facts}


def _compare(bench, case):
    spec, made, runs = bench.spec(case), bench.kept(case, "eager"), bench.kept(case, "run")["runs"]
    verdicts = [_against(spec, made["outputs"], made["noise"], run) for run in runs]
    outputs = next((outputs for outputs in verdicts if not _all_passed(outputs)), verdicts[0])
    between = _against(spec, [np.asarray(out) for out in runs[0]], made["noise"], runs[1])
    unstable = [output["name"] for output in between if output["reason"] not in (None, "blind")]
    if unstable:
        words = "two runs of the runner on one input differ in " + ", ".join(unstable)
        raise Stop("failed", "nondeterministic", {"type": "Nondeterministic", "message": words}, outputs)
    reasons = [output["reason"] for output in outputs if not output["passed"]]
    wrong = [reason for reason in reasons if reason != "blind"]
    if wrong:
        raise Stop("failed", wrong[0], None, outputs)
    if reasons or not outputs:
        words = "outputs without elements prove nothing at this size"
        raise Stop("skipped", "blind", {"type": "EmptyOutput", "message": words}, outputs)
    return {"outputs": outputs}


def _all_passed(outputs):
    return bool(outputs) and all(output["passed"] for output in outputs)


def _against(spec, expected, noises, run):
    if not len(run) == len(expected) == len(spec["outputs"]):
        words = "the probe names %d outputs, eager gives %d, the runner %d" % (
            len(spec["outputs"]),
            len(expected),
            len(run),
        )
        raise Stop("failed", "outputs", {"type": "OutputCount", "message": words})
    rows = zip(spec["outputs"], map(np.asarray, run), expected, noises)
    return [compare(*row, spec["rtol"], spec["atol"]) for row in rows]


def _latency(call):
    """Return the median milliseconds of a few calls."""
    times = []
    while len(times) < _REPEATS and sum(times) < _REPEAT_SECONDS:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return round(1000 * float(np.median(times)), 4)


_STAGES = (
    ("build", _build),
    ("eager", _eager),
    ("export", _export),
    ("check", _check),
    ("load", _load),
    ("run", _run),
    ("compare", _compare),
)
