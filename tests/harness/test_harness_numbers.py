"""What the harness computes, shown with the host's Python and NumPy alone."""

import hashlib
import json
import sys
import types

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from matrixscan.harness import case as cases
from matrixscan.harness import facts, main, probe, protocol, weights
from matrixscan.harness.compare import compare, tolerance

NAN, INF = float("nan"), float("inf")
RTOL, ATOL = 1e-3, 1e-5


def f32(*values):
    return np.array(values, np.float32)


def judged(out, reference, noise=None, rtol=RTOL, atol=ATOL, agree=1.0):
    return compare("y", np.asarray(out), np.asarray(reference), noise, (rtol, atol, agree))


# out, reference -> reason
REASONS = {
    "identical": (f32(1, -2), f32(1, -2), None),
    "inside rtol": (f32(1000.9), f32(1000), None),
    "outside rtol": (f32(1001.1), f32(1000), "mismatch"),
    "inside atol at zero": (f32(0.9e-5), f32(0), None),
    "outside atol at zero": (f32(1.1e-5), f32(0), "mismatch"),
    "negative zero": (f32(-0.0), f32(0.0), None),
    "scalar": (np.float32(1), np.float32(1), None),
    "scalar wrong": (np.float32(1), np.float32(2), "mismatch"),
    "scalar is not a vector": (f32(1), np.float32(1), "shape"),
    "shape that broadcasts": (f32(1, 1), f32(1), "shape"),
    "leading part": (f32(1, 2), f32(1, 2, 3), "shape"),
    "leading part of every axis": (np.ones((1, 2), np.float32), np.ones((2, 3), np.float32), "shape"),
    "leading part inside rtol": (f32(1000.9), f32(1000, 1), "shape"),
    "leading part with nan": (f32(1, NAN), f32(1, NAN, 3), "shape"),
    "leading part of integers": (np.array([1, 2]), np.array([1, 2, 3]), "shape"),
    "leading part and wrong": (f32(1, 3), f32(1, 2, 3), "shape"),
    "trailing part": (f32(2, 3), f32(1, 2, 3), "shape"),
    "leading part of another type": (np.array([1.0]), f32(1, 2), "shape"),
    "nothing of it": (f32(), f32(1), "shape"),
    "shorter and longer": (np.zeros((1, 3), np.float32), np.zeros((2, 2), np.float32), "shape"),
    "longer": (f32(1, 2), f32(1), "shape"),
    "fewer axes": (f32(1), np.ones((1, 2), np.float32), "shape"),
    "transposed": (np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32), "shape"),
    "dtype": (np.array([1.0]), f32(1), "dtype"),
    "dtype of integers": (np.array([1], np.int32), np.array([1], np.int64), "dtype"),
    "bool is no integer": (np.array([1], np.uint8), np.array([True]), "dtype"),
    "integer for float": (np.array([1], np.int64), f32(1), "dtype"),
    "nan for a number": (f32(NAN, 2), f32(1, 2), "nonfinite"),
    "number for nan": (f32(1, 2), f32(NAN, 2), "nonfinite"),
    "nan elsewhere": (f32(1, NAN), f32(NAN, 1), "nonfinite"),
    "nan on both sides": (f32(NAN, 2), f32(NAN, 2), None),
    "nan on both sides and wrong": (f32(NAN, 3), f32(NAN, 2), "mismatch"),
    "nan for infinity": (f32(NAN), f32(INF), "nonfinite"),
    "infinity": (f32(INF, -INF), f32(INF, -INF), None),
    "other infinity": (f32(-INF), f32(INF), "nonfinite"),
    "infinity for a huge number": (f32(INF), f32(3e38), "nonfinite"),
    "all nan": (f32(NAN, NAN), f32(1, 2), "nonfinite"),
    "empty": (f32(), f32(), "blind"),
    "empty of another type": (np.array([], np.int64), f32(), "dtype"),
    "integers": (np.array([1, 2]), np.array([1, 2]), None),
    "integers off by one": (np.array([10**6 + 1]), np.array([10**6]), "mismatch"),
    "integers beyond float64": (np.array([2**53 + 1]), np.array([2**53]), "mismatch"),
    "integers at the ends": (np.array([2**63 - 1]), np.array([-(2**63)]), "mismatch"),
    "unsigned beyond float64": (np.array([2**64 - 1], np.uint64), np.array([2**64 - 2], np.uint64), "mismatch"),
    "bools": (np.array([True, False]), np.array([True, False]), None),
    "bool wrong": (np.array([True, True]), np.array([True, False]), "mismatch"),
    "huge": (np.array([1e300]), np.array([1e300]), None),
    "huge and wrong": (np.array([1.7e308]), np.array([-1.7e308]), "mismatch"),
    "half": (np.array([1.0], np.float16), np.array([1.0], np.float16), None),
    "denormal": (np.array([5e-324]), np.array([0.0]), None),
}


@pytest.mark.parametrize(("out", "reference", "reason"), REASONS.values(), ids=REASONS)
@pytest.mark.parametrize("noise", [None, 0.0, 1e-9, INF, NAN])
def test_reason(out, reference, reason, noise):
    result = judged(out, reference, noise)
    assert (result["reason"], result["passed"]) == (reason, reason is None)
    assert reason is None or reason in protocol.REASONS
    json.dumps({name: value for name, value in result.items() if name != "noise_floor"}, allow_nan=False)


def test_types_that_cannot_be_compared_are_refused():
    with pytest.raises(TypeError, match="complex64"):
        judged(np.array([1j], np.complex64), np.array([1j], np.complex64))


def test_the_difference_of_integers_is_exact():
    assert judged(np.array([2**53 + 1]), np.array([2**53]))["max_abs"] == 1
    assert judged(np.array([2**63 - 1]), np.array([-(2**63)]))["max_abs"] == 2.0**64


FLOATS = st.floats(-1e6, 1e6, width=32)
SHAPES = arrays.array_shapes(max_dims=3, max_side=4)
REFERENCES = arrays.arrays(np.float32, SHAPES, elements=FLOATS)


@given(REFERENCES)
def test_identical_always_passes_with_zero_tolerance(reference):
    result = judged(reference.copy(), reference, rtol=0.0, atol=0.0)
    assert result["passed"]
    assert (result["max_abs"], result["max_rel"], result["required_atol"]) == (0, 0, 0)
    assert result["margin"] is None


@given(REFERENCES, st.data(), st.sampled_from([None, 0.0, 1e-3, 1.0, 1e9, INF]), st.booleans())
def test_one_element_beyond_the_tolerance_always_fails(reference, data, noise, upwards):
    reference = reference.astype(np.float64)
    at = data.draw(st.integers(0, reference.size - 1))
    allowed = tolerance(reference, noise, RTOL, ATOL).reshape(-1)[at]
    out = reference.copy()
    out.reshape(-1)[at] += (1 if upwards else -1) * allowed * 1.001
    result = judged(out, reference, noise)
    assert result["reason"] == "mismatch"
    assert result["margin"] < 1


@given(REFERENCES, st.sampled_from([None, 1e-3, 1.0, 1e9, INF]))
def test_the_floor_never_passes_one_percent_of_the_rms(reference, noise):
    reference = reference.astype(np.float64)
    plain = ATOL + RTOL * np.abs(reference)
    cap = 0.01 * np.sqrt(np.mean(reference**2))
    allowed = tolerance(reference, noise, RTOL, ATOL)
    assert (allowed >= plain).all()
    assert (allowed <= np.maximum(plain, cap)).all()


@given(REFERENCES, st.data(), st.sampled_from([NAN, INF, -INF]))
def test_nan_and_infinity_never_pass_against_a_number(reference, data, bad):
    out = reference.copy()
    out.reshape(-1)[data.draw(st.integers(0, out.size - 1))] = bad
    assert judged(out, reference, 1e9, rtol=1e9, atol=1e9)["reason"] == "nonfinite"
    assert judged(reference, out, 1e9, rtol=1e9, atol=1e9)["reason"] == "nonfinite"


@given(REFERENCES, st.data())
def test_required_atol_is_the_smallest_that_passes(reference, data):
    reference = reference.astype(np.float64)
    error = data.draw(arrays.arrays(np.float64, reference.shape, elements=st.floats(-10, 10)))
    required = judged(reference + error, reference)["required_atol"]
    assume(required > 1e-6)
    assert judged(reference + error, reference, atol=required * 1.0001 + 1e-9)["passed"]
    assert not judged(reference + error, reference, atol=required * 0.999)["passed"]


@given(REFERENCES, st.data())
def test_the_margin_agrees_with_the_verdict(reference, data):
    reference = reference.astype(np.float64)
    error = data.draw(arrays.arrays(np.float64, reference.shape, elements=st.floats(-0.1, 0.1)))
    result = judged(reference + error, reference, 1e-6)
    assert result["passed"] == (result["margin"] is None or result["margin"] >= 1)


@given(arrays.arrays(np.int64, SHAPES), st.data(), st.sampled_from([1, 2, 2**40]))
def test_integers_must_be_equal(reference, data, step):
    out = reference.copy()
    at = data.draw(st.integers(0, out.size - 1))
    flat = out.reshape(-1)
    flat[at] += step if flat[at] < 0 else -step
    result = judged(out, reference, 1e9, rtol=1.0, atol=1e9)
    assert result["reason"] == "mismatch"
    assert result["max_abs"] == step
    assert result["required_atol"] == step


def test_the_floor_lifts_the_tolerance_of_cancelled_elements():
    reference = np.random.RandomState(0).standard_normal(1000)
    out = reference.copy()
    out[np.abs(reference).argmin()] += 1e-4
    assert not judged(out, reference)["passed"]
    assert judged(out, reference, 2e-5)["passed"]
    assert not judged(out, reference, 0.9e-5)["passed"]


@pytest.mark.parametrize("mask", [-1e9, float(np.finfo(np.float32).min)])
def test_the_noise_of_masked_scores_does_not_hide_wrong_ones(mask):
    reference = np.random.RandomState(0).standard_normal((8, 8)).astype(np.float32)
    reference[np.triu_indices(8, 1)] = mask
    out = reference.copy()
    out[3, 1] += 0.1
    assert judged(out, reference, 64.0)["reason"] == "mismatch"


def test_noise_without_a_signal_is_no_tolerance():
    assert judged(f32(0.5, 0), f32(0, 0), 1e9)["reason"] == "mismatch"


def test_zero_atol_is_kept():
    assert judged(f32(1e-30), f32(0), atol=0.0)["reason"] == "mismatch"


# Values of a stream that NumPy promises never to change: were they to move, no two records could be compared.
def test_the_stream_of_the_weights():
    drawn = weights.generator("probe", "layer.weight").standard_normal(3)
    assert drawn.tolist() == GOLDEN_STREAM
    assert weights.generator("a", "b").random_sample() != weights.generator("ab", "").random_sample()


GOLDEN_STREAM = [0.7161335193172718, 0.07170419221227828, -0.3868847131826086]


def test_inputs_digest():
    inputs = {"x": np.arange(6, dtype="<f4").reshape(2, 3), "n": np.array(3, "<i8")}
    expected = hashlib.sha256()
    expected.update(b"x <f4 (2, 3)\n" + inputs["x"].tobytes() + b"n <i8 ()\n" + inputs["n"].tobytes())
    digest = weights.inputs_digest(inputs)
    assert digest == expected.hexdigest()
    assert weights.inputs_digest({"x": inputs["x"].T.copy().T, "n": inputs["n"]}) == digest
    for changed in (
        {"n": inputs["n"], "x": inputs["x"]},
        {**inputs, "x": inputs["x"].reshape(3, 2)},
        {**inputs, "x": inputs["x"].view("<i4")},
        {**inputs, "x": inputs["x"] + 1},
        {"y": inputs["x"], "n": inputs["n"]},
    ):
        assert weights.inputs_digest(changed) != digest


@pytest.fixture
def loaded(monkeypatch):
    """Return what makes a spec of the functions a probe's file would have."""

    def _loaded(**functions):
        monkeypatch.setitem(sys.modules, "matrixscan_probe_p", types.SimpleNamespace(**functions))
        return {"name": "p"}

    return _loaded


def test_inputs_keep_their_shape_and_are_copies(loaded):
    given_arrays = {"scalar": np.float32(2), "turned": np.arange(6.0).reshape(2, 3).T}
    made = probe.make_inputs(loaded(inputs=lambda *_: given_arrays), "v", {})
    assert made["scalar"].shape == ()
    assert made["turned"].shape == (3, 2)
    assert made["turned"].flags.c_contiguous
    assert not np.shares_memory(made["turned"], given_arrays["turned"])
    for wrong in ({}, [1]):
        with pytest.raises(TypeError, match="non-empty dict"):
            probe.make_inputs(loaded(inputs=lambda *_, wrong=wrong: wrong), "v", {})


def test_every_size_and_sample_draws_other_inputs_and_always_the_same(loaded):
    spec = loaded(inputs=lambda _, random: {"x": random.standard_normal(3)})
    asked = [({"n": 2}, "0"), ({"n": 3}, "0"), ({"n": 2}, 1), ({"n": 2}, "export"), ({"n": 2}, "other")]
    drawn = [probe.make_inputs(spec, "v", *entry)["x"].tolist() for entry in asked]
    assert len({tuple(values) for values in drawn}) == len(asked)
    assert drawn == [probe.make_inputs(spec, "w", *entry)["x"].tolist() for entry in asked]
    assert probe.make_inputs(spec, "v", {"n": 2})["x"].tolist() == drawn[0]


def test_inputs_may_depend_on_the_variant(loaded):
    def inputs(size, _random, variant):
        return {variant: np.zeros(size["n"])}

    assert list(probe.make_inputs(loaded(inputs=inputs), "wide", {"n": 2})) == ["wide"]


def test_what_is_compared_may_be_derived_from_the_outputs(loaded):
    outputs, asked = {"y": f32(3, 1, 2)}, {"x": f32(1)}
    assert probe.post_process(loaded(), outputs, asked) is outputs

    def post(outputs, inputs):
        return {"y": outputs.pop("y"), "best": outputs.get("y", 7), "x": inputs["x"]}

    made = probe.post_process(loaded(post=post), outputs, asked)
    assert {name: type(array) for name, array in made.items()} == dict.fromkeys(("y", "best", "x"), np.ndarray)
    assert list(outputs) == ["y"], "the outputs of one side are not for post() to change"
    for wrong in (None, {}, [f32(1)]):
        with pytest.raises(TypeError, match=r"post\(\) must return a non-empty dict"):
            probe.post_process(loaded(post=lambda *_, wrong=wrong: wrong), outputs, asked)


CASE = {
    "id": "p/v/torchscript/opset13/fp32/onnxruntime-cpu/n2,t3",
    "probe": "p",
    "variant": "v",
    "exporter": "torchscript",
    "opset": 13,
    "precision": "fp32",
    "runner": "onnxruntime-cpu",
    "size": {"n": 2, "t": 3},
}
SHARES = {
    "build": "p/v",
    "eager": "p/v/n2,t3",
    "export": "p/v/torchscript/opset13/fp32",
    "check": "p/v/torchscript/opset13/fp32",
    "load": "p/v/torchscript/opset13/fp32/fp32/onnxruntime-cpu",
    "run": CASE["id"],
    "compare": CASE["id"],
}


@pytest.mark.parametrize("stage", protocol.CASE_STAGES)
def test_share_key(stage):
    assert protocol.share_key(CASE, stage) == SHARES[stage]


@pytest.mark.parametrize("stage", protocol.CASE_STAGES)
def test_a_runner_that_computes_in_half_shares_the_artifact_and_the_reference_of_fp32(stage):
    full, run_half = CASE, CASE | {"precision": "fp16-run", "id": "run"}
    half = CASE | {"precision": "fp16", "id": "half"}
    shared = protocol.CASE_STAGES.index(stage) <= protocol.CASE_STAGES.index("check")
    assert (protocol.share_key(full, stage) == protocol.share_key(run_half, stage)) is shared
    assert (protocol.share_key(full, stage) == protocol.share_key(half, stage)) is (stage in ("build", "eager"))
    assert (protocol.share_key(run_half, stage) == protocol.share_key(half, stage)) is (stage in ("build", "eager"))


def test_the_weights_of_an_artifact_are_in_half_in_one_lane_only():
    assert {name: protocol.converted_to(name) for name in protocol.PRECISIONS} == {
        "fp32": "fp32",
        "fp16": "fp16",
        "fp16-run": "fp32",
    }
    assert protocol.HALF == ("fp16", "fp16-run")


def test_size_text():
    assert protocol.size_text({"n": 3, "t": 17}) == "n3,t17"
    assert protocol.size_text({}) == ""


def test_the_words_of_the_protocol():
    before, after = ("resolve", "install", "import"), ("build", "eager", "export", "check", "load", "run", "compare")
    assert before + after == protocol.STAGES
    assert (before, after) == (protocol.ENVIRONMENT_STAGES, protocol.CASE_STAGES)
    assert tuple(name for name, _ in cases.JOINT) == protocol.CASE_STAGES
    assert protocol.OUTCOMES == ("passed", "failed", "skipped", "crashed", "timed_out", "infeasible", "infra")
    assert len(set(protocol.REASONS)) == len(protocol.REASONS)


SAME = [
    ("1.16", "1.16.0"),
    ("2.4.0+cpu", "2.4"),
    ("2.4.0+cpu", "2.4.0+cu121"),
    ("1.0.post1", "1.0-1"),
    ("1.0rc1", "1.0.0.c1"),
    ("1.0a", "1.0alpha0"),
    ("v1.0.DEV3", "1.0dev3"),
    ("0!1.0", "1"),
    ("01.02", "1.2"),
    ("unreadable", "unreadable"),
]
OTHER = [
    ("1.16.0", "1.16.1"),
    ("1.1", "1.10"),
    ("1.0", "1.0.post0"),
    ("1.0", "1.0rc1"),
    ("1.0a1", "1.0b1"),
    ("1.0.post1", "1.0.post2"),
    ("1.0.post", "1.0"),
    ("1.0", "1.0.dev0"),
    ("1!1.0", "1.0"),
    ("unreadable", "1.0"),
]


@pytest.mark.parametrize(("one", "other", "same"), [(*p, True) for p in SAME] + [(*p, False) for p in OTHER])
def test_public_versions(one, other, same):
    assert (facts._public(one) == facts._public(other)) is same


NUMBER = st.integers(0, 30).map(str)
VERSION = st.tuples(
    st.lists(NUMBER, min_size=1, max_size=4).map(".".join),
    st.sampled_from(["", "a0", "a1", "rc1", "-rc.1", "c1"]),
    st.sampled_from(["", ".post0", ".post1", "-1", ".post"]),
    st.sampled_from(["", ".dev0", "dev1", ".dev"]),
    st.sampled_from(["", "+cpu", "+cu12.1"]),
).map("".join)


@settings(max_examples=300)
@given(VERSION, VERSION)
def test_public_versions_agree_with_packaging(one, other):
    from packaging.version import Version

    same = Version(Version(one).public) == Version(Version(other).public)
    assert (facts._public(one) == facts._public(other)) is same


MODULES = {
    "onnxruntime-gpu": (
        ["onnxruntime/__init__.py", "onnxruntime/capi/_ld.py", "onnxruntime_gpu-1.dist-info/R"],
        "onnxruntime",
    ),
    "protobuf": (["google/_upb/_message.abi3.so", "google/protobuf/__init__.py"], "google.protobuf"),
    "ml-dtypes": (["ml_dtypes/__init__.py", "ml_dtypes/include/x.h"], "ml_dtypes"),
    "typing-extensions": (
        ["__pycache__/typing_extensions.cpython-38.pyc", "typing_extensions.py"],
        "typing_extensions",
    ),
    "python-dateutil": (["dateutil/__init__.py", "dateutil/tz/__init__.py"], "dateutil"),
    "PyYAML": (["_yaml/__init__.py", "yaml/__init__.py"], "yaml"),
    "torch": (["functorch/__init__.py", "torch/__init__.py", "torchgen/__init__.py"], "torch"),
    "numpy": (["numpy.libs/libgfortran.so", "numpy/__init__.py", "../../../bin/f2py"], "numpy"),
    "nvidia-cudnn-cu12": (["nvidia/cudnn/lib/libcudnn.so.9"], "nvidia"),
    "some.thing": ([], "some_thing"),
}


@pytest.mark.parametrize("name", MODULES)
def test_module_of_a_distribution(name, monkeypatch):
    from importlib import metadata
    from pathlib import PurePosixPath

    files, module = MODULES[name]
    monkeypatch.setattr(metadata, "files", lambda _: [PurePosixPath(file) for file in files])
    assert facts._module_name(name) == module


def test_python_is_compared_as_far_as_it_was_asked():
    assert facts._leading((3, 8, 18, "final", 0), "3.8") == "3.8"
    assert facts._leading((3, 8, 18, "final", 0), "3.8.18") == "3.8.18"
    assert facts._mismatch("python", "3.8", "3.10")["type"] == "VersionMismatch"


def test_events_are_whole_strict_json_lines(tmp_path):
    import msgspec

    events = main.Events(tmp_path / "events.jsonl")
    events.emit("stage", error={"message": "half \udc80, line\nbreak \u2028, umlaut \xfc"}, number=np.float64(1))
    events._file.close()
    (line,) = (tmp_path / "events.jsonl").read_bytes().splitlines()
    assert msgspec.json.decode(line)["error"]["message"] == "half ?, line\nbreak \u2028, umlaut \xfc"
