import msgspec
import pytest

from matrixscan.records.build import case_records, import_stage, lift_digests, lift_sketches, log_tail
from matrixscan.records.events import Fold

OUTPUT = {"name": "y", "passed": True, "reason": None, "shape": [2], "dtype": "float32"}
OUTPUT |= {"reference_shape": [2], "reference_dtype": "float32", "max_abs": 1e-7}


def case(n, exporter="torchscript"):
    lane = {"probe": "model", "variant": "only", "exporter": exporter, "opset": 13, "precision": "fp32"}
    return lane | {"runner": "onnxruntime-cpu", "size": {"n": n}, "id": f"model/only/{exporter}/n{n}"}


def done(asked, **more):
    facts = {
        "artifact_bytes": 7,
        "producer": "pytorch",
        "runner_ms": 0.1,
        "weights": "w",
        "inputs": f"i{asked['size']}",
    }
    end = {"event": "case", "case": asked["id"], "state": "done", "stage": None, "outcome": "passed"}
    return end | {"outputs": [OUTPUT], "facts": facts, "seconds": {"run": 0.5}, "peak_memory": 99} | more


def test_cases_come_in_the_order_asked_and_only_those_with_an_end():
    cases = [case(2), case(3), case(5)]
    fold = Fold.of([done(cases[2]), done(cases[0])])
    assert [record.id for record in case_records(cases, fold)] == [cases[0]["id"], cases[2]["id"]]


def test_what_describes_an_artifact_is_said_once_for_each_lane():
    cases = [case(2), case(3), case(2, "dynamo")]
    first, second, other = case_records(cases, Fold.of(map(done, cases)))
    assert first.facts["artifact_bytes"] == other.facts["artifact_bytes"] == 7
    assert "artifact_bytes" not in second.facts
    assert "producer" not in second.facts
    assert second.facts["runner_ms"] == 0.1
    assert first.facts["peak_memory"] == 99
    assert first.outputs[0].max_abs == 1e-7


def test_a_failed_case_keeps_stage_reason_and_the_tools_words():
    failed = done(case(2), stage="export", outcome="failed", reason="error", outputs=[])
    failed["error"] = {"type": "RuntimeError", "message": "no such operator"}
    (record,) = case_records([case(2)], Fold.of([failed]))
    assert (record.stage, record.outcome, record.reason) == ("export", "failed", "error")
    assert (record.error.type, record.error.message) == ("RuntimeError", "no such operator")


def test_an_output_with_an_unknown_shape_of_facts_is_refused():
    with pytest.raises(msgspec.ValidationError):
        case_records([case(2)], Fold.of([done(case(2), outputs=[{"name": "y"}])]))


def test_the_import_stage_has_a_log_only_when_it_did_not_pass():
    stage = {"event": "stage", "stage": "import", "outcome": "passed", "seconds": 1.23456}
    passed = import_stage(Fold.of([stage]), "chatter")
    assert (passed.seconds, passed.log, passed.error) == (1.235, None, None)
    error = {"type": "ImportError", "message": "libcuda"}
    failed = import_stage(Fold.of([stage | {"outcome": "failed", "error": error}]), "chatter")
    assert (failed.outcome, failed.log, failed.error.type) == ("failed", "chatter", "ImportError")
    assert import_stage(Fold.of([]), "chatter") is None


def test_the_end_of_a_long_log_is_kept():
    assert log_tail("short") == "short"
    tail = log_tail("x" * 9000 + "the end")
    assert tail.startswith("...\n")
    assert tail.endswith("the end")
    assert len(tail) == 4004


def test_digests_are_lifted_where_cases_agree_and_stay_where_they_differ():
    cases = [case(2), case(3), case(2, "dynamo")]
    events = [done(cases[0]), done(cases[1]), done(cases[2], facts={"weights": "other", "inputs": "i{'n': 2}"})]
    records = case_records(cases, Fold.of(events))
    assert lift_digests(records, "model") == ({"only": "w"}, {"n2": "i{'n': 2}", "n3": "i{'n': 3}"})
    assert "weights" not in records[0].facts
    assert records[2].facts == {"weights": "other", "peak_memory": 99}
    assert lift_digests(records, "another") == ({}, {})


def test_the_variants_of_a_family_have_inputs_of_their_own():
    cases = [case(2), case(2) | {"variant": "other", "id": "model/other/n2"}]
    ends = [done(cases[0]), done(cases[1], facts={"weights": "v", "inputs": "wider"})]
    fold = Fold.of(ends)
    expected = {"only n2": "i{'n': 2}", "other n2": "wider"}
    assert lift_digests(case_records(cases, fold), "model", family=True) == ({"only": "w", "other": "v"}, expected)
    # Alternatives for one model: the odd one stays in its case, for all to see.
    records = case_records(cases, fold)
    assert lift_digests(records, "model")[1] == {"n2": "i{'n': 2}"}
    assert records[1].facts["inputs"] == "wider"


def test_a_lane_of_half_precision_has_facts_of_its_own_artifact_and_shares_that_of_a_runner_in_half():
    lanes = [case(2) | {"precision": name, "id": f"model/{name}"} for name in ("fp32", "fp16-run", "fp16")]
    full, run_half, half = case_records(lanes, Fold.of(map(done, lanes)))
    assert full.facts["artifact_bytes"] == half.facts["artifact_bytes"] == 7
    assert "artifact_bytes" not in run_half.facts


def test_a_witness_is_known_as_one():
    cases = [case(2) | {"witness": True}, case(3) | {"witness": False}, case(5)]
    assert [record.witness for record in case_records(cases, Fold.of(map(done, cases)))] == [True, False, False]


def test_what_a_chain_adds_to_an_output_is_kept():
    added = {"part": "encoder", "sample": 1, "agreement": 0.5}
    (record,) = case_records([case(2)], Fold.of([done(case(2), outputs=[OUTPUT | added])]))
    (output,) = record.outputs
    assert {name: getattr(output, name) for name in added} == added


def test_sketches_move_from_the_cases_to_the_probe_once_for_each_size():
    cases = [case(2), case(3), case(2, "dynamo")]
    ends = [done(asked, facts={"eager": {"y": [float(asked["size"]["n"]), 0.5]}}) for asked in cases]
    records = case_records(cases, Fold.of(ends))
    assert lift_sketches(records, "model") == {"only n2": {"y": [2.0, 0.5]}, "only n3": {"y": [3.0, 0.5]}}
    assert all("eager" not in record.facts for record in records)
    assert lift_sketches(records, "other") == {}
