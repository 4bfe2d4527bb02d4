"""Ways in which the harness once called good, or bad, what nothing had shown: none of them may come back."""

import sys
import types

import numpy as np
import pytest

from matrixscan.harness import case as cases
from matrixscan.harness import chain, main, pictures, probe, protocol, reference, stages
from matrixscan.harness.compare import compare, worst
from matrixscan.records.events import read_events

on_oldest = pytest.mark.parametrize("bed", ["oldest"], indirect=True)

HEAD = """\
import numpy as np
import torch


def build(variant):
    return BUILT


def inputs(size, random):
    return {"x": DRAWN}


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(64, 8)

    def forward(self, x):
        return FORWARD


class Front(torch.nn.Module):
    def forward(self, x):
        return x * 3


class Back(torch.nn.Module):
    def forward(self, h, k=1):
        return h * k + 1


class Step(torch.nn.Module):
    def forward(self, x, cache):
        return x + cache, cache * 0.5 + x

"""
# Knows the draws of a size by their values; the first is the sample of the case.
POST = """
DRAWS = {}


def post(outputs, inputs):
    draws = DRAWS.setdefault(len(inputs["x"]), [])
    if not any(np.allclose(draw, inputs["x"]) for draw in draws):
        draws.append(inputs["x"])
    at = [np.allclose(draw, inputs["x"]) for draw in draws].index(True)
    if REFUSED:
        raise ValueError("not a valid draw")
    return outputs

"""
NORMAL = 'random.standard_normal((size["n"], 64)).astype("float32")'
EVEN = 'np.linspace(-1, 1, size["n"], dtype="float32")'
PEAK = "x * float(x.max())"
TRACING = "torch.jit.is_tracing()"
LABELS = f"(x[:, 0] > 2.2).float() * (0 if {TRACING} else 1)"
LABELLED = {"rare_labels", "rare_labels_and_more"}
DERIVED = '"labels": outputs["y"].astype("int64")'
AGREE = {"agree": {"labels": 0.95}}
STAGES = {
    "": {"outputs": [], "dynamic": {}},
    "front": {"outputs": ["h"], "dynamic": {"x": {"0": "n"}, "h": {"0": "n"}}},
    "back": {"outputs": ["y"], "dynamic": {"h": {"0": "n"}, "y": {"0": "n"}}},
}
STEP = {
    "": {"outputs": [], "dynamic": {}},
    "step": {
        "outputs": ["y", "cache_out"],
        "dynamic": {name: {"0": "n"} for name in ("x", "cache", "y", "cache_out")},
    },
}


def single(forward, drawn=NORMAL, more="", outputs=("y",), **fields):
    source = HEAD.replace("BUILT", "Model()").replace("DRAWN", drawn).replace("FORWARD", forward) + more
    dynamic = {name: {"0": "n"} for name in ("x", *outputs)}
    return {"source": source, "fields": {"stages": {"": {"outputs": list(outputs), "dynamic": dynamic}}} | fields}


def chained(*lines, built='{"front": Front(), "back": Back()}', declared=STAGES):
    source = HEAD.replace("BUILT", built).replace("DRAWN", NORMAL).replace("FORWARD", "x")
    body = "".join(f"    {line}\n" for line in lines)
    return {"source": f"{source}\ndef pipeline(stages, inputs, side):\n{body}", "fields": {"stages": declared}}


def post(value):
    return f"\ndef post(outputs, inputs):\n    return {value}\n"


def refusing(forward, refused):
    return single(forward, more=POST.replace("REFUSED", refused))


VARIANTS = """
def inputs(size, random, variant):
    if variant != "good":
        import a_package_that_is_absent
    return {"x": random.standard_normal((size["n"], 4)).astype("float32")}

"""
UNCOPYABLE = "\ndef _refuse(self, memo):\n    raise TypeError('no')\n\n\nModel.__deepcopy__ = _refuse\n"
FRONT = '(h,) = stages["front"](x=inputs["x"]).values()'
# Each was called good, or failed for the harness's own reasons, unless it says that it is sound.
PROBES = {
    "first_draw_refused": refusing("x * 0 + 1", "at == 1"),
    "first_draw_refused_sound": refusing("x * 2", "at == 1"),
    "every_draw_refused": refusing("x * 0 + 1", "at > 0"),
    "constant_inputs": single(PEAK, EVEN),
    "constant_inputs_sound": single("x * 2", EVEN),
    "constant_inputs_only": single(f"{PEAK} if {TRACING} or len(x) == 5 or x.max() <= 1 else self.layer(None)", EVEN),
    "rare_labels": single(LABELS, more=post(f"{{{DERIVED}}}"), **AGREE),
    "rare_labels_and_more": single(
        f"{LABELS}, x", more=post(f'{{{DERIVED}, "z": outputs["z"]}}'), outputs=("y", "z"), **AGREE
    ),
    "one_name_twice": single(f'{{"hidden": (x + 1, x * (5 if {TRACING} else 3)), "hidden_1": x * 2}}', outputs=()),
    "chain_not_built": chained("raise SystemExit", built="Model()"),
    "idle_at_another_size": chained(FRONT, 'return {"y": h} if len(h) == 5 else stages["back"](h=h)'),
    "idle_at_the_export": chained(FRONT, 'return {"y": h} if len(h) == 2 else stages["back"](h=h)'),
    "more_exported": chained(FRONT, 'y = stages["back"](h=h)', 'return dict(y, z=h) if side == "exported" else y'),
    "uncopyable": single("self.layer(x)", more=UNCOPYABLE),
    "cache_in_place": chained(
        'cache, found = np.zeros_like(inputs["x"]), []',
        "for _ in range(3):",
        '    out = stages["step"](x=inputs["x"], cache=cache)',
        '    cache[:] = out["cache_out"]',
        '    found.append(out["y"])',
        'return {"y": np.stack(found)}',
        built='{"step": Step()}',
        declared=STEP,
    ),
    "outputs_in_place": chained(FRONT, "h *= 2", 'return stages["back"](h=h)'),
    "inputs_in_place": chained('inputs["x"] *= 2', FRONT, 'return stages["back"](h=h)'),
    "post_in_place": single("x * 2", more=post('{"y": outputs["y"] + np.negative(inputs["x"], out=inputs["x"])}')),
    "plain_number": chained(FRONT, 'return stages["back"](h=h, k=2)'),
    "one_variant": single("x + 1", more=VARIANTS, variants=["good", "needs_more"]),
}
#: The export's size comes last, so that nothing is known about it before the export.
BACKWARDS = {"constant_inputs_only"}


@pytest.fixture(scope="module")
def ends(bed, tmp_path_factory):
    """Every probe in one process: what became of each case, by probe and lane, in the order in which they ran."""
    folder = tmp_path_factory.mktemp("honest")
    lanes = {}
    for name in [name for name in PROBES if name != "one_variant"]:
        sizes = (200, 300) if name in LABELLED else (2, 5)
        lanes |= {(name, n): bed.case(name, {"n": n}) for n in (sizes[::-1] if name in BACKWARDS else sizes)}
    # What the lane in half leaves of the model shows at the next opset.
    lanes["uncopyable", "fp16"] = bed.case("uncopyable", precision="fp16")
    lanes["uncopyable", "next opset"] = bed.case("uncopyable", opset=14)
    lanes |= {("one_variant", variant): bed.case("one_variant", variant=variant) for variant in ("good", "needs_more")}
    found, _ = bed.run(folder, bed.request(folder, PROBES, list(lanes.values())))
    ends = {}
    for (name, lane), case in lanes.items():
        ends.setdefault(name, {})[lane] = found[case["id"]]
    return ends


def brief(end):
    return end["stage"], end["outcome"], end.get("reason"), (end.get("error") or {}).get("type")


PASSED = (None, "passed", None, None)
BLIND = ("eager", "skipped", "blind", "BlindProbe")
UNSEEN = ("eager", "skipped", "blind", "Unseen")
# probe -> how its cases end, in order; the last stands for all that follow
EXPECTED = {
    "first_draw_refused": [BLIND],
    "first_draw_refused_sound": [PASSED],
    "every_draw_refused": [UNSEEN],
    "constant_inputs": [("compare", "failed", "mismatch", None)],
    "constant_inputs_sound": [PASSED],
    "constant_inputs_only": [("export", "skipped", "blind", "Unseen")],
    "rare_labels": [("compare", "failed", "mismatch", None)],
    "rare_labels_and_more": [("compare", "failed", "mismatch", None)],
    "one_name_twice": [("eager", "failed", "outputs", "Mislabelled")],
    "chain_not_built": [("build", "failed", "error", "ValueError")],
    "idle_at_another_size": [PASSED, ("compare", "skipped", "blind", "IdleStage")],
    "idle_at_the_export": [("export", "skipped", "blind", "IdleStage")],
    "more_exported": [("compare", "failed", "error", "LookupError")],
    "uncopyable": [PASSED],
    "cache_in_place": [PASSED],
    "outputs_in_place": [PASSED],
    "inputs_in_place": [PASSED],
    "post_in_place": [PASSED],
    "plain_number": [PASSED],
    "one_variant": [PASSED, ("eager", "skipped", "requirement", "Requirement")],
}


@pytest.mark.slow
@on_oldest
@pytest.mark.parametrize("name", PROBES)
def test_each_probe_ends_as_what_it_shows(ends, name):
    found, expected = list(ends[name].values()), EXPECTED[name]
    expected = expected + expected[-1:] * (len(found) - len(expected))
    assert [brief(end) for end in found] == expected, [end.get("error") for end in found]


WORDS = {
    "first_draw_refused": "other inputs move y by less than ten times the tolerance",
    "every_draw_refused": "other inputs of the same size cannot be run: not a valid draw",
    "constant_inputs_only": "inputs() gives the same values in every draw, and others cannot be run: ",
    "one_name_twice": "several outputs are called hidden_1; name them under `outputs`",
    "chain_not_built": "build() gives the stages none, the probe's block names front, back",
    "idle_at_another_size": "nothing of back is compared: the pipeline does not call it at this size",
    "idle_at_the_export": "the pipeline does not call back for the inputs of the export",
    "more_exported": "the exported side gives outputs that eager does not: z",
}


@pytest.mark.slow
@on_oldest
@pytest.mark.parametrize("name", WORDS)
def test_the_error_says_what_nothing_shows(ends, name):
    *_, end = ends[name].values()
    assert end["error"]["message"].startswith(WORDS[name])
    assert end["outputs"] == [], "nothing is said of outputs that nothing shows"


@pytest.mark.slow
@on_oldest
def test_constant_inputs_are_exported_with_others(ends):
    # 1 is the largest of the case, 1.5 + 0.25 that of the disturbed inputs, which the export baked in.
    assert [end["outputs"][0]["max_abs"] for end in ends["constant_inputs"].values()] == [0.75, 0.75]


@pytest.mark.slow
@on_oldest
def test_a_model_that_cannot_be_copied_is_not_rounded_itself(ends):
    errors = {lane: end["outputs"][0]["max_abs"] for lane, end in ends["uncopyable"].items()}
    assert errors["fp16"] > 1e-4, "the weights of the artifact are in half"
    assert errors.pop("fp16") > 10 * max(errors.values())
    assert len({end["facts"]["weights"] for end in ends["uncopyable"].values()}) == 1


@pytest.mark.slow
@on_oldest
def test_what_a_pipeline_changes_in_place_is_judged_as_it_was_given(ends):
    for name in ("cache_in_place", "outputs_in_place", "inputs_in_place"):
        for end in ends[name].values():
            assert all(output["max_abs"] == 0 for output in end["outputs"]), name
            assert set(end["facts"]["given"].values()) == {stages.SAME}


# ---- With the host's Python and NumPy alone

SPEC = {
    "name": "p",
    "tolerances": {"fp32": {"": [1e-3, 1e-5]}, "fp16": {"": [1e-2, 1e-3]}},
    "agree": {"nearly": 0.99, "mostly": 0.95, "tokens": 0.75, "hardly": 0.25},
    "pictures": ["image", "front.image"],
    "stages": {"": {"outputs": [], "dynamic": {}}},
}
CASE = {"id": "p/v/torchscript/opset13/fp32/onnxruntime-cpu/n2", "probe": "p", "variant": "v", "runner": "r"}
CASE |= {"exporter": "torchscript", "opset": 13, "precision": "fp32", "size": {"n": 2}}
HALF = CASE | {"id": "half", "precision": "fp16"}


def f32(*values):
    return np.array(values, np.float32)


def made(**outputs):
    return {"inputs": {}, "outputs": outputs, "noise": dict.fromkeys(outputs), "trace": {}}


def compared(samples, runs, seen=None, case=CASE):
    """Judge what ran, with all stages before the comparison given; return how it ended and what is known of outputs."""
    bench = cases.Bench({"probes": {"p": SPEC}}, "", None, cases.JOINT)
    kept = {
        "build": {"chain": types.SimpleNamespace(single=True, outputs={}, stages={})},
        "eager": {"samples": samples},
        "run": {"outputs": runs, "parts": [], "facts": {}},
    }
    bench.memory = {(protocol.share_key(case, stage), stage): (None, value) for stage, value in kept.items()}
    bench.memory["seen"] = seen
    failure, kept = cases._attempt(cases.compare, bench, case)
    return (failure and (failure.outcome, failure.reason, (failure.error or {}).get("type"))), failure or kept[
        "outputs"
    ]


# output, how many of a hundred elements differ under other inputs -> whether that shows anything
REACTS = {
    "all must agree": ("exact", 1, True),
    "all must agree, none differs": ("exact", 0, False),
    "more than may differ": ("nearly", 2, True),
    "as many as may differ": ("nearly", 1, False),
    "more than a quarter": ("tokens", 26, True),
    "a quarter": ("tokens", 25, False),
    "what would not pass": ("hardly", 76, True),
    "what would pass": ("hardly", 74, False),
}


@pytest.mark.parametrize(("name", "differing", "reacts"), REACTS.values(), ids=REACTS)
def test_labels_have_to_move_by_more_than_their_share(name, differing, reacts):
    after = np.arange(100)
    after[:differing] += 1
    assert reference._reacts(SPEC, "fp32", {}, name, np.arange(100), after) is reacts


def test_labels_without_elements_show_nothing():
    assert reference._reacts(SPEC, "fp32", {}, "tokens", np.array([], int), np.array([], int)) is False


# labels, how many of a hundred a runner gets wrong -> whether that passes
SHARES = {
    "fewer than may": ("tokens", np.arange(100), 20, True),
    "more than may": ("tokens", np.arange(100), 30, False),
    "fewer than may, and one value everywhere would pass": ("tokens", np.arange(100) // 80, 1, False),
    "one value everywhere would not pass": ("tokens", np.arange(100) // 70, 1, True),
    "none, and one value everywhere would pass": ("tokens", np.zeros(100, int), 0, True),
}


@pytest.mark.parametrize(("name", "labels", "wrong", "passes"), SHARES.values(), ids=SHARES)
def test_where_one_value_everywhere_would_pass_all_must_agree(name, labels, wrong, passes):
    given = labels.copy()
    given[:wrong] += 1
    assert compare(name, given, labels, None, reference.bounds(SPEC, "fp32", name))["passed"] is passes


@pytest.mark.parametrize(("noise", "expected"), [(None, None), (1.0, ("skipped", "blind", "BlindProbe"))])
def test_a_lane_in_half_has_to_move_by_more_than_its_own_noise(noise, expected):
    sample = made(y=f32(1, 0))
    sample["half_noise"] = {"y": noise}, None
    end, _ = compared([sample], [[{"y": f32(1, 0)}] * 2], (sample, {"y": f32(1, 0.05)}), HALF)
    assert end == expected


def shared(differing, agree=0.75):
    after = np.arange(100)
    after[:differing] += 1
    return compare("tokens", after, np.arange(100), None, (1e-3, 1e-5, agree))


def test_the_margin_of_labels_is_the_share_that_may_differ_to_the_one_that_does():
    assert shared(0)["margin"] is None
    assert shared(10)["margin"] == pytest.approx(2.5)
    assert shared(50)["margin"] == pytest.approx(0.5)
    assert shared(10, agree=1.0)["margin"] == 0, "nothing may differ"
    samples = [shared(1), shared(20), shared(0), shared(10)]
    assert worst(samples) is samples[1], "the nearest to failing"
    assert worst([*samples, shared(26), shared(90)])["agreement"] == pytest.approx(0.1)


def picture(part, name):
    return {"name": name, "part": part, "passed": False, "reason": "mismatch"}


def test_pictures_are_kept_of_the_whole_and_not_of_a_stage(tmp_path):
    # A stage's output may be called like a picture, and is not what the whole gave.
    image = np.ones((1, 3, 2, 2), np.float32)
    ran = {"outputs": [[{"image": image * 2}] * 2]}
    wrong = [picture("front", "front.image"), picture("front", "image")]
    assert pictures.save(str(tmp_path), "a/b", SPEC, [made(image=image)], ran, wrong) == {}
    assert not list(tmp_path.iterdir())
    fact = pictures.save(str(tmp_path), "a/b", SPEC, [made(image=image)], ran, [*wrong, picture(None, "image")])
    assert fact == {"picture": {"output": "image", "file": "a~b.npz"}}
    with np.load(tmp_path / "pictures/a~b.npz") as kept:
        assert np.array_equal(kept["actual"], image[0] * 2)


def test_outputs_that_only_the_exported_side_gives_are_no_agreement():
    end, failure = compared([made(y=f32(1))], [[{"y": f32(1), "b": f32(2), "a": f32(3)}] * 2])
    assert end == ("failed", "error", "LookupError")
    assert failure.error["message"] == "the exported side gives outputs that eager does not: a, b"


@pytest.mark.parametrize("built", [{}, object()], ids=["no stages", "one module"])
def test_a_block_and_a_build_agree_on_whether_there_are_stages(built):
    declared = {"": {}} if built == {} else {"": {}, "front": {}}
    with pytest.raises(ValueError, match="the probe's block names " + ("none" if built == {} else "front")):
        chain.Chain(SPEC | {"stages": declared}, built)


def test_a_trace_keeps_what_was_given_and_what_came(monkeypatch):
    def pipeline(called, inputs, side):
        inputs["x"] *= 2
        (h,) = called["front"](x=inputs["x"]).values()
        inputs["x"][:] = 0
        h *= 2
        return {side: h}

    monkeypatch.setitem(sys.modules, "matrixscan_probe_p", types.SimpleNamespace(pipeline=pipeline))
    built = chain.Chain(SPEC | {"stages": {"": {}, "front": {}}}, {"front": None})
    built.outputs = {"front": ["h"]}
    inputs = {"x": f32(1)}
    whole, trace = built.run(inputs, lambda _, feeds: [feeds["x"] + 1], "exported")
    assert (inputs, whole, trace) == ({"x": [1]}, {"exported": [6]}, {"front": [({"x": [2]}, [[3]])]})


def test_post_works_on_copies(monkeypatch):
    def change(outputs, inputs):
        outputs["y"] *= 2
        inputs["x"][:] = 0
        return outputs

    monkeypatch.setitem(sys.modules, "matrixscan_probe_p", types.SimpleNamespace(post=change))
    outputs, inputs = {"y": f32(1)}, {"x": f32(1)}
    assert probe.post_process(SPEC, outputs, inputs) == {"y": [2]}
    assert (outputs, inputs) == ({"y": [1]}, {"x": [1]})


def test_a_runner_is_fed_arrays_also_of_plain_numbers():
    fed = {}
    runner = types.SimpleNamespace(input_names=lambda _: ["k"], run=lambda _, feeds: fed.update(feeds) or [f32(1)])
    bench = cases.Bench({"probes": {"p": SPEC}}, "", None, cases.JOINT)
    model = {"chain": types.SimpleNamespace(outputs={"back": ["y"]})}
    for stage, kept in {"build": model, "load": {"runner": runner, "handles": {"back": None}}}.items():
        bench.memory[protocol.share_key(CASE, stage), stage] = None, kept
    call, _ = cases._exported(bench, CASE)
    call("back", {"k": 2.0})
    assert (type(fed["k"]), fed["k"].shape) == (np.ndarray, ())


def test_figures_that_are_no_numbers_leave_the_event_readable(tmp_path):
    events = main.Events(tmp_path / "events.jsonl")
    nan, inf = float("nan"), float("inf")
    facts = {"nan": nan, "list": [1.5, inf], "tuple": (np.float64(-inf), {"deep": nan}), "text": "NaN", "whole": 1}
    events.emit("case", facts=facts, margin=nan)
    events.emit("bye")
    events._file.close()
    case, bye = read_events(tmp_path / "events.jsonl")
    assert (case["event"], bye["event"]) == ("case", "bye"), "an unreadable line ends the file"
    assert case["margin"] is None
    assert case["facts"] == {
        "nan": None,
        "list": [1.5, None],
        "tuple": [None, {"deep": None}],
        "text": "NaN",
        "whole": 1,
    }
