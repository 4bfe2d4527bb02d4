"""One small set of records for the tests of analysis and reporters: every outcome once."""

import msgspec

from matrixscan.analysis.view import build_view
from matrixscan.records.packaging import PackagingExamination, PackagingFinding, PackagingRecord
from matrixscan.records.types import CaseRecord, Error, Lock, OutputMetrics, ProbeRecord, Record, StageRecord

SIZES = ({"t": 200}, {"t": 345})

PLANNED = (
    ("py38-torch1.11.0-onnx1.14.1-ort1.16.1", ("3.8", "1.11.0", "1.14.1", "1.16.1")),
    ("py39-torch1.13.1-onnx1.14.1-ort1.16.1", ("3.9", "1.13.1", "1.14.1", "1.16.1")),
    ("py310-torch2.0.1-onnx1.14.1-ort1.16.1", ("3.10", "2.0.1", "1.14.1", "1.16.1")),
    ("py311-torch2.4.1-onnx1.16.2-ort1.19.2", ("3.11", "2.4.1", "1.16.2", "1.19.2")),
    ("py312-torch2.6.0-onnx1.17.0-ort1.20.1", ("3.12", "2.6.0", "1.17.0", "1.20.1")),
    ("py313-torch2.9.0-onnx1.19.1-ort1.23.0", ("3.13", "2.9.0", "1.19.1", "1.23.0")),
)
PASSED, MISSING, SKIPPED, MISMATCH, CRASHED, NO_INSTALL = (cell_id for cell_id, _ in PLANNED)


def axes(versions):
    return dict(zip(("python", "torch", "onnx", "onnxruntime"), versions, strict=True))


PLAN = [(cell_id, axes(versions)) for cell_id, versions in PLANNED]


def output(passed=True, reason=None, max_abs=2.34567891e-07, margin=42.1234567, name="embedding"):
    return OutputMetrics(
        name=name,
        passed=passed,
        reason=reason,
        shape=(1, 192),
        dtype="float32",
        reference_shape=(1, 192),
        reference_dtype="float32",
        max_abs=max_abs,
        mean_abs=max_abs / 3,
        rmse=max_abs / 2,
        max_rel=0.001,
        cosine=0.99991234,
        snr_db=61.5,
        required_atol=max_abs,
        margin=margin,
        noise_floor=1e-7,
        reference_rms=1.0,
        rtol=1e-3,
        atol=1e-5,
    )


def case(outcome="passed", probe="campplus", variant="published", lane=("torchscript", 13), size=None, **more):
    exporter, opset = lane
    size = SIZES[0] if size is None else size
    more.setdefault("runner", "onnxruntime-cpu")
    more.setdefault("stage", None if outcome == "passed" else "run")
    more.setdefault("outputs", (output(),) if outcome == "passed" else ())
    sizes = ",".join(f"{axis}{length}" for axis, length in size.items())
    return CaseRecord(
        id=f"{probe}/{variant}/{exporter}/opset{opset}/fp32/{more['runner']}/{sizes}",
        probe=probe,
        variant=variant,
        exporter=exporter,
        opset=opset,
        precision="fp32",
        size=size,
        outcome=outcome,
        **more,
    )


def mismatch(max_abs, **more):
    wrong = output(passed=False, reason="mismatch", max_abs=max_abs, margin=1e-5 / max_abs)
    return case("failed", stage="compare", reason="mismatch", outputs=(output(name="aux"), wrong), **more)


def record(cell_id=PASSED, cases=(), stages=None, judged=("campplus",), **more):
    asked = dict(PLAN).get(cell_id, {"python": "3.8"})
    passed = tuple(StageRecord(stage, "passed", 1.0) for stage in ("resolve", "install", "import"))
    fields = {
        "resolved": asked | {"torch": f"{asked.get('torch')}+cpu"},
        "evidence": "joint",
        "probes": {"campplus": ProbeRecord("p1", "CAM++ speaker embedding", "Apache-2.0", (), {"published": "w1"})},
        "lock": Lock("0" * 64, "r.txt", "cpu", {"torch": f"{asked.get('torch')}+cpu", "Typing_Extensions": "4.1"}),
    }
    return Record(
        schema_version=1,
        id=cell_id,
        matrix="default",
        matrixscan="0.1.0",
        key="k",
        axes=asked,
        judged=judged,
        started="2025-01-01T00:00:00Z",
        finished="2025-01-01T00:01:00Z",
        harness="h",
        platform={"system": "Linux", "machine": "x86_64", "libc": "glibc 2.31", "cpu": "Some CPU"},
        limits={},
        stages=passed if stages is None else tuple(stages),
        cases=tuple(cases),
        timings={"wall": 61.0},
        **(fields | more),
    )


def infeasible(**more):
    return case("infeasible", stage="export", reason="unsupported", **more)


def samples():
    """Return one record for every planned cell but one, each showing another outcome."""
    dynamo, other = ("dynamo", 18), {"probe": "op_pad", "variant": "default"}
    text = "Unsupported: ONNX export of operator a|b <c>, please\nopen an issue\x1b[0m at 0x7f00deadbeef"
    fails = Error("torch.onnx.errors.UnsupportedOperatorError", text)
    good = [*(case(size=size) for size in SIZES), *(infeasible(lane=dynamo, size=size) for size in SIZES)]
    mixed = [
        mismatch(0.123456789),
        mismatch(0.4512345678, size=SIZES[1]),
        *(case(lane=dynamo, size=size) for size in SIZES),
        case(variant="folded"),
        case("failed", stage="export", reason="error", error=fails, **other),
    ]
    crashed = [
        case(),
        case("crashed", stage="load", reason="memory", error=Error("SIGKILL", ""), size=SIZES[1]),
    ]
    skipped = case("skipped", stage="build", reason="requirement")
    broken = StageRecord("install", "failed", 3.0, Error("InstallError", "no wheel for a|b\nof cp313"), "log")
    return [
        record(PASSED, [*good, case(variant="folded"), infeasible(**other)]),
        record(SKIPPED, [skipped]),
        record(MISMATCH, mixed),
        record(CRASHED, crashed),
        record(NO_INSTALL, stages=[StageRecord("resolve", "passed", 1.0), broken], lock=None, resolved={}),
    ]


def scan(records=None, **more):
    return build_view("default", "The default matrix.", PLAN, samples() if records is None else records, **more)


def replace(struct, **fields):
    return msgspec.structs.replace(struct, **fields)


PROTOBUF = PackagingFinding("protobuf", "6.33.6", "7.34.0", 9, "2025-03-28")


def broken_by_protobuf(axes, failed):
    """Return what was found out about the packages of a combination where a case fails."""
    looked = PackagingExamination(failed.stage, failed.id, failed.error, ("protobuf",), "found", findings=(PROTOBUF,))
    fields = dict.fromkeys(PackagingRecord.__struct_fields__, "")
    return PackagingRecord(**(fields | {"axes": axes, "examinations": (looked,)}))
