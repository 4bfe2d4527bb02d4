"""What `matrixscan probe FILE` prints about a record."""

import datetime as dt

import pytest

from matrixscan.records.types import ExpectedFailure, ProbeRecord
from matrixscan.reporters._probe import render_probe


@pytest.fixture
def shown(record_samples):
    def _shown(*cases, finished="2025-01-01T00:01:00Z", **more):
        probe = ProbeRecord(
            "d",
            "CAM++ speaker embedding",
            "MIT",
            ("funasr==1.4.16",),
            {"published": "w" * 64},
            {"t200": "i" * 64},
            expected=(ExpectedFailure("mismatch", "partial windows", dt.date(2027, 6, 1), {"t": ">300"}),),
        )
        more = {"probes": {"campplus": probe}} | more
        record = record_samples.record(cases=cases, **more)
        return render_probe(record_samples.replace(record, finished=finished))

    return _shown


def test_stages_data_and_verdict_are_shown(shown, record_samples):
    text = shown(record_samples.case(seconds={"build": 0.5, "export": 1.25}, facts={"runner_ms": 0.75}))
    assert "resolve  passed  1.0 s\ninstall  passed  1.0 s\nimport   passed  1.0 s\n" in text
    assert "campplus/published/torchscript/opset13/fp32/onnxruntime-cpu/t200\n  passed\n" in text
    assert "  seconds: build 0.50, export 1.25\n  runner_ms: 0.75\n" in text
    assert "campplus: CAM++ speaker embedding\n" in text
    assert f"  weights published: {'w' * 16}\n  inputs t200: {'i' * 16}\n" in text
    assert "  its own packages: funasr==1.4.16\n" in text
    assert text.splitlines()[-1] == "campplus/published: good"


def test_every_output_has_its_figures(shown, record_samples):
    wrong = record_samples.output(passed=False, reason="mismatch", max_abs=0.5, margin=0.02)
    case = record_samples.case(
        "failed", stage="compare", reason="mismatch", outputs=(record_samples.output(name="aux"), wrong)
    )
    rows = [line.split() for line in shown(case).splitlines()]
    assert ["aux", "1x192", "float32", "2.35e-07", "0.001", "1", "1e-07", "2.35e-07", "42.1", "ok"] in rows
    assert ["embedding", "1x192", "float32", "0.5", "0.001", "1", "1e-07", "0.5", "0.02", "mismatch"] in rows


def test_another_shape_or_type_is_shown_beside_that_of_eager(shown, record_samples):
    output = record_samples.replace(
        record_samples.output(passed=False, reason="shape"), shape=(), dtype="float64", max_abs=None
    )
    text = shown(record_samples.case("failed", stage="compare", reason="shape", outputs=(output,)))
    (row,) = (line for line in text.splitlines() if "scalar" in line)
    assert "scalar (eager 1x192 float32)  float64  -  " in row


def test_an_error_is_shown_whole(shown, record_samples):
    error = record_samples.Error("TypeError", "first line\n\nlast line says why")
    text = shown(record_samples.case("failed", stage="export", reason="error", error=error))
    assert "  failed at export: error\n  TypeError: first line\n  \n  last line says why\n" in text
    assert "campplus/published: bad at export: error" in text


def test_an_environment_that_cannot_be_had_is_all_there_is(shown, record_samples):
    broken = record_samples.StageRecord("resolve", "infeasible", 2.0, record_samples.Error("NoSolution", "no wheel"))
    text = shown(stages=[broken], probes={})
    assert text.splitlines()[:2] == ["resolve  infeasible  2.0 s", "         NoSolution: no wheel"]


@pytest.mark.parametrize(
    ("finished", "until"),
    [("2027-06-01T23:59:59Z", "2027-06-01"), ("2027-06-02T00:00:00Z", "2027-06-01, out of date")],
)
def test_announced_failures_are_listed(shown, record_samples, finished, until):
    cases = (record_samples.case(), record_samples.mismatch(0.5, size=record_samples.SIZES[1]))
    last = shown(*cases, finished=finished).splitlines()[-1]
    assert last == f"  1 case failed as announced: partial windows (until {until})"


def test_a_witness_is_marked(shown, record_samples):
    seen = record_samples.case("failed", stage="run", reason="error", runner="onnx-reference", witness=True)
    assert "  failed at run: error (a witness: decides nothing)\n" in shown(record_samples.case(), seen)


def test_an_announced_failure_that_went_away_is_listed(shown, record_samples):
    last = shown(record_samples.case(size=record_samples.SIZES[1])).splitlines()[-1]
    assert last == "  announced to fail, and passed: partial windows (until 2027-06-01)"
