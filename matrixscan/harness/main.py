"""Reads a request, works through its cases in order, appends one flushed JSON line per event."""

import json
import math
import os
import sys
import time

from . import adopt, calibrate, case, factored, facts, isolate
from .protocol import EVENTS_FILE, EXIT_DISK, SCHEMA


class Events:
    """The event file. A line is complete or absent, so a reader never sees half an event."""

    def __init__(self, path):
        self._start = time.monotonic()
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115  it lives as long as the process

    def emit(self, event, **fields):
        """Append one event with the seconds since the harness started."""
        fields.update(event=event, t=round(time.monotonic() - self._start, 3))
        # Half surrogates, which messages with undecodable paths hold, are not JSON to a strict reader.
        text = json.dumps(_finite(fields), default=str, ensure_ascii=False, allow_nan=False)
        line = text.encode("utf-8", "replace") + b"\n"
        try:
            written = self._file.write(line)
        except OSError as error:
            sys.stderr.write("no event can be written: %s\n" % error)
            written = 0
        if written != len(line):
            os._exit(EXIT_DISK)  # a disk that takes no more; going on would end in a verdict


def _finite(value):
    """Return plain values with None for NaN and infinities, for which JSON has no word."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


_STAGES = {
    "run": case.JOINT,
    "once": factored.JOINT,
    "export": factored.EXPORT_SIDE,
    "adopt": adopt.ADOPT,
    "execute": factored.RUN_SIDE,
}


def main(request_path, out_dir):
    """Serve one request; events go to OUT_DIR/events.jsonl, artifacts below OUT_DIR."""
    with open(request_path, encoding="utf-8") as file:
        request = json.load(file)
    events = Events(os.path.join(out_dir, EVENTS_FILE))
    isolate.prepare()
    events.emit("hello", schema=SCHEMA, pid=os.getpid())
    if request["schema"] == SCHEMA and facts.import_axes(request, events):
        for probe in request["probes"].values():
            # Last on the path: a probe's own packages never hide those of the environment under test.
            sys.path.extend(entry for entry in probe["overlay"] if entry not in sys.path)
        if request["mode"] == "calibrate":
            calibrate.calibrate(request, out_dir, events)
        elif request["mode"] == "diagnose":
            from .diagnosis import diagnose

            diagnose.diagnose(request, out_dir, events)
        elif request["mode"] == "reproduce":
            from .diagnosis import reduce_main

            reduce_main.reproduce(request, out_dir, events)
        else:
            case.run_cases(request, out_dir, events, _STAGES[request["mode"]])
    events.emit("bye")
    isolate.leave()
