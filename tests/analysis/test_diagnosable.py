from record_samples import SIZES, case, mismatch, record

from matrixscan.analysis.diagnosable import to_diagnose

RUNNERS = ["onnxruntime-cpu"]
OPSET13, OPSET17, DYNAMO = ("torchscript", 13), ("torchscript", 17), ("dynamo", 18)


def chosen(*cases, judged=("campplus",)):
    return [found.id for found in to_diagnose(record(cases=cases), judged=judged, runners=RUNNERS)]


def test_one_case_of_every_failing_lane_the_smallest():
    small, large = mismatch(0.2, size=SIZES[0]), mismatch(0.1, size=SIZES[1])
    assert chosen(large, small, mismatch(0.1, lane=DYNAMO)) == [small.id, mismatch(0.1, lane=DYNAMO).id]


def test_what_the_comparison_finds_goes_before_what_the_runner_says():
    run, compared = case("failed", stage="run", size=SIZES[0]), mismatch(0.1, size=SIZES[1])
    assert chosen(run, compared) == [compared.id]


def test_a_size_that_was_baked_in_says_least():
    frozen = [case(size={"t": 300}), case("failed", stage="run", reason="error", size={"t": 10})]
    assert chosen(*frozen) == [frozen[1].id]
    other = mismatch(0.1, size={"t": 345})
    assert chosen(*frozen, other) == [other.id]


def test_each_model_has_a_turn_before_any_has_two_and_judged_ones_go_first():
    other = {"probe": "op_pad", "variant": "default"}
    cases = [mismatch(0.1, lane=lane, **more) for more in (other, {}) for lane in (OPSET13, OPSET17)]
    a13, a17, b13, b17 = (found.id for found in cases)
    assert chosen(*cases) == [b13, a13, b17, a17]


def test_without_an_artifact_or_a_runner_that_reads_it_there_is_nothing_to_look_at():
    assert chosen(case("failed", stage="export"), case("failed", stage="eager", lane=DYNAMO)) == []
    assert chosen(case("crashed", stage="run"), case("timed_out", stage="load", lane=DYNAMO), case(lane=OPSET17)) == []
    assert chosen(mismatch(0.1, probe="control")) == []
    assert chosen(mismatch(0.1, runner="ncnn"), mismatch(0.1, witness=True, lane=DYNAMO)) == []
