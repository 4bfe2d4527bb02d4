"""Takes cases through their stages: build, eager, export, check, load, run, compare.

Work that several cases share is done once and remembered by `protocol.share_key`, failures included. Timing, naming
of errors and memory measurement live here, so that a backend holds only its own verbs.
"""

import collections
import contextlib
import copy
import errno
import json
import os
import shutil
import time

import numpy as np

from . import isolate, parcel, pictures, reference, second_look, stages
from .backends import Unsupported, Unusable, find_exporter, find_runner
from .chain import Mislabelled, tensors
from .probe import Requirement, finish, post_process
from .protocol import HALF, converted_to, share_key
from .refusals import (
    refuse_blind,
    refuse_other_inputs,
    refuse_unimportable,
    refuse_unknown_axes,
    refuse_unknown_outputs,
)
from .sketch import sketch
from .stop import Stop, described

_REPEATS = 5
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE)
_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
_REPEAT_SECONDS = 0.25


def run_cases(request, out_dir, events, stages):
    """Take every case of the request through `stages` in order; nothing a case does ends the loop."""
    bench = Bench(request, out_dir, events, stages)
    for case in request["cases"]:
        isolate.reset_peak_memory()
        events.emit("case", case=case["id"], state="started")
        result = bench.run(case)
        events.emit("case", case=case["id"], state="done", peak_memory=isolate.peak_memory(), **result)
        # The case has its outcome; what else is tried may take the process down and costs nothing but itself.
        noted = second_look.facts(bench, case, result, run)
        if noted:
            events.emit("note", case=case["id"], facts=noted)


class Bench:
    """One process's workbench: does shared work once and forgets it when the probe's variant changes."""

    def __init__(self, request, out_dir, events, stages):
        self.request, self.out_dir, self.events, self.stages = request, out_dir, events, stages
        self.memory = {}
        self.model_key = None

    def run(self, case):
        """Return the fields of the case's `done` event."""
        if share_key(case, "build") != self.model_key:
            self.memory.clear()
            self.model_key = share_key(case, "build")
        facts, seconds, stage = {}, {}, None
        try:
            for stage, work in self.stages:
                self._stage(case, stage, work, facts, seconds)
        except Stop as stop:
            return {
                "stage": stage,
                "outcome": stop.outcome,
                "reason": stop.reason,
                "error": stop.error,
                "outputs": stop.outputs,
                "seconds": seconds,
                "facts": dict(facts, **stop.facts),
            }
        outputs = self.kept(case, stage).get("outputs", [])
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
    except Exception as error:
        return Stop(*_meaning(error), described(error)), {}


def _meaning(error):
    """Return outcome and reason of an exception."""
    if _of_the_disk(error):
        return "infra", "error"  # a full disk says nothing about the combination
    return next((meaning for kind, meaning in _MEANINGS if isinstance(error, kind)), ("failed", "error"))


def _of_the_disk(error):
    """Return whether a disk is behind an exception; some tools raise another one, or keep its words alone."""
    known = []
    while error is not None and error not in known:
        if (isinstance(error, OSError) and error.errno in _DISK) or any(words in str(error) for words in _FULL):
            return True
        known.append(error)
        error = error.__cause__ or error.__context__
    return False


_MEANINGS = (
    (Unsupported, ("infeasible", "unsupported")),
    (Unusable, ("failed", "unusable")),
    (Requirement, ("skipped", "requirement")),
    (Mislabelled, ("failed", "outputs")),
    (reference.Unseen, ("skipped", "blind")),
    (MemoryError, ("crashed", "memory")),
)


def build(bench, case):
    """Make the model with its weights."""
    chain, digest = reference.build(bench.spec(case), case["variant"])
    return {"chain": chain, "facts": {"weights": digest}}


def eager(bench, case):
    """Run the model itself, and refuse it where agreement with it would prove nothing."""
    spec, variant, size = bench.spec(case), case["variant"], case["size"]
    chain = bench.kept(case, "build")["chain"]
    samples = reference.run(spec, chain, variant, size)
    refuse_unknown_axes(spec, chain, samples[0])
    refuse_unknown_outputs(spec, chain, samples[0])
    if not spec["nonfinite"] and not all(map(reference.finite, samples)):
        raise Stop(
            "failed", "nonfinite", {"type": "NonFiniteReference", "message": "eager outputs hold NaN or infinity"}
        )
    if "seen" not in bench.memory:
        seen = samples[0], reference.moved(spec, chain, variant, size, samples[0])
        refuse_blind(spec, chain, "fp32", seen)
        bench.memory["seen"] = seen
    # After other inputs have been through the model, so that what it remembers of them shows.
    if not reference.repeats(spec, chain, samples[0]):
        words = "eager gives other outputs for the same inputs: the model draws random numbers or keeps state"
        raise Stop("skipped", "nondeterministic", {"type": "UnstableReference", "message": words})
    eager_ms = _latency(lambda: chain.run(samples[0]["inputs"], chain.eager(), "reference"))
    facts = {"inputs": reference.digest(samples), "eager_ms": eager_ms}
    facts["eager"] = {name: sketch(name, array) for name, array in samples[0]["outputs"].items()}
    if len(samples) > 1:
        facts["samples"] = len(samples)
    return {"samples": samples, "facts": facts}


def export(bench, case):
    """Write the artifacts of every stage of the chain."""
    exporter = find_exporter(case["exporter"])
    precision = converted_to(case["precision"])
    unsupported = exporter.unsupported(case["opset"], precision)
    if unsupported:
        raise Unsupported(unsupported)
    folder = os.path.join(bench.out_dir, "artifacts", share_key(case, "export").replace("/", "~"))
    chain = bench.kept(case, "build")["chain"]
    paths = {stage: os.path.join(folder, chain.label(stage) + exporter.SUFFIX) for stage in chain.stages}
    # A crash in a later stage restarts the process; a whole artifact of the same model is used again.
    marker, source = folder + ".whole", bench.spec(case)["digest"] + bench.kept(case, "build")["facts"]["weights"]
    known = _read(marker)
    if known.get("source") != source:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        known = {"source": source, "facts": _write_artifacts(bench, case, exporter, paths)}
        with open(marker, "w") as file:
            json.dump(known, file)
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    return {"paths": paths, "facts": dict(known["facts"], artifact_bytes=size)}


def _write_artifacts(bench, case, exporter, paths):
    """Write every stage's artifact and return facts: what the probe then did to them, if it says so."""
    spec, chain = bench.spec(case), bench.kept(case, "build")["chain"]
    # Not the sample the cases run: what the export baked in of its inputs' values must show.
    trace = reference.export_trace(spec, chain, case["variant"])
    said = []
    for stage, path in paths.items():
        with _naming(stage):
            if not trace[stage]:
                words = "the pipeline does not call %s for the inputs of the export" % stage
                raise Stop("skipped", "blind", {"type": "IdleStage", "message": words})
            feeds = trace[stage][0][0]
            try:
                exporter.export(
                    reference.copied(chain.stages[stage]),
                    dict(zip(feeds, tensors(feeds))),
                    path,
                    outputs=list(chain.outputs[stage]),
                    dynamic=chain.dynamic(stage),
                    opset=case["opset"],
                    precision=converted_to(case["precision"]),
                )
            except Exception as error:
                refuse_unimportable(chain.stages[stage], error)
                raise
            said.append(finish(spec, path, case["variant"], stage))
    words = [": ".join(filter(None, pair)) for pair in zip(paths, said) if pair[1]]
    return {"finished": "; ".join(words)} if words else {}


@contextlib.contextmanager
def _naming(stage):
    """Put the stage of a chain in front of what went wrong in it."""
    try:
        yield
    except (Stop, Unsupported, Requirement, OSError, MemoryError):
        raise
    except Exception as error:
        if not stage or _of_the_disk(error):
            raise
        found = described(error)
        reason = "unusable" if isinstance(error, Unusable) else "error"
        raise Stop("failed", reason, dict(found, message="%s: %s" % (stage, found["message"]))) from error


def _read(path):
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def check(bench, case):
    """Let the exporter say what it wrote."""
    exporter = find_exporter(case["exporter"])
    facts = {}
    for stage, path in bench.kept(case, "export")["paths"].items():
        with _naming(stage):
            found = exporter.check(path)
        opset = found.get("opset_found", {}).get("ai.onnx", case["opset"])
        if opset != case["opset"]:
            # Or an artifact of another opset would be called good at this one.
            words = "asked for opset %d, the exporter wrote opset %d" % (case["opset"], opset)
            raise Stop("infeasible", "unsupported", {"type": "OtherOpset", "message": words})
        operators = collections.Counter(facts.get("operators", {})) + collections.Counter(found.get("operators", {}))
        facts.update(found)
        if operators:
            facts["operators"] = dict(sorted(operators.items()))
    folder = os.path.dirname(next(iter(bench.kept(case, "export")["paths"].values())))
    # The same file in another release of the runner tells the runner's doing from the exporter's.
    facts["artifact"] = parcel.artifact_digest(exporter, folder)
    return {"facts": facts}


def load(bench, case):
    """Open the artifacts in the runner."""
    runner = find_runner(case["runner"])
    unsupported = runner.unsupported(case["precision"])
    if unsupported:
        raise Unsupported(unsupported)
    handles = {}
    for stage, path in bench.kept(case, "export")["paths"].items():
        with _naming(stage):
            handles[stage] = runner.load(path, bench.request["threads"], case["precision"])
    return {"handles": handles, "runner": runner}


def run(bench, case):
    """Run the artifacts on what eager was given."""
    spec, chain = bench.spec(case), bench.kept(case, "build")["chain"]
    refuse_other_inputs(bench.kept(case, "eager"))
    call, pruned = _exported(bench, case)
    runs, parts = [], []
    for made in bench.kept(case, "eager")["samples"]:
        # Twice, and copies: what a runner hands out may be a buffer that its next run overwrites, or uses as input.
        runs.append([chain.run(copy.deepcopy(made["inputs"]), call, "exported") for _ in range(2)])
        if not chain.single:
            parts.append({stage: [call(stage, feeds) for feeds, _ in made["trace"][stage]] for stage in chain.stages})
    samples = bench.kept(case, "eager")["samples"]
    first = samples[0]
    facts = {"runner_ms": _latency(lambda: chain.run(first["inputs"], call, "exported"))}
    if pruned:
        facts["pruned_inputs"] = sorted(pruned)
    if not chain.single:
        traces = [(made["trace"], pair[0][1]) for made, pair in zip(samples, runs)]
        facts["given"] = stages.given(spec, case["precision"], traces)
    outputs = [[post_process(spec, raw, made["inputs"]) for raw, _ in pair] for made, pair in zip(samples, runs)]
    return {"outputs": outputs, "parts": parts, "facts": facts}


def _exported(bench, case):
    """Return what runs an exported stage, and a set that fills with the inputs the exporter left out."""
    loaded, chain = bench.kept(case, "load"), bench.kept(case, "build")["chain"]
    runner, pruned = loaded["runner"], set()

    def call(stage, feeds):
        handle = loaded["handles"][stage]
        wanted = runner.input_names(handle)
        missing = sorted(set(wanted) - set(feeds))
        if missing:
            words = "the artifact asks for inputs the probe does not have: " + ", ".join(missing)
            raise Stop("failed", "error", {"type": "UnknownInputs", "message": words})
        pruned.update(set(feeds) - set(wanted))
        with _naming(stage):
            # Copies, also of what a pipeline gives as a plain number.
            fed = {name: np.array(feeds[name]) for name in wanted}
            arrays = [np.asarray(array) for array in runner.run(handle, fed)]
        if len(arrays) != len(chain.outputs[stage]):
            words = "eager gives %d outputs%s, the runner %d" % (
                len(chain.outputs[stage]),
                " of stage " + stage if stage else "",
                len(arrays),
            )
            raise Stop("failed", "outputs", {"type": "OutputCount", "message": words})
        return copy.deepcopy(arrays)

    return call, pruned


def compare(bench, case):
    """Judge what the runner gave."""
    spec, chain = bench.spec(case), bench.kept(case, "build")["chain"]
    samples, ran = bench.kept(case, "eager")["samples"], bench.kept(case, "run")
    if case["precision"] in HALF and "seen" in bench.memory:  # a run side has none: its export side looked already
        refuse_blind(spec, chain, case["precision"], bench.memory["seen"])
    idle = [] if chain.single else [name for name in chain.stages if not any(made["trace"][name] for made in samples)]
    if idle:
        words = "nothing of %s is compared: the pipeline does not call it at this size" % ", ".join(idle)
        raise Stop("skipped", "blind", {"type": "IdleStage", "message": words})
    outputs, unstable = stages.judge(spec, chain, case["precision"], samples, ran)
    facts = pictures.save(bench.out_dir, case["id"], spec, samples, ran, outputs)
    if unstable:
        words = "two runs of the runner on one input differ in " + ", ".join(unstable)
        raise Stop("failed", "nondeterministic", {"type": "Nondeterministic", "message": words}, outputs, facts)
    wrong = [output for output in outputs if not output["passed"] and output["reason"] != "blind"]
    if wrong:
        differing = _given_otherwise(wrong, ran["facts"].get("given", {}))
        if differing:
            words = "every stage agrees by itself, and was not given the same: " + differing
            raise Stop("failed", "pipeline", {"type": "OtherInputs", "message": words}, outputs, facts)
        raise Stop("failed", wrong[0]["reason"], None, outputs, facts)
    if not outputs or any(not output["passed"] for output in outputs):
        words = "outputs without elements prove nothing at this size"
        raise Stop("skipped", "blind", {"type": "EmptyOutput", "message": words}, outputs)
    return {"outputs": outputs}


def _given_otherwise(wrong, given):
    """Say which stages were given something else, if nothing but the whole is wrong; else an empty text."""
    if any(output["part"] is not None for output in wrong):
        return ""
    return "; ".join("%s: %s" % (stage, words) for stage, words in given.items() if words != stages.SAME)


def _latency(call):
    """Return the median milliseconds of a few calls."""
    times = []
    while len(times) < _REPEATS and sum(times) < _REPEAT_SECONDS:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return round(1000 * float(np.median(times)), 4)


#: A joint plan: everything in one environment.
JOINT = (
    ("build", build),
    ("eager", eager),
    ("export", export),
    ("check", check),
    ("load", load),
    ("run", run),
    ("compare", compare),
)
