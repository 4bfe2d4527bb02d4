"""A model without its source takes the place of an export side: its file and a reference go into the store.

The reference are the outputs that were saved with the model, or else what a runner of this environment makes of it.
"""

import os
import shutil

import numpy as np

from . import parcel, reference
from .backends import Unsupported, find_exporter, find_runner
from .case import Stop
from .chain import StoredChain
from .compare import compare
from .protocol import share_key
from .signature import signature

_COMPARABLE = "fiub"  # kinds of NumPy: floating, whole numbers of both kinds, bool


def _names(bench, case):
    """Read what the model takes and gives."""
    known = signature(bench.request["artifact"]["model"])
    head = {"single": True, "stages": [""], "outputs": {"": known["outputs"]}}
    return {"chain": StoredChain(bench.spec(case), head), "signature": known}


def _reference(bench, case):
    """Keep what the artifact is given and has to give at this sample."""
    asked = bench.request["artifact"]
    made = _sample(bench, case, case["size"]["sample"])
    _refuse_blind(bench, case, made)
    outputs = bench.kept(case, "build")["chain"].outputs
    facts = {"inputs": reference.digest([made]), "compared_with": asked["compared_with"]}
    head = {"probe": case["probe"], "single": True, "stages": [""], "outputs": outputs, "post": False}
    head["inputs"] = facts["inputs"]
    facts["reference"] = parcel.keep_reference(bench.request["store"], head, [made])
    return {"facts": facts}


def _sample(bench, case, at):
    """Return a sample in the form that eager gives it; what made it noisy is unknown, so its noise is None."""
    known = bench.memory.setdefault("samples", {})
    if at not in known:
        inputs = _inputs(bench, case, at)
        outputs = _saved(bench, case, at) if bench.request["artifact"]["outputs"] else _run(bench, case, inputs)
        noise = dict.fromkeys(outputs)
        known[at] = {"inputs": inputs, "outputs": outputs, "trace": {"": []}, "noise": noise}
    return known[at]


def _inputs(bench, case, at):
    path = bench.request["artifact"]["inputs"][at]
    given, wanted = _arrays(path), bench.kept(case, "build")["signature"]["inputs"]
    if set(given) != set(wanted):
        words = "%s holds %s, the model takes %s" % (os.path.basename(path), _listed(given), _listed(wanted))
        raise Stop("failed", "error", {"type": "UnknownInputs", "message": words + "; save them under these names"})
    return {name: given[name] for name in wanted}


def _saved(bench, case, at):
    path = bench.request["artifact"]["outputs"][at]
    given, wanted = _arrays(path), bench.kept(case, "build")["signature"]["outputs"]
    if set(given) != set(wanted):
        words = "%s holds %s, the model gives %s" % (os.path.basename(path), _listed(given), _listed(wanted))
        raise Stop("failed", "outputs", {"type": "OutputNames", "message": words + "; save them under these names"})
    return {name: given[name] for name in wanted}


def _arrays(path):
    with np.load(path, allow_pickle=False) as file:
        # Not ascontiguousarray, which gives a scalar a dimension.
        return {name: np.array(file[name], order="C") for name in file.files}


def _listed(names):
    return ", ".join(sorted(names)) or "nothing"


def _run(bench, case, inputs):
    """Return what the first runner that is here makes of the inputs, provided that it does so twice."""
    runner, handle = _opened(bench)
    names = bench.kept(case, "build")["signature"]["outputs"]
    first, second = (_outputs(runner.run(handle, {name: np.array(inputs[name]) for name in inputs})) for _ in range(2))
    if len(first) != len(names):
        words = "the model gives %d outputs, the runner %d" % (len(names), len(first))
        raise Stop("failed", "outputs", {"type": "OutputCount", "message": words})
    for name, array in zip(names, first):
        if array.dtype.kind not in _COMPARABLE:
            words = "output %s is no array of numbers, and nothing else can be compared" % name
            raise Stop("failed", "outputs", {"type": "OutputKind", "message": words})
    for name, before, after in zip(names, first, second):
        result = compare(name, after, before, None, reference.bounds(bench.spec(case), "fp32", name))
        if not result["passed"] and result["reason"] != "blind":
            words = "two runs on one input differ in %s; save the outputs to be compared with" % name
            raise Stop("skipped", "nondeterministic", {"type": "UnstableReference", "message": words})
    return dict(zip(names, first))


def _outputs(arrays):
    # Copies: what a runner hands out may be a buffer that its next run overwrites.
    return [np.array(array, order="C") for array in arrays]


def _opened(bench):
    if "opened" not in bench.memory:
        asked = bench.request["artifact"]
        missing = {}
        for name in asked["runners"]:
            missing[name] = find_runner(name).unsupported("fp32")
            if missing[name] is None:
                handle = find_runner(name).load(asked["model"], bench.request["threads"], "fp32")
                bench.memory["opened"] = find_runner(name), handle
                break
        else:
            raise Unsupported("; ".join("%s: %s" % item for item in missing.items()))
    return bench.memory["opened"]


def _refuse_blind(bench, case, made):
    """Stop where agreement would prove nothing, as far as the samples that are there can show it."""
    blind = _still(bench, case, made)
    if blind is None and all(array.size > 1 and _constant(array) for array in made["outputs"].values()):
        blind = made["outputs"]
        words = "%s hold one value throughout, and there is no other sample" % _listed(blind)
    elif blind:
        words = "other samples move %s by less than ten times the tolerance" % _listed(blind)
    if blind:
        raise Stop("skipped", "blind", {"type": "BlindSamples", "message": words + "; add inputs that tell more"})


def _still(bench, case, made):
    """Return the names of outputs that no other sample moves; None without a sample of other inputs."""
    blind, digest = None, reference.digest([made])
    for at in range(len(bench.request["artifact"]["inputs"])):
        other = _other(bench, case, at)
        if other is None or reference.digest([other]) == digest:
            continue
        after = {name: _alike(array, other["outputs"][name]) for name, array in made["outputs"].items()}
        found = reference.blind_outputs(bench.spec(case), "fp32", made, after, made["noise"])
        blind = set(found) if blind is None else blind & set(found)
        if not blind:
            return blind
    return blind


def _other(bench, case, at):
    try:
        return _sample(bench, case, at)
    except Exception:
        return None  # the case of that sample says why


def _alike(array, other):
    """Return the other output, or the first where both hold one and the same value: a shape that follows is no sign."""
    if array.shape == other.shape:
        return other
    both = np.concatenate([array.reshape(-1), other.reshape(-1)])
    return array if _constant(both) else other


def _constant(array):
    """Return whether an output is one value throughout, be it NaN."""
    flat = array.reshape(-1)
    same = (flat == flat[:1]) | ((flat != flat) & (flat[:1] != flat[:1]))  # noqa: PLR0124  NaN differs from itself
    return bool(same.all())


def _file(bench, case):
    """Lay the model and the files beside it in a folder, as an exporter leaves them."""
    asked, exporter = bench.request["artifact"], find_exporter(case["exporter"])
    folder = os.path.join(bench.out_dir, "artifacts", share_key(case, "export").replace("/", "~"))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    name = bench.kept(case, "build")["chain"].label("") + exporter.SUFFIX
    shutil.copyfile(asked["model"], os.path.join(folder, name))
    for path in asked["files"]:
        shutil.copyfile(path, os.path.join(folder, os.path.basename(path)))
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    return {"folder": folder, "facts": {"artifact_bytes": size}}


def _keep(bench, case):
    folder, exporter = bench.kept(case, "export")["folder"], find_exporter(case["exporter"])
    facts = {"opset_found": bench.kept(case, "build")["signature"]["opsets"]}
    facts["artifact"] = parcel.keep_artifact(bench.request["store"], exporter, folder)
    return {"facts": facts}


ADOPT = (("build", _names), ("eager", _reference), ("export", _file), ("check", _keep))
