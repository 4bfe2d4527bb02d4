"""The probe that every scan runs besides those it is asked for."""

from __future__ import annotations

from pathlib import Path

from matrixscan.matrix.probe import read_probe
from matrixscan.matrix.types import Probe

CONTROL = "control"
#: Its variants: one that converts wherever anything does, and one whose artifact was altered.
KNOWN_GOOD, KNOWN_BAD = "good", "bad"

FILE = Path(__file__).resolve().parent.parent / "harness" / "probes" / f"{CONTROL}.py"


def control_probe() -> Probe:
    """Return the probe of the controls."""
    return read_probe(FILE)
