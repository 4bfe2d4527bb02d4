"""How runs, stages and samples are judged, and what a checkpoint holds: shown with NumPy alone."""

import contextlib
import json
import sys
import types

import numpy as np
import pytest

from matrixscan.harness import case as cases
from matrixscan.harness import chain, pictures, probe, protocol, reference, second_look, stages, weights
from matrixscan.harness.compare import compare, worst
from matrixscan.harness.refusals import refuse_other_inputs
from matrixscan.harness.stop import described

CASE = {"id": "p/v/torchscript/opset13/fp32/onnxruntime-cpu/n2", "probe": "p", "variant": "v", "runner": "r"}
CASE |= {"exporter": "torchscript", "opset": 13, "precision": "fp32", "size": {"n": 2}}
NAN = float("nan")
SPEC = {
    "tolerances": {"fp32": {"": [1e-3, 1e-5], "loose": [0.5, 0.0]}, "fp16": {"": [1e-2, 1e-3]}},
    "agree": {"tokens": 0.75},
    "pictures": ["image"],
    "nonfinite": False,
    "stages": {"": {"outputs": [], "dynamic": {}}},
}


def f32(*values):
    return np.array(values, np.float32)


# ---- The words of an exception


class WrappedError(Exception):
    pass


def raised(own, *below):
    """Return an exception with these words, raised from others, each from the next."""
    error = WrappedError(own)
    if below:
        error.__cause__ = raised(below[0], *below[1:]) if below[1:] else TypeError(below[0])
    return error


EXCEPTIONS = {
    "alone": (raised("writing x"), "writing x"),
    "without words": (raised(""), "WrappedError('')"),
    "from others": (raised("writing x", "writing y", "an int"), "writing x\ncaused by TypeError: an int"),
    "says so itself": (raised("writing x: an int", "an int"), "writing x: an int"),
    "from one without words": (raised("writing x", ""), "writing x"),
}


@pytest.mark.parametrize(("error", "message"), EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_an_exception_says_what_it_was_raised_from(error, message):
    assert described(error) == {"type": "WrappedError", "message": message}


def test_what_was_merely_being_handled_is_no_cause_and_a_circle_has_an_end():
    error = raised("one")
    error.__context__ = TypeError("two")
    assert described(error)["message"] == "one"
    error.__cause__ = raised("two")
    error.__cause__.__cause__ = error
    assert described(error)["message"] == "one\ncaused by WrappedError: two"


# ---- Agreement of outputs that are not floating

AGREEMENT = {
    "all": ([1, 2, 3, 4], 1.0, None),
    "enough": ([1, 2, 3, 5], 0.75, None),
    "exactly enough": ([1, 2, 9, 9], 0.5, None),
    "too few": ([1, 2, 9, 9], 0.51, "mismatch"),
    "none is asked for": ([1, 2, 3, 5], 1.0, "mismatch"),
    "none": ([0, 0, 0, 0], 0.01, "mismatch"),
}


@pytest.mark.parametrize(("out", "agree", "reason"), AGREEMENT.values(), ids=AGREEMENT)
def test_a_share_of_the_integers_may_be_asked_for(out, agree, reason):
    result = compare("y", np.array(out), np.array([1, 2, 3, 4]), None, (1e-3, 1e-5, agree))
    assert (result["reason"], result["passed"]) == (reason, reason is None)
    assert result["agreement"] == np.mean(np.array(out) == [1, 2, 3, 4])


def test_agreement_is_nothing_to_floats_types_and_shapes():
    allowed = (1e-3, 1e-5, 0.5)
    half_right = compare("y", f32(1, 2), f32(1, 3), None, allowed)
    assert (half_right["reason"], "agreement" in half_right) == ("mismatch", False)
    assert compare("y", np.array([1, 2], np.int32), np.array([1, 2]), None, allowed)["reason"] == "dtype"
    assert compare("y", np.array([1, 2]), np.array([1, 2, 3]), None, allowed)["reason"] == "shape"
    assert compare("y", np.array([1, 9, 3, 9]), np.array([1, 2, 3, 4, 5]), None, allowed)["reason"] == "shape"
    # One value everywhere would have half of them right, so all must be.
    assert not compare("y", np.array([True, True]), np.array([True, False]), None, allowed)["passed"]
    assert compare("y", np.array([0, 1, 2, 2]), np.array([0, 1, 2, 3]), None, allowed)["passed"]


def test_a_result_says_which_stage_it_is_of():
    assert compare("y", f32(1), f32(1), None, (1, 1, 1))["part"] is None
    assert compare("s.y", f32(1), f32(1), None, (1, 1, 1), "s")["part"] == "s"


# ---- The worst of several results


def result(reason=None, margin=None, name="y"):
    return {"name": name, "reason": reason, "passed": reason is None, "margin": margin}


WORST = {
    "failed before passed": ([result(margin=1.1), result("mismatch", 0.9)], 1),
    "smaller margin": ([result("mismatch", 0.9), result("mismatch", 0.1)], 1),
    "no margin says most": ([result("mismatch", 0.1), result("shape")], 1),
    "smaller margin of passed ones": ([result(), result(margin=3.0), result(margin=9.0)], 1),
    "blind says least": ([result("blind"), result(margin=100.0)], 1),
    "blind alone": ([result("blind"), result("blind")], 0),
    "blind and failed": ([result("blind"), result("nonfinite")], 1),
    "the first of equals": ([result(), result()], 0),
}


@pytest.mark.parametrize(("results", "at"), WORST.values(), ids=WORST)
def test_the_worst_result(results, at):
    assert worst(results) is results[at]


@pytest.mark.parametrize(
    ("precision", "name", "expected"),
    [
        ("fp32", "y", (1e-3, 1e-5, 1.0)),
        ("fp32", "loose", (0.5, 0.0, 1.0)),
        ("fp32", "tokens", (1e-3, 1e-5, 0.75)),
        ("fp16", "loose", (1e-2, 1e-3, 1.0)),
        ("fp16-run", "y", (1e-2, 1e-3, 1.0)),
        ("fp16-run", "tokens", (1e-2, 1e-3, 0.75)),
        ("fp32", "stage.tokens", (1e-3, 1e-5, 1.0)),
    ],
)
def test_bounds_are_those_of_the_output_in_its_lane(precision, name, expected):
    assert reference.bounds(SPEC, precision, name) == expected


# ---- What several runs, samples and stages amount to


def made(outputs, trace=None, noise=None):
    return {
        "inputs": {},
        "outputs": outputs,
        "noise": dict.fromkeys(outputs),
        "trace": trace or {},
        "part_noise": {name: [[noise] * len(arrays) for _, arrays in calls] for name, calls in (trace or {}).items()},
    }


class Bench(cases.Bench):
    """A bench whose stages before the comparison are given."""

    def __init__(self, samples, outputs, parts=(), given=None, folder="", case=CASE):
        super().__init__({"probes": {"p": SPEC}}, folder, None, cases.JOINT)
        names = {name: ["h"] for part in parts for name in part}
        model = types.SimpleNamespace(single=not parts, outputs=names, stages=names)
        facts = {} if given is None else {"given": given}
        kept = {
            "build": {"chain": model},
            "eager": {"samples": samples},
            "run": {"outputs": outputs, "parts": list(parts), "facts": facts},
        }
        self.memory = {(protocol.share_key(case, stage), stage): (None, value) for stage, value in kept.items()}


def judged(*args, case=CASE, **more):
    return cases._attempt(cases.compare, Bench(*args, case=case, **more), case)


RUNS = {
    "both right": ([f32(1), f32(1)], f32(1), None),
    "both wrong": ([f32(2), f32(2)], f32(1), ("failed", "mismatch")),
    "second wrong": ([f32(1), f32(2)], f32(1), ("failed", "nondeterministic")),
    "first wrong": ([f32(2), f32(1)], f32(1), ("failed", "nondeterministic")),
    "wrong in two ways": ([f32(3), f32(2)], f32(1), ("failed", "nondeterministic")),
    "right, but apart": ([f32(1.0009), f32(0.9991)], f32(1), ("failed", "nondeterministic")),
    "nan once": ([f32(1), f32(NAN)], f32(1), ("failed", "nondeterministic")),
    "another shape once": ([f32(1), f32(1, 1)], f32(1), ("failed", "nondeterministic")),
    "cut short": ([f32(1), f32(1)], f32(1, 2), ("failed", "shape")),
    "empty": ([f32(), f32()], f32(), ("skipped", "blind")),
}


@pytest.mark.parametrize(("runs", "output", "expected"), RUNS.values(), ids=RUNS)
def test_what_two_runs_amount_to(runs, output, expected):
    failure, kept = judged([made({"y": output})], [[{"y": run} for run in runs]])
    if expected is None:
        assert failure is None
        assert [entry["passed"] for entry in kept["outputs"]] == [True]
    else:
        assert (failure.outcome, failure.reason) == expected
        assert failure.reason in protocol.REASONS
        assert failure.outcome in protocol.OUTCOMES


def test_a_wrong_output_counts_more_than_an_empty_one():
    run = {"none": f32(), "wrong": f32(2)}
    failure, _ = judged([made({"none": f32(), "wrong": f32(1)})], [[run, run]])
    assert (failure.outcome, failure.reason) == ("failed", "mismatch")


def test_a_probe_without_outputs_never_passes():
    failure, _ = judged([made({})], [[{}, {}]])
    assert (failure.outcome, failure.reason) == ("skipped", "blind")


def test_an_output_that_the_exported_side_lacks_is_an_error():
    failure, _ = judged([made({"y": f32(1), "z": f32(1)})], [[{"y": f32(1)}] * 2])
    assert (failure.outcome, failure.error["type"]) == ("failed", "LookupError")
    assert "the exported side gives no output 'z'" in failure.error["message"]


def test_the_worst_sample_is_recorded_under_its_number():
    samples = [made({"y": f32(1)}) for _ in range(3)]
    runs = [[{"y": f32(value)}] * 2 for value in (1.0001, 1.0005, 1)]
    _, kept = judged(samples, runs)
    assert [(entry["sample"], entry["passed"]) for entry in kept["outputs"]] == [(1, True)]
    failure, _ = judged(samples, [runs[0], runs[1], [{"y": f32(2)}] * 2])
    assert [(entry["sample"], entry["reason"]) for entry in failure.outputs] == [(2, "mismatch")]
    _, kept = judged(samples, runs[1:2] + runs[::2])
    assert "sample" not in kept["outputs"][0], "the first sample needs no number"


def test_one_empty_sample_does_not_hide_the_others():
    samples, runs = [made({"y": f32()}), made({"y": f32(1)})], [[{"y": f32()}] * 2, [{"y": f32(1)}] * 2]
    failure, kept = judged(samples, runs)
    assert (failure, kept["outputs"][0]["passed"]) == (None, True)
    failure, _ = judged(samples, [runs[0], [{"y": f32(3)}] * 2])
    assert failure.reason == "mismatch"


GIVEN = {"front": stages.SAME, "back": stages.SAME}
OTHER = {"front": stages.SAME, "back": "h has other values"}
# whole right, back right, given -> reason
CHAINS = {
    "all right": (True, True, GIVEN, None),
    "all right, given something else": (True, True, OTHER, None),
    "a stage wrong": (False, False, GIVEN, "mismatch"),
    "a stage wrong and given something else": (False, False, OTHER, "mismatch"),
    "a stage wrong, the whole right": (True, False, GIVEN, "mismatch"),
    "given something else": (False, True, OTHER, "pipeline"),
    "errors that add up": (False, True, GIVEN, "mismatch"),
}


@pytest.mark.parametrize(("whole", "back", "given", "reason"), CHAINS.values(), ids=CHAINS)
def test_what_stages_and_the_whole_amount_to(whole, back, given, reason):
    trace = {"front": [({}, [f32(1)])], "back": [({}, [f32(2)]), ({}, [f32(3)])]}
    parts = {"front": [[f32(1)]], "back": [[f32(2)], [f32(3 if back else 4)]]}
    run = {"y": f32(5 if whole else 6)}
    failure, kept = judged([made({"y": f32(5)}, trace)], [[run, run]], [parts], given)
    assert (failure and failure.reason) == reason
    outputs = kept["outputs"] if failure is None else failure.outputs
    assert [(entry["name"], entry["part"], entry["passed"]) for entry in outputs] == [
        ("front.h", "front", True),
        ("back.h", "back", back),
        ("y", None, whole),
    ]


def test_a_stage_has_the_noise_of_its_own():
    trace = {"front": [({}, [f32(0, 1)])]}
    run, parts = {"y": f32(1)}, {"front": [[f32(1e-4, 1)]]}
    assert judged([made({"y": f32(1)}, trace)], [[run, run]], [parts])[0].reason == "mismatch"
    assert judged([made({"y": f32(1)}, trace, noise=2e-5)], [[run, run]], [parts])[0] is None


def test_whether_both_sides_were_given_the_same():
    def given(before, after, precision="fp32"):
        return stages.given(
            SPEC, precision, [({"s": [(feeds, []) for feeds in before]}, {"s": [(f, []) for f in after]})]
        )["s"]

    one = {"x": f32(1, NAN)}
    assert given([], []) == given([one], [{"x": f32(1.0005, NAN)}]) == "the same"
    assert given([one], [{"x": f32(1.005, NAN)}]) == "x has other values"
    assert given([one], [{"x": f32(1.005, NAN)}], "fp16") == "the same"
    assert given([one], [{"x": f32(1, 2)}]) == "x has other values"
    assert given([one], [{"x": f32(1)}]) == "x has shape (1,) instead of (2,)"
    assert given([one], [{"z": f32(1)}]) == "x has shape None instead of (2,)"
    assert given([one, one], [one]) == "called 1 times instead of 2"
    assert given([], [one]) == "called 1 times instead of 0"
    assert given([one, one], [one, {"x": f32(2, NAN)}]) == "x has other values"


def test_half_precision_has_bounds_of_its_own_and_has_to_see_more():
    half = CASE | {"precision": "fp16", "id": "half"}
    run = [[{"y": f32(1.005)}] * 2]
    for seen, expected in ((f32(2), None), (f32(1.05), "blind")):
        bench = Bench([made({"y": f32(1)})], run, case=half)
        bench.memory["seen"] = made({"y": f32(1)}), {"y": seen}
        failure, _ = cases._attempt(cases.compare, bench, half)
        assert (failure and failure.reason) == expected
    assert judged([made({"y": f32(1)})], run)[0].reason == "mismatch"


# ---- Runners


class Runner:
    def __init__(self, names, arrays):
        self.names, self.arrays, self.fed = names, arrays, None

    def input_names(self, _handle):
        return self.names

    def run(self, _handle, feeds):
        self.fed = feeds
        return self.arrays


def called(runner, stage="", outputs=("y",)):
    bench = Bench([], [])
    bench.kept(CASE, "build")["chain"].outputs = {stage: list(outputs)}
    bench.memory[protocol.share_key(CASE, "load"), "load"] = None, {"runner": runner, "handles": {stage: None}}
    call, pruned = cases._exported(bench, CASE)
    return call(stage, {"x": f32(1), "n": f32(2)}), pruned


@pytest.mark.parametrize("arrays", [[], [f32(1), f32(1)]])
@pytest.mark.parametrize("stage", ["", "back"])
def test_a_runner_with_another_number_of_outputs(arrays, stage):
    with pytest.raises(cases.Stop, match="outputs") as caught:
        called(Runner(["x"], arrays), stage)
    assert (caught.value.outcome, caught.value.error["type"]) == ("failed", "OutputCount")
    assert caught.value.error["message"].startswith("eager gives 1 outputs" + (" of stage back" if stage else ","))


def test_inputs_that_an_exporter_left_out_are_not_fed_and_are_said():
    runner = Runner(["x"], [[1.0]])
    arrays, pruned = called(runner)
    assert (list(runner.fed), pruned) == (["x"], {"n"})
    assert [type(array) for array in arrays] == [np.ndarray]
    with pytest.raises(cases.Stop) as caught:
        called(Runner(["x", "x.1"], [[1.0]]))
    assert caught.value.error["message"] == "the artifact asks for inputs the probe does not have: x.1"


def test_what_a_runner_hands_out_is_copied():
    buffer = f32(1)
    (array,), _ = called(Runner(["x"], [buffer]))
    assert not np.shares_memory(array, buffer)


# ---- A second look at what failed in its runner


class Optimizing(Runner):
    """Right only when nothing optimises the graph."""

    right = 1.0

    def plain(self, _path, _threads, _precision):
        return "plain"

    def run(self, handle, _feeds):
        if handle == "plain" and self.right is None:
            raise RuntimeError("no")
        return [f32(self.right if handle == "plain" else 2)]


def looked(monkeypatch, runner, **result):
    bench = Bench([made({"y": f32(1)}) | {"inputs": {"x": f32(1)}}], [])
    bench.request = {"threads": 1, "probes": {"p": SPEC | {"post": False}}}
    head = {"single": True, "stages": [""], "outputs": {"": ["y"]}}
    bench.memory[protocol.share_key(CASE, "build"), "build"] = None, {"chain": chain.StoredChain(SPEC, head)}
    bench.memory[protocol.share_key(CASE, "export"), "export"] = None, {"paths": {"": "model.onnx"}}
    monkeypatch.setattr(second_look, "find_runner", lambda _: runner)
    monkeypatch.setattr(cases, "_latency", lambda _: 0.0)
    return second_look.facts(bench, CASE, {"outcome": "failed", "stage": "compare"} | result, cases.run)


@pytest.mark.parametrize(
    ("right", "found"),
    [
        (1.0, {"passed": True, "max_abs": None}),
        (1.5, {"passed": False, "max_abs": 0.5}),
        (None, {"passed": False, "error": "RuntimeError"}),
    ],
)
def test_what_fails_is_run_again_without_optimisations(monkeypatch, right, found):
    runner = Optimizing(["x"], [])
    runner.right = right
    assert looked(monkeypatch, runner) == {"unoptimized": found}


@pytest.mark.parametrize(
    "result", [{"outcome": "passed", "stage": None}, {"outcome": "crashed"}, {"stage": "export"}, {"stage": "eager"}]
)
def test_what_does_not_fail_in_its_runner_is_not(monkeypatch, result):
    assert looked(monkeypatch, Optimizing(["x"], []), **result) == {}


def test_a_runner_that_cannot_do_without_optimisations_is_not_asked(monkeypatch):
    assert looked(monkeypatch, Runner(["x"], [f32(1)])) == {}


def test_inputs_that_are_not_those_eager_was_given_prove_nothing():
    samples = [made({"y": f32(1)}) | {"inputs": {"x": f32(1)}}]
    kept = {"samples": samples, "facts": {"inputs": reference.digest(samples)}}
    refuse_other_inputs(kept)
    refuse_other_inputs({"samples": samples})
    samples[0]["inputs"]["x"] += 1
    with pytest.raises(cases.Stop) as caught:
        refuse_other_inputs(kept)
    assert (caught.value.outcome, caught.value.reason) == ("infra", "input_differs")
    assert caught.value.reason in protocol.REASONS


# ---- Names of outputs


class Tensor:
    """As much of a tensor as the harness touches here."""

    def __init__(self, values):
        self.values = np.array(values)
        self.shape, self.dtype = self.values.shape, self.values.dtype

    def detach(self):
        return self

    cpu = detach

    def to(self, dtype):
        return Tensor(self.values.astype(dtype))

    def numpy(self):
        return self.values

    def copy_(self, other):
        self.values[...] = other.values


class Pair(tuple):
    _fields = ("first", "last")
    __slots__ = ()


ONE, TWO = Tensor([1.0]), Tensor([2.0])
STRUCTURES = {
    "alone": (ONE, ["output"]),
    "tuple": ((ONE, TWO), ["output_0", "output_1"]),
    "tuple of one": ((ONE,), ["output_0"]),
    "dict": ({"b": ONE, "a": TWO}, ["b", "a"]),
    "nested": (({"h": [ONE, (TWO,)]}, ONE), ["output_0.h_0", "output_0.h_1_0", "output_1"]),
    "named": (Pair((ONE, (TWO, ONE))), ["first", "last_0", "last_1"]),
    "what is no tensor": ((None, ONE, 3, "x"), ["output_1"]),
    "numbers as keys": ({1: ONE}, ["output_1"]),
    "nothing": ((), []),
}


@pytest.mark.parametrize(("value", "names"), STRUCTURES.values(), ids=STRUCTURES)
def test_the_name_of_an_output_is_the_way_to_it(value, names):
    assert [name for name, _ in probe.flatten(value)] == names


def test_flattened_outputs_are_copies():
    ((_, array),) = probe.flatten(ONE)
    assert not np.shares_memory(array, ONE.values)


def test_a_chain_runs_its_stages_by_name_and_keeps_what_they_were_given(monkeypatch):
    def pipeline(called, inputs, side):
        inputs["x"] = inputs["x"] + 1  # what a pipeline does to its inputs is its own affair
        (h,) = called["front"](x=inputs["x"]).values()
        return called["back"](h=h, side=side)

    monkeypatch.setitem(sys.modules, "matrixscan_probe_p", types.SimpleNamespace(pipeline=pipeline))
    spec = SPEC | {"name": "p", "stages": {"": {}, "front": {}, "back": {}}}
    built = chain.Chain(spec, {"front": None, "back": None})
    built.outputs = {"front": ["h"], "back": ["y", "z"]}
    inputs = {"x": 1}
    whole, trace = built.run(inputs, lambda stage, feeds: [feeds, len(stage)][: len(built.outputs[stage])], "exported")
    assert whole == {"y": {"h": {"x": 2}, "side": "exported"}, "z": 4}
    assert trace["front"] == [({"x": 2}, [{"x": 2}])]
    assert trace["back"][0][0] == {"h": {"x": 2}, "side": "exported"}
    assert inputs == {"x": 1}
    for wrong in ({"back": None, "front": None}, {"front": None}, {}):
        with pytest.raises(ValueError, match="the probe's block names front, back"):
            chain.Chain(spec, wrong)


# ---- Checkpoints


def safetensors(path, **entries):
    """Write a file by hand: eight bytes of length, a JSON header, raw data."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, raw) in entries.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode() + b"   "
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return str(path)


def test_a_safetensors_file_is_read(tmp_path):
    values = np.array([[1.5, -2.0, 3e38], [0.0, 1e-3, -0.0]])
    halves = (values.astype("<f4").view("<u4") >> 16).astype("<u2")
    path = safetensors(
        tmp_path / "m.safetensors",
        f32=("F32", [2, 3], values.astype("<f4").tobytes()),
        bf16=("BF16", [3, 2], halves.tobytes()),
        f16=("F16", [2], np.array([1.5, 2.5], "<f2").tobytes()),
        f64=("F64", [], np.array(0.1, "<f8").tobytes()),
        i64=("I64", [2], np.array([-1, 2**40], "<i8").tobytes()),
        u8=("U8", [2], b"\x00\xff"),
        flag=("BOOL", [2], b"\x00\x01"),
        none=("F32", [0, 3], b""),
    )
    found = weights._read(path)
    assert list(found) == ["f32", "bf16", "f16", "f64", "i64", "u8", "flag", "none"]
    assert np.array_equal(found["f32"], values.astype("f4"))
    # Eight bits of precision, and the range of a float.
    assert found["bf16"].dtype == np.float32
    assert found["bf16"].shape == (3, 2)
    assert np.allclose(found["bf16"].reshape(-1), values.reshape(-1), rtol=2**-7, atol=0)
    assert (found["f16"].tolist(), float(found["f64"]), found["i64"].tolist()) == ([1.5, 2.5], 0.1, [-1, 2**40])
    assert (found["u8"].tolist(), found["flag"].tolist()) == ([0, 255], [False, True])
    assert found["none"].shape == (0, 3)


def test_an_npz_file_is_read_and_pickles_never(tmp_path):
    np.savez(tmp_path / "m.npz", **{"layer.weight": f32(1, 2)})
    assert weights._read(str(tmp_path / "m.npz"))["layer.weight"].tolist() == [1, 2]
    np.savez(tmp_path / "p.npz", evil=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        weights._read(str(tmp_path / "p.npz"))
    for name in ("m.pt", "m.bin", "m.pth", "m"):
        with pytest.raises(ValueError, match=r"a checkpoint is a \.safetensors or \.npz file"):
            weights._read(str(tmp_path / name))


@pytest.fixture
def model(monkeypatch):
    """A model with two tensors and a counter, and as much of torch as is needed to fill it."""
    fake = types.SimpleNamespace(no_grad=contextlib.nullcontext, from_numpy=Tensor)
    monkeypatch.setitem(sys.modules, "torch", fake)
    state = {"w": Tensor(np.zeros((2, 2), np.float32)), "b": Tensor(np.zeros(2, np.float32))}
    state["bn.num_batches_tracked"] = Tensor(np.zeros((), np.int64))
    return types.SimpleNamespace(state_dict=lambda: state, state=state)


def test_a_checkpoint_fills_every_tensor_in_the_models_types(model, tmp_path):
    np.savez(tmp_path / "m.npz", w=np.array([[1.0, 2.0], [3.0, 4.0]]), b=np.array([5, 6]))
    weights.load(model, str(tmp_path / "m.npz"))
    assert model.state["w"].values.tolist() == [[1, 2], [3, 4]]
    assert model.state["b"].values.tolist() == [5, 6]
    assert {tensor.values.dtype.str for name, tensor in model.state.items() if name in "wb"} == {"<f4"}


LACKING = {
    "missing": ({"w": np.zeros((2, 2))}, "the checkpoint does not fit the model: 1 tensors missing (b)"),
    "extra": (
        {"w": np.zeros((2, 2)), "b": np.zeros(2), "c": np.zeros(1), "d": np.zeros(1)},
        "the checkpoint does not fit the model: 2 tensors the model does not have (c, d)",
    ),
    "both": (
        {"w": np.zeros((2, 2)), "module.b": np.zeros(2)},
        "the checkpoint does not fit the model: 1 tensors missing (b); 1 tensors the model does not have (module.b)",
    ),
    "shape": (
        {"w": np.zeros((2, 2)), "b": np.zeros(1)},
        "b of the checkpoint has shape (1,), the model's has (2,)",
    ),
    "transposed": (
        {"w": np.zeros((4, 1)), "b": np.zeros(2)},
        "w of the checkpoint has shape (4, 1), the model's has (2, 2)",
    ),
}


@pytest.mark.parametrize(("arrays", "said"), LACKING.values(), ids=LACKING)
def test_a_checkpoint_that_does_not_fit_is_refused(model, tmp_path, arrays, said):
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(ValueError, match="checkpoint") as caught:
        weights.load(model, str(tmp_path / "m.npz"))
    assert str(caught.value) == said


# ---- Pictures


def pictured(tmp_path, expected, actual, reason="mismatch", sample=0):
    output = result(reason, name="image") | ({"sample": sample} if sample else {})
    samples = [{"outputs": {"image": f32(0)}}] * sample + [{"outputs": {"image": expected}}]
    ran = {"outputs": [[{"image": f32(0)}] * 2] * sample + [[{"image": actual}, {"image": actual + 1}]]}
    return pictures.save(str(tmp_path), CASE["id"], SPEC, samples, ran, [result("mismatch"), output])


@pytest.mark.parametrize("sample", [0, 2])
def test_both_sides_of_a_picture_that_mismatches_are_kept(tmp_path, sample):
    expected = np.random.RandomState(0).random_sample((2, 3, 600, 40)).astype(np.float32)
    facts = pictured(tmp_path, expected, expected + 1, sample=sample)
    assert facts == {"picture": {"output": "image", "file": CASE["id"].replace("/", "~") + ".npz"}}
    with np.load(tmp_path / "pictures" / facts["picture"]["file"]) as stored:
        assert np.array_equal(stored["expected"], expected[0, :, :512])
        assert np.array_equal(stored["actual"], expected[0, :, :512] + 1)


def test_nothing_is_kept_of_what_is_no_picture_or_agrees(tmp_path):
    image = np.zeros((1, 3, 4, 4), np.float32)
    assert pictured(tmp_path, image, image, reason=None) == {}
    assert pictured(tmp_path, image, image, reason="nonfinite") == {}
    assert pictured(tmp_path, image[0], image[0]) == {}
    assert pictured(tmp_path, image, image[:, :, :2]) == {}
    assert not (tmp_path / "pictures").exists()


def test_a_case_with_a_picture_names_its_file(tmp_path):
    image = np.zeros((1, 3, 4, 4), np.float32)
    failure, _ = judged([made({"image": image})], [[{"image": image + 1}] * 2], folder=str(tmp_path))
    assert (failure.reason, failure.facts["picture"]["output"]) == ("mismatch", "image")
