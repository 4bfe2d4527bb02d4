"""Judges what ran: every stage of a chain by itself on what eager gave it, and the whole end to end."""

import numpy as np

from .compare import compare, worst
from .reference import bounds, noise_of

SAME = "the same"


def judge(spec, chain, precision, samples, ran):
    """Compare every output of every sample and call, and keep the worst result of each output.

    Args:
        spec: the request's description of the probe.
        chain: the model.
        precision: the lane, which chooses the tolerances.
        samples: what eager gave.
        ran: what the runner gave: `outputs`, two runs a sample, and `parts`, the stages by themselves.

    Returns:
        The results, stages before the whole, and the names of outputs that differ between two runs on one input.
    """
    found, unstable = {}, set()
    for at, made in enumerate(samples):
        noises, part_noises = noise_of(spec, chain, precision, made)
        if ran["parts"]:
            _judge_parts(spec, chain, precision, made, part_noises, ran["parts"][at], at, found)
        first, second = ran["outputs"][at]
        more = sorted({*first, *second} - set(made["outputs"]))
        if more:
            raise LookupError("the exported side gives outputs that eager does not: %s" % ", ".join(more))
        for name, reference in made["outputs"].items():
            noise, allowed = noises[name], bounds(spec, precision, name)
            for run in (first, second):
                _keep(found, compare(name, _given(run, name), reference, noise, allowed), at)
            between = compare(name, _given(second, name), _given(first, name), noise, allowed)
            if between["reason"] not in (None, "blind"):
                unstable.add(name)
    results = sorted(found.values(), key=lambda result: result["part"] is None)
    return results, sorted(unstable)


def _given(run, name):
    if name not in run:
        raise LookupError("the exported side gives no output %r" % name)
    return run[name]


def _judge_parts(spec, chain, precision, made, part_noises, part, sample, found):
    for stage, calls in part.items():
        rows = zip(calls, made["trace"][stage], part_noises[stage])
        for arrays, (_, references), noises in rows:
            for name, out, reference, noise in zip(chain.outputs[stage], arrays, references, noises):
                full = "%s.%s" % (stage, name)
                _keep(found, compare(full, out, reference, noise, bounds(spec, precision, full), stage), sample)


def _keep(found, result, sample):
    if sample:
        result["sample"] = sample
    key = result["part"], result["name"]
    found[key] = worst([found[key], result]) if key in found else result


def given(spec, precision, traces):
    """Say for each stage whether the exported side was given what eager was: in words, by stage.

    Agreement of every graph by itself says nothing where the two sides do not see the same data.

    Args:
        spec: the request's description of the probe.
        precision: the lane, which chooses the tolerances.
        traces: for each sample what the stages were given and gave, of eager and of the exported side.
    """
    words = {}
    for reference, exported in traces:
        for stage, calls in reference.items():
            if words.get(stage, SAME) == SAME:
                words[stage] = _difference(spec, precision, calls, exported[stage])
    return words


def _difference(spec, precision, before, after):
    if len(before) != len(after):
        return "called %d times instead of %d" % (len(after), len(before))
    for (feeds, _), (others, _) in zip(before, after):
        for name, array in feeds.items():
            other = others.get(name)
            if other is None or other.shape != array.shape:
                return "%s has shape %s instead of %s" % (name, getattr(other, "shape", None), array.shape)
            rtol, atol, _ = bounds(spec, precision, name)
            if not np.allclose(other, array, rtol=rtol, atol=atol, equal_nan=True):
                return "%s has other values" % name
    return SAME
