"""The stages of a factored plan: an export side stops after the check, a run side starts with what that left."""

import os

from . import case as joint
from . import parcel, reference
from .backends import find_exporter
from .chain import StoredChain
from .probe import has_post, load_probe
from .protocol import HALF


def _eager(bench, case):
    kept = joint.eager(bench, case)
    spec, chain, samples = bench.spec(case), bench.kept(case, "build")["chain"], kept["samples"]
    halves = {other["precision"] for other in bench.request["cases"] if other["probe"] == case["probe"]} & set(HALF)
    for precision in sorted(halves):
        for made in samples:
            reference.noise_of(spec, chain, precision, made)  # kept in the sample
    head = {
        "probe": case["probe"],
        "single": chain.single,
        "stages": list(chain.stages),
        "outputs": chain.outputs,
        "post": has_post(spec),
    }
    kept["facts"]["reference"] = parcel.keep_reference(bench.request["store"], head, samples)
    return kept


def _check(bench, case):
    if case["precision"] in HALF:
        chain = bench.kept(case, "build")["chain"]
        joint.refuse_blind(bench.spec(case), chain, case["precision"], bench.memory["seen"])
    kept = joint.check(bench, case)
    paths = bench.kept(case, "export")["paths"]
    folder = os.path.dirname(next(iter(paths.values())))
    exporter = find_exporter(case["exporter"])
    kept["facts"]["artifact"] = parcel.keep_artifact(bench.request["store"], exporter, folder)
    return kept


def _stored_chain(bench, case):
    """Return the chain as far as it can be had without torch: names, and the probe's own code where it has some."""
    store = bench.request["store"]
    if not parcel.holds(store, case["artifact"], case["reference"]):
        words = "the store lost what the export side left; the next scan makes it again"
        raise joint.Stop("infra", "error", {"type": "StoreIncomplete", "message": words})
    head, _ = parcel.read_reference(store, case["reference"])
    spec = bench.spec(case)
    spec["post"] = head["post"]
    if head["post"] or not head["single"]:
        with reference.requirements():
            load_probe(spec)
    return {"chain": StoredChain(spec, head)}


def _stored_reference(bench, case):
    return {"samples": parcel.read_reference(bench.request["store"], case["reference"])[1]}


def _stored_artifact(bench, case):
    chain = bench.kept(case, "build")["chain"]
    folder = parcel.artifact_folder(bench.request["store"], case["artifact"])
    suffix = find_exporter(case["exporter"]).SUFFIX
    return {"paths": {stage: os.path.join(folder, chain.label(stage) + suffix) for stage in chain.stages}}


EXPORT_SIDE = (("build", joint.build), ("eager", _eager), ("export", joint.export), ("check", _check))
RUN_SIDE = (
    ("build", _stored_chain),
    ("eager", _stored_reference),
    ("export", _stored_artifact),
    ("load", joint.load),
    ("run", joint.run),
    ("compare", joint.compare),
)
