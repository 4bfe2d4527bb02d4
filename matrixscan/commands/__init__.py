"""What matrixscan can do, as plain functions: values in, values and files out. Nothing here prints or exits."""

from matrixscan.commands.diagnose import Diagnosed, describe_diagnoses, diagnose
from matrixscan.commands.judging import judge, rule_of
from matrixscan.commands.locking import lock
from matrixscan.commands.packaging import examine_all, packaging
from matrixscan.commands.planning import describe_plan
from matrixscan.commands.probes import calibrate, check_probe, run_probe
from matrixscan.commands.project import init, schema_text, write_artifact_matrix
from matrixscan.commands.reporting import report
from matrixscan.commands.request import Outcome, Plans, Request, load_plans, new_scan, places
from matrixscan.commands.scanning import scan, scan_cell, tasks

__all__ = [
    "Diagnosed",
    "Outcome",
    "Plans",
    "Request",
    "calibrate",
    "check_probe",
    "describe_diagnoses",
    "describe_plan",
    "diagnose",
    "examine_all",
    "init",
    "judge",
    "load_plans",
    "lock",
    "new_scan",
    "packaging",
    "places",
    "report",
    "rule_of",
    "run_probe",
    "scan",
    "scan_cell",
    "schema_text",
    "tasks",
    "write_artifact_matrix",
]
