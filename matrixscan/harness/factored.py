"""The stages of a factored plan: an export side stops after the check, a run side starts with what that left."""

import hashlib
import os

from . import case as joint
from . import parcel, reference
from .backends import Unsupported, find_exporter
from .chain import StoredChain
from .probe import has_post, load_probe
from .protocol import HALF, converted_to, share_key


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
        "inputs": kept["facts"]["inputs"],
    }
    kept["facts"]["reference"] = parcel.keep_reference(bench.request["store"], head, samples)
    return kept


def _export(bench, case):
    """Export; a lane that asks for more than an export side has exists all the same."""
    try:
        return joint.export(bench, case)
    except Unsupported as error:
        if find_exporter(case["exporter"]).unsupported(case["opset"], "fp32") is None:
            words = "%s; a factored plan cannot tell, a joint one can" % error
            raise joint.Stop("skipped", "requirement", {"type": "OtherSide", "message": words}) from error
        raise


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


def _export_once(bench, case):
    """Take an artifact from the store that an equal environment made of this very model, else export."""
    # The conversion to half is the runner's, which is not among what names an export.
    halved = converted_to(case["precision"]) in HALF
    known = None if halved else parcel.find_export(bench.request["store"], _export_name(bench, case))
    if known is None:
        return joint.export(bench, case)
    return {"paths": _paths(bench, case, known["artifact"]), "known": known, "facts": {"export": "from the store"}}


def _check_once(bench, case):
    made = bench.kept(case, "export")
    if "known" in made:
        return {"facts": made["known"]["facts"]}
    kept = joint.check(bench, case)
    if converted_to(case["precision"]) in HALF:
        return kept
    folder = os.path.dirname(next(iter(made["paths"].values())))
    store, exporter = bench.request["store"], find_exporter(case["exporter"])
    known = {"artifact": parcel.keep_artifact(store, exporter, folder)}
    known["facts"] = dict(kept["facts"], artifact=known["artifact"], **made["facts"])
    parcel.keep_export(store, _export_name(bench, case), known)
    return {"facts": known["facts"]}


def _export_name(bench, case):
    """Name all that decides what an export gives: the packages but for the runner's, the model, and what is asked."""
    weights = bench.kept(case, "build")["facts"]["weights"]
    parts = [bench.request["exports"], bench.spec(case)["digest"], weights, share_key(case, "export")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _stored_chain(bench, case):
    """Return the chain as far as it can be had without torch: names, and the probe's own code where it has some."""
    if not parcel.holds_artifact(bench.request["store"], case["artifact"]):
        raise _lost("an artifact")
    head, _ = _reference(bench, case)
    spec = bench.spec(case)
    spec["post"] = head["post"]
    if head["post"] or not head["single"]:
        with reference.requirements():
            load_probe(spec)
    return {"chain": StoredChain(spec, head)}


def _stored_reference(bench, case):
    head, samples = _reference(bench, case)
    # A reference of an earlier version does not name its inputs; it is named by a digest over them itself.
    return {"samples": samples, "facts": {"inputs": head["inputs"]} if "inputs" in head else {}}


def _reference(bench, case):
    found = parcel.read_reference(bench.request["store"], case["reference"])
    if found is None:
        raise _lost("a reference")
    return found


def _lost(what):
    words = "the store lost %s that the export side left; the next scan makes it again" % what
    return joint.Stop("infra", "error", {"type": "StoreIncomplete", "message": words})


def _stored_artifact(bench, case):
    return {"paths": _paths(bench, case, case["artifact"])}


def _paths(bench, case, artifact):
    chain = bench.kept(case, "build")["chain"]
    folder = parcel.artifact_folder(bench.request["store"], artifact)
    suffix = find_exporter(case["exporter"]).SUFFIX
    return {stage: os.path.join(folder, chain.label(stage) + suffix) for stage in chain.stages}


#: A joint plan with a store: rows that differ in their runner alone export once.
JOINT = (
    ("build", joint.build),
    ("eager", joint.eager),
    ("export", _export_once),
    ("check", _check_once),
    ("load", joint.load),
    ("run", joint.run),
    ("compare", joint.compare),
)
EXPORT_SIDE = (("build", joint.build), ("eager", _eager), ("export", _export), ("check", _check))
RUN_SIDE = (
    ("build", _stored_chain),
    ("eager", _stored_reference),
    ("export", _stored_artifact),
    ("load", joint.load),
    ("run", joint.run),
    ("compare", joint.compare),
)
