"""Words shared by the host and the harness: the only harness file the host imports.

Python 3.8 syntax, no imports: it is loaded by every interpreter under test.
"""

#: Number of the request and event format. Both sides refuse another number.
SCHEMA = 1

#: Every stage in the order in which it is reached. The first one not passed names the failure.
STAGES = ("resolve", "install", "import", "build", "eager", "export", "check", "load", "run", "compare")

#: Stages of an environment; a failure here leaves no case to judge.
ENVIRONMENT_STAGES = STAGES[:3]

#: Stages of a case.
CASE_STAGES = STAGES[3:]

#: How a stage, a case or an environment ended.
OUTCOMES = ("passed", "failed", "skipped", "crashed", "timed_out", "infeasible", "infra")

#: Why a case did not pass, in one word.
REASONS = (
    "mismatch",  # values outside the tolerance
    "shape",  # an output has another shape
    "pipeline",  # every stage of a chain agrees by itself and the whole does not: it was not given the same
    "dtype",  # an output has another element type
    "nonfinite",  # NaN or infinity where the reference has none, or in the reference itself
    "outputs",  # another number of outputs
    "nondeterministic",  # two runs on one input differ beyond the tolerance: the runner's, or those of eager itself
    "blind",  # the outputs do not react to the inputs, so agreement proves nothing
    "version",  # the imported package is not the requested release
    "unsupported",  # the exporter, opset or runner does not exist in this environment
    "requirement",  # the probe needs a package that could not be had
    "unusable",  # the converter reported success and left an artifact that cannot be used
    "error",  # an exception; the error field has its words
    "given_up",  # two cases of this variant hung before it; the rest was not tried
    "memory",  # the process outgrew its limit
    "input_differs",  # the runner would not be given what eager was given
    "optimizer",  # mismatch with the runner's graph optimisations, none without; derived by the analysis
    "precision",  # mismatch in half where the same lane passes in fp32; derived by the analysis
    "shape_frozen",  # passes only at the size it was exported with; derived by the analysis
    "truncated",  # an output is shorter than it should be along one axis; derived by the analysis
)

#: fp16: weights in half since the conversion; fp16-run: an fp32 artifact that the runner computes in half.
PRECISIONS = ("fp32", "fp16", "fp16-run")
HALF = PRECISIONS[1:]

#: In the store of a factored plan: folders named by an artifact's digest, files `<digest>.npz` of references.
STORE_FOLDERS = ("artifacts", "references")

#: The exporter that stands for a model that was not exported here; its sizes number the samples.
FILE_EXPORTER = "file"
#: How a harness ends that cannot write its events.
EXIT_DISK = 75

REQUEST_FILE = "request.json"
EVENTS_FILE = "events.jsonl"


def share_key(case, stage):
    """Name the piece of work that `stage` of `case` shares with other cases.

    Cases with equal keys need the work once. When it crashes or hangs, the host gives every case with that key
    the same outcome instead of crashing once per case.

    Args:
        case: mapping with the fields of a case (probe, variant, exporter, opset, precision, runner, size, id), on a run
            side with the digests of its artifact and reference.
        stage: one of CASE_STAGES.
    """
    if case.get("artifact"):
        return _stored_key(case, stage)
    model = [case["probe"], case["variant"]]
    if stage == "build":
        return "/".join(model)
    if stage == "eager":
        return "/".join([*model, size_text(case["size"])])
    artifact = [*model, case["exporter"], "opset%d" % case["opset"], converted_to(case["precision"])]
    if stage in ("export", "check"):
        return "/".join(artifact)
    if stage == "load":
        return "/".join([*artifact, case["precision"], case["runner"]])
    return case["id"]


def _stored_key(case, stage):
    """Name what cases of a run side share: the artifact is there, and is opened once for all its references."""
    model = [case["artifact"], case["probe"], case["variant"]]
    if stage == "eager":
        return "/".join([*model, case["reference"]])
    if stage in ("build", "export", "check"):
        return "/".join(model)
    return "/".join([*model, case["precision"], case["runner"]]) if stage == "load" else case["id"]


def converted_to(precision):
    """Return the precision in which an artifact for this lane holds its weights."""
    return "fp16" if precision == "fp16" else "fp32"


def size_text(size):
    """Write a size in the form used in ids: `n3,t17`."""
    return ",".join("%s%d" % item for item in size.items())
