"""Takes failing cases through their stages once more and says of each, step by step, what is wrong with it.

Every step is an event of its own, so that what hangs or dies loses nothing that was found before it.
"""

import os
import time

import numpy as np

from .. import case as joint
from .. import isolate
from ..backends import find_exporter, find_runner
from ..stop import described
from . import again, where
from .ncnn_sight import look as look_in_ncnn
from .sight import Nowhere, look, place_of

#: Stages that leave an artifact to look at.
_WITH_ARTIFACT = ("load", "run", "compare")
_WITHOUT_PLACE = ("pipeline", "nondeterministic", "blind")
#: Elements of an array that is kept to be drawn.
_MOST_ELEMENTS = 1 << 18
_REFERENCE_SECONDS, _NODES_SECONDS = 60.0, 30.0


def diagnose(request, out_dir, events):
    """Diagnose every case of the request in order; after `until`, seconds since the epoch, none is begun."""
    bench = joint.Bench(request, out_dir, events, joint.JOINT)
    for case in request["cases"]:
        events.emit("case", case=case["id"], state="started")
        late = time.time() > request.get("until", float("inf"))
        result = _late() if late else _diagnose(bench, case, events)
        events.emit("case", case=case["id"], state="done", peak_memory=isolate.peak_memory(), **result)


def _late():
    words = "the seconds for the diagnoses of this combination were over"
    return {"stage": "build", "outcome": "skipped", "reason": "given_up", "error": {"type": "Late", "message": words}}


def _diagnose(bench, case, events):
    result = bench.run(case)
    failed = result["outcome"] in ("failed", "crashed")
    say(events, case, reproduced=failed, stage=result["stage"], reason=result.get("reason"))
    steps = _STEPS.get(find_exporter(case["exporter"]).FORMAT)
    if failed and steps and result["stage"] in _WITH_ARTIFACT:
        # Its own stage, so that what dies here is not taken for the work of cases that share an export.
        events.emit("stage", case=case["id"], stage="diagnose", state="started")
        _look(bench, case, events, result, steps)
    return result


def say(events, case, **fields):
    """Add to what is known of a case."""
    events.emit("diagnosis", case=case["id"], **fields)


def _look(bench, case, events, result, steps):
    until = bench.request.get("until", time.time() + _REFERENCE_SECONDS)
    found = {}
    for step in steps:
        try:
            step(bench, case, events, result, found, min(until, time.time() + _REFERENCE_SECONDS))
        except Nowhere as error:
            say(events, case, error={"type": "Nowhere", "message": str(error)})
        except Exception as error:
            name = step.__name__[1:].partition("_")[0]
            say(events, case, error=dict(described(error), type="%s: %s" % (name, type(error).__name__)))


def _levels(bench, case, events, result, found, until):
    del result, until
    found["levels"] = again.levels(bench, case)
    say(events, case, levels=found["levels"])


def _where(bench, case, events, result, found, until):
    if not _has_place(result) or not found.get("levels"):
        return
    level, error = _failing(found["levels"])
    sessions = {}

    def handles(stage):
        if stage not in sessions:
            sessions[stage] = again.optimised(level)(bench.kept(case, "export")["paths"][stage], 1)
        return sessions[stage]

    place = place_of(bench, case, handles, again.in_session)
    _locate(bench, case, events, place, look(bench, place, level, error), max(until, time.time() + _NODES_SECONDS))


def _where_in_ncnn(bench, case, events, result, found, until):
    del found
    if not _has_place(result):
        return
    runner, handles = find_runner("ncnn"), bench.kept(case, "load")["handles"]
    place = place_of(bench, case, handles.get, runner.run)
    _locate(bench, case, events, place, look_in_ncnn(handles[place.stage], place), until)


def _has_place(result):
    return result["stage"] != "load" and result.get("reason") not in _WITHOUT_PLACE


def _locate(bench, case, events, place, sight, until):
    fields, arrays = where.locate(bench, case, place, sight, until)
    say(events, case, **fields)
    _keep(bench, case, arrays)


def _failing(levels):
    """Return the lowest level at which the artifact fails, and the words with which it does not even run there."""
    for level in again.LEVELS:
        if levels[level]["passed"] is None:
            return level, levels[level]["error"]["message"]
        if not levels[level]["passed"]:
            return level, None
    raise Nowhere("it passes in ONNX Runtime at every level of graph optimisation")


def _reference(bench, case, events, result, found, until):
    del result, found
    say(events, case, reference=again.reference(bench, case, until))


#: By the format of the artifact.
_STEPS = {"onnx": (_levels, _where, _reference), "ncnn": (_where_in_ncnn,)}


def _keep(bench, case, arrays):
    """Store both sides of the first divergence for the host to draw."""
    expected, actual = arrays
    if not isinstance(actual, np.ndarray) or actual.shape != expected.shape or actual.dtype.kind not in "fiub":
        return
    path = again.scratch(bench, case["id"].replace("/", "~") + ".npz")
    step = -(-expected.size // _MOST_ELEMENTS)
    if step > 1 and expected.ndim:
        expected, actual = expected[..., ::step], actual[..., ::step]
    with open(path + ".part", "wb") as file:
        np.savez_compressed(file, expected=expected, actual=actual)
    os.replace(path + ".part", path)
