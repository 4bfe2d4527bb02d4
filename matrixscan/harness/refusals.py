"""Cases that would prove nothing, and blocks of probes that do not fit their models: stopped before any export."""

import re
import sys

from . import reference
from .probe import make_inputs
from .stop import Stop


def refuse_blind(spec, chain, precision, seen):
    """Stop where no output follows the inputs by enough to show in this lane."""
    noises, _ = reference.noise_of(spec, chain, precision, seen[0])
    blind = reference.blind_outputs(spec, precision, *seen, noises)
    if blind:
        words = "other inputs move %s by less than ten times the tolerance" % ", ".join(blind)
        raise Stop("skipped", "blind", {"type": "BlindProbe", "message": words})


def _refuse_shared_names(chain, made):
    """Stop where an input and an output have one name: exporters rename one of them, and no run finds its inputs."""
    for stage, calls in made["trace"].items():
        shared = sorted(set(chain.outputs.get(stage, ())) & {name for feeds, _ in calls for name in feeds})
        if shared:
            words = "an input and an output are both called %s" % ", ".join(shared)
            raise Stop("failed", "outputs", {"type": "SharedNames", "message": words})


def refuse_unknown_axes(spec, chain, made):
    """Stop where the probe's block names tensors its model does not have, before that looks like a bad export."""
    _refuse_shared_names(chain, made)
    if spec["open"]:
        return  # what a model of any name takes and gives is not known beforehand
    for stage, calls in made["trace"].items():
        known = {*chain.outputs.get(stage, ()), *(name for feeds, _ in calls for name in feeds)}
        unknown = set(chain.dynamic(stage)) - known if calls else set()
        # A variant may lack an input that others have.
        unknown = sorted(_nowhere(spec, unknown) if unknown and chain.single else unknown)
        if unknown:
            words = "`dynamic` names what is neither input nor output: %s" % ", ".join(unknown)
            raise Stop("failed", "error", {"type": "UnknownAxes", "message": words})


def refuse_unknown_outputs(spec, chain, made):
    """Stop where the probe's block sets bounds for an output that there is not: they would hold for nothing."""
    if spec["open"] or len(spec["variants"]) > 1:
        return  # an output may be that of another variant
    known = {*made["outputs"], *("%s.%s" % (stage, name) for stage in chain.outputs for name in chain.outputs[stage])}
    named = {*spec["tolerances"]["fp32"], *spec["agree"], *spec["pictures"]} - {""}
    if named - known:
        words = "`compare` names what is no output: %s; there are %s"
        words %= (", ".join(sorted(named - known)), ", ".join(sorted(made["outputs"])))
        raise Stop("failed", "error", {"type": "UnknownOutputs", "message": words})


def refuse_unimportable(model, error):
    """Stop where an exporter failed because it imports what a class comes from, and the probe hid that from it."""
    missing = set(re.findall("No module named '([^']+)'", str(error))) - set(sys.modules)
    for name in sorted(missing):
        if any(type(part).__module__ == name for part in model.modules()):
            words = "the exporter imports %s, from which the model comes: put it into sys.modules where it is loaded"
            raise Stop("skipped", "requirement", {"type": "HiddenModule", "message": words % name}) from error


def refuse_other_inputs(kept):
    """Stop where the inputs are no longer those that eager was given: agreement or not would mean nothing."""
    known = kept.get("facts", {}).get("inputs")
    if known is not None and reference.digest(kept["samples"]) != known:
        words = "the inputs at hand are not those that eager was given: their digest is another"
        raise Stop("infra", "input_differs", {"type": "OtherInputs", "message": words})


def _nowhere(spec, names):
    """Return those names that no variant's inputs have; none where a variant's inputs cannot be had here."""
    try:
        made = [make_inputs(spec, variant, spec["export_size"]) for variant in spec["variants"]]
    except Exception:
        return set()
    return names.difference(*made)
