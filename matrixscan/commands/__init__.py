"""What matrixscan can do, as plain functions: values in, values and files out. Nothing here prints or exits."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matrixscan.commands.annotating import Annotated, annotate
    from matrixscan.commands.bisecting import bisect
    from matrixscan.commands.breaking import examine_all, packaging
    from matrixscan.commands.certifying import certify
    from matrixscan.commands.checking import check
    from matrixscan.commands.concluding import conclude
    from matrixscan.commands.diagnosing import Diagnosed, describe_diagnoses, diagnose
    from matrixscan.commands.explaining import explain
    from matrixscan.commands.joint import tasks
    from matrixscan.commands.judging import judge, rule_of
    from matrixscan.commands.locking import lock
    from matrixscan.commands.outcome import Outcome
    from matrixscan.commands.pinning import pin
    from matrixscan.commands.planning import describe_plan
    from matrixscan.commands.probes import calibrate, check_probe, run_probe
    from matrixscan.commands.project import init, schema_text, write_artifact_matrix
    from matrixscan.commands.recalling import import_history, show_history, show_trends
    from matrixscan.commands.recommending import read_user_pins, recommend
    from matrixscan.commands.reporting import report
    from matrixscan.commands.reproducing import reproduce
    from matrixscan.commands.request import Plans, Request, load_plans, new_scan, places
    from matrixscan.commands.scanning import scan, scan_cell
    from matrixscan.commands.sharding import forget, shards
    from matrixscan.commands.showing import site
    from matrixscan.commands.upgrading import parse_pins, upgrade_pins
    from matrixscan.commands.watching import nightly

__all__ = [
    "Annotated",
    "Diagnosed",
    "Outcome",
    "Plans",
    "Request",
    "annotate",
    "bisect",
    "calibrate",
    "certify",
    "check",
    "check_probe",
    "conclude",
    "describe_diagnoses",
    "describe_plan",
    "diagnose",
    "examine_all",
    "explain",
    "forget",
    "import_history",
    "init",
    "judge",
    "load_plans",
    "lock",
    "new_scan",
    "nightly",
    "packaging",
    "parse_pins",
    "pin",
    "places",
    "read_user_pins",
    "recommend",
    "report",
    "reproduce",
    "rule_of",
    "run_probe",
    "scan",
    "scan_cell",
    "schema_text",
    "shards",
    "show_history",
    "show_trends",
    "site",
    "tasks",
    "upgrade_pins",
    "write_artifact_matrix",
]

#: Where each of them lies. They are imported when they are used: not every command needs what a scan takes to import.
#: No name may be that of a module here, which would take its place once it is imported.
_HOMES = {
    "annotate": "annotating",
    "Annotated": "annotating",
    "bisect": "bisecting",
    "check": "checking",
    "parse_pins": "upgrading",
    "upgrade_pins": "upgrading",
    "conclude": "concluding",
    "describe_diagnoses": "diagnosing",
    "diagnose": "diagnosing",
    "Diagnosed": "diagnosing",
    "explain": "explaining",
    "tasks": "joint",
    "rule_of": "judging",
    "judge": "judging",
    "lock": "locking",
    "packaging": "breaking",
    "examine_all": "breaking",
    "certify": "certifying",
    "pin": "pinning",
    "read_user_pins": "recommending",
    "recommend": "recommending",
    "describe_plan": "planning",
    "check_probe": "probes",
    "run_probe": "probes",
    "calibrate": "probes",
    "schema_text": "project",
    "write_artifact_matrix": "project",
    "init": "project",
    "import_history": "recalling",
    "show_history": "recalling",
    "show_trends": "recalling",
    "report": "reporting",
    "reproduce": "reproducing",
    "Plans": "request",
    "Request": "request",
    "load_plans": "request",
    "new_scan": "request",
    "places": "request",
    "Outcome": "outcome",
    "shards": "sharding",
    "forget": "sharding",
    "site": "showing",
    "scan_cell": "scanning",
    "scan": "scanning",
    "nightly": "watching",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
