"""A landscape in few words: rows of versions with a verdict, for the tests of what is recommended."""

import datetime as dt
import math

from matrixscan.analysis.landscape import Landscape, Scope, Standing
from matrixscan.analysis.ranking import Terms
from matrixscan.plan.ids import combination_id

KEY, OTHER = "campplus/published", "ecapa/default"
WHOLE = Scope("all", (KEY,))
TODAY = dt.date(2025, 3, 1)
VERDICTS = {"g": "good", "b": "bad", "u": "unknown"}


def standing(torch="2.0.0", ort="1.16.0", verdict="g", *, python="3.11", key=KEY, margin=math.inf, **more):
    """Return one combination; a verdict is one letter, or a table of them."""
    axes = {"python": python, "torch": torch, "onnx": "1.14.1", "onnxruntime": ort} | more.pop("axes", {})
    verdicts = verdict if isinstance(verdict, dict) else {key: verdict}
    fields = {"evidence": "joint", "finished": "2025-02-01T10:00:00Z", "platform": "Linux x86_64", "controlled": True}
    return Standing(
        id=combination_id(axes),
        axes=axes,
        pins={name: version for name, version in axes.items() if name != "python"},
        verdicts={name: VERDICTS[letter] for name, letter in verdicts.items()},
        margins={} if margin is None else dict.fromkeys(verdicts, margin),
        **(fields | more),
    )


def landscape(*standings, deciding=(KEY,), keys=None):
    return Landscape("mine", tuple(deciding), tuple(keys or deciding), tuple(standings))


def square(text, torches=("2.0.0", "2.1.0", "2.2.0"), runtimes=("1.16.0", "1.17.0", "1.18.0")):
    """Return a landscape drawn as lines of letters: a line is a torch, a column an onnxruntime; `.` is not scanned."""
    lines = text.split()
    return landscape(
        *(
            standing(torch, ort, letter)
            for torch, line in zip(torches, lines, strict=True)
            for ort, letter in zip(runtimes, line, strict=True)
            if letter != "."
        )
    )


def terms(**more):
    return Terms(**({"today": TODAY} | more))
