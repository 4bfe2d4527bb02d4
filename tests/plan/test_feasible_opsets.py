import pytest

from matrixscan.plan.opsets import check_lane, ir_limit, opset_limit


@pytest.mark.parametrize(
    ("package", "version", "opset", "ir"),
    [
        ("onnxruntime", "1.15.1", 19, 9),
        ("onnxruntime", "1.18.1", 21, 10),
        ("onnxruntime", "1.31.1", 26, 13),
        ("onnxruntime-gpu", "1.18.1", 21, 10),
        ("onnx", "1.14.1", 19, 9),
        ("onnx", "1.23.2", 28, 14),
        ("onnxruntime", "99.0.0", None, None),
        ("onnxruntime", "1.15.0rc1", None, None),
        ("onnxruntime-openvino", "1.15.0", None, None),
        ("onnx", "weekly", None, None),
    ],
)
def test_limits_are_known_where_they_were_measured(package, version, opset, ir):
    assert (opset_limit(package, version), ir_limit(package, version)) == (opset, ir)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_limits_never_fall_from_one_release_to_the_next(package):
    known = [(opset_limit(package, f"1.{minor}.0"), ir_limit(package, f"1.{minor}.0")) for minor in range(10, 40)]
    known = [pair for pair in known if pair != (None, None)]
    assert len(known) > 10
    assert known == sorted(known)
    assert [ir for _, ir in known] == sorted(ir for _, ir in known)


def test_a_lane_beyond_the_runner_names_both():
    found = check_lane({"python": "3.8", "onnxruntime": "1.15.1"}, "onnxruntime-cpu", 21)
    assert (found.rule, found.words) == ("opset", "onnxruntime 1.15.1 reads opsets up to 19, this lane has 21")


@pytest.mark.parametrize(
    ("row", "runner", "opset"),
    [
        ({"onnxruntime": "1.15.1"}, "onnxruntime-cpu", 19),
        ({"onnxruntime": "1.15.1"}, "reference", 21),
        ({"onnxruntime": "9.9.9"}, "onnxruntime-cpu", 99),
        ({"onnx": "1.14.1"}, "onnxruntime-cpu", 99),
    ],
)
def test_a_lane_that_may_work_is_feasible(row, runner, opset):
    assert check_lane(row, runner, opset) is None


def test_an_artifact_of_a_newer_ir_is_refused():
    row = {"onnxruntime": "1.17.3"}
    assert check_lane(row, "onnxruntime-cpu", 17, ir=9) is None
    assert check_lane(row, "onnxruntime-cpu", 17, ir=10).rule == "ir-version"
