"""Chains, samples, lanes of half precision and the user's own weights, in real environments."""

import copy
import hashlib
import json
import shutil

import numpy as np
import pytest

pytestmark = pytest.mark.slow

HEAD = """\
import numpy as np
import torch


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 4)).astype(np.float32)}


class Front(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 8)

    def forward(self, x):
        return self.layer(x)FRONT


class Back(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 5)

    def forward(self, h):
        return BACK

"""
CHAIN = """
def build(variant):
    return {"front": Front(), "back": Back()}


def pipeline(stages, inputs, side):
    (h,) = stages["front"](x=inputs["x"]).values()
    HOST
    return stages["back"](h=h)

"""
TOKENS = """
def post(outputs, inputs):
    return dict(outputs, tokens=outputs["y"].argmax(-1))

"""
ONE = """
def build(variant):
    return Front()

"""
WEIGHT = np.arange(32, dtype="<f4").reshape(8, 4) / 16
BIAS = np.full(8, 0.5, "<f4")
TRACING = "torch.jit.is_tracing()"
STAGES = {
    "": {"outputs": [], "dynamic": {}},
    "front": {"outputs": ["h"], "dynamic": {"x": {"0": "n"}, "h": {"0": "n"}}},
    "back": {"outputs": ["y"], "dynamic": {"h": {"0": "n"}, "y": {"0": "n"}}},
}


def chain(front="", back="self.layer(h)", host="pass", more="", **fields):
    source = HEAD.replace("FRONT", front).replace("BACK", back) + CHAIN.replace("HOST", host) + more
    return {"source": source, "fields": {"stages": STAGES} | fields}


def single(front="", more="", outputs=("y",), **fields):
    stages = {"": {"outputs": list(outputs), "dynamic": {"x": {"0": "n"}}}}
    source = HEAD.replace("FRONT", front).replace("BACK", "h") + ONE + more
    return {"source": source, "fields": {"stages": stages} | fields}


def unnamed(*inputs):
    return {"outputs": [], "dynamic": {name: {"0": "n"} for name in (*inputs, "output")}}


NESTED = '.chunk(2, 1)[0], {"b": [x * 2, (x + 1,)], "a": x - 1}'
NAMES = ["output_0", "output_1.b_0", "output_1.b_1_0", "output_1.a"]
UNEQUAL = """
def post(outputs, inputs):
    kept = inputs["x"][:, 0] > -9
    kept[-1] = False
    return {"valid": outputs["y"][kept]}

"""
PROBES = {
    "agrees": chain(more=TOKENS, samples=2),
    # The names of the stages' outputs are left to their structure.
    "unnamed": chain(stages={"": STAGES[""], "front": unnamed("x"), "back": unnamed("h")}),
    "front_wrong": chain(front=f" * (1.05 if {TRACING} else 1)"),
    "back_wrong": chain(back=f"self.layer(h) * (1.05 if {TRACING} else 1)"),
    "host_differs": chain(host="h = h * 2 if side == 'exported' else h"),
    "host_cuts": chain(host="h = h[:1] if side == 'exported' else h"),
    "called_twice": chain(host="stages['front'](x=inputs['x']) if side == 'exported' else None"),
    "idle_stage": chain(host="return {'y': h}"),
    "other_stages": chain(stages={"": STAGES[""], "front": STAGES["front"], "rear": STAGES["back"]}),
    "front_fails": chain(front=f" + (1 if not {TRACING} else [][5])"),
    "samples": single(samples=3),
    "sample_differs": single(samples=3, front=f" * (1 if not {TRACING} else 1.05)"),
    "nested": single(front=NESTED, stages={"": {"outputs": [], "dynamic": {"x": {"0": "n"}, "output_0": {"0": "n"}}}}),
    "unequal": single(more=UNEQUAL),
    "post_fails": single(more="\ndef post(outputs, inputs):\n    return outputs['z']\n"),
    "own_weights": single(),
    "other_weights": single(),
    "halves": single(),
}


@pytest.fixture(scope="session")
def chained(bed, tmp_path_factory):
    """Every probe in one request, at the size of the export and at another."""
    folder = tmp_path_factory.mktemp("chained")
    traced = {"exporter": "torchscript", "opset": 13}
    cases = [
        bed.case(name, {"n": n}, **(traced if TRACING in probe["source"] else {}))
        for name, probe in PROBES.items()
        for n in (2, 5)
    ]
    cases += [bed.case("halves", {"n": 2}, precision=lane) for lane in ("fp16", "fp16-run")]
    cases += [bed.case("nested", {"n": 2}, **traced)] if bed.exporter != "torchscript" else []
    request = bed.request(folder, PROBES, sorted(cases, key=lambda case: case["probe"]))
    np.savez(folder / "other.npz", **{"layer.weight": WEIGHT[:4], "layer.bias": BIAS})
    # By hand: eight bytes of length, JSON, raw data; the bias in bfloat16, half of the bits of a float.
    half = (BIAS.view("<u4") >> 16).astype("<u2")
    entries = {"__metadata__": {"format": "pt"}}
    entries["layer.weight"] = {"dtype": "F32", "shape": [8, 4], "data_offsets": [0, 128]}
    entries["layer.bias"] = {"dtype": "BF16", "shape": [8], "data_offsets": [128, 144]}
    header = json.dumps(entries).encode()
    own = len(header).to_bytes(8, "little") + header + WEIGHT.tobytes() + half.tobytes()
    (folder / "own.safetensors").write_bytes(own)
    request["probes"]["own_weights"]["checkpoint"] = str(folder / "own.safetensors")
    request["probes"]["other_weights"]["checkpoint"] = str(folder / "other.npz")
    ends, _ = bed.run(folder, request)
    found = {}
    for case in cases:
        lane = case["precision"] if case["probe"] == "halves" else case["exporter"]
        found.setdefault((case["probe"], lane), {})[case["size"]["n"]] = ends[case["id"]]
    return {name: next(ends for (probe, _), ends in found.items() if probe == name) for name in PROBES}, found


def brief(end):
    return end["stage"], end["outcome"], end.get("reason"), (end.get("error") or {}).get("type")


PASSED = (None, "passed", None, None)
EXPECTED = {
    "agrees": PASSED,
    "unnamed": PASSED,
    "front_wrong": ("compare", "failed", "mismatch", None),
    "back_wrong": ("compare", "failed", "mismatch", None),
    "host_differs": ("compare", "failed", "pipeline", "OtherInputs"),
    "host_cuts": ("compare", "failed", "pipeline", "OtherInputs"),
    "called_twice": PASSED,
    "idle_stage": ("export", "skipped", "blind", "IdleStage"),
    "other_stages": ("build", "failed", "error", "ValueError"),
    "front_fails": ("export", "failed", "error", "IndexError"),
    "samples": PASSED,
    "sample_differs": ("compare", "failed", "mismatch", None),
    "nested": PASSED,
    "unequal": PASSED,
    "post_fails": ("eager", "failed", "error", "KeyError"),
    "own_weights": PASSED,
    "other_weights": ("build", "failed", "error", "ValueError"),
    "halves": PASSED,
}


@pytest.mark.parametrize("name", PROBES)
def test_each_probe_ends_the_same_at_both_sizes(chained, name):
    ends = chained[0][name]
    assert [brief(end) for end in ends.values()] == [EXPECTED[name]] * 2, [end.get("error") for end in ends.values()]


def judged(end):
    return {output["name"]: (output["part"], output["passed"], output["reason"]) for output in end["outputs"]}


@pytest.mark.parametrize("n", [2, 5])
def test_every_stage_is_judged_by_itself_and_the_whole_end_to_end(chained, n):
    good = (True, None)
    assert judged(chained[0]["agrees"][n]) == {
        "front.h": ("front", *good),
        "back.y": ("back", *good),
        "y": (None, *good),
        "tokens": (None, *good),
    }
    assert judged(chained[0]["unnamed"][n]) == {
        "front.output": ("front", *good),
        "back.output": ("back", *good),
        "output": (None, *good),
    }
    assert chained[0]["agrees"][n]["facts"]["given"] == {"front": "the same", "back": "the same"}


def test_a_wrong_stage_is_named_and_the_next_one_is_not_blamed_for_what_it_was_given(chained):
    front, back = judged(chained[0]["front_wrong"][2]), judged(chained[0]["back_wrong"][2])
    assert front["front.h"] == ("front", False, "mismatch")
    assert front["back.y"] == ("back", True, None)
    assert front["y"] == (None, False, "mismatch")
    assert back["front.h"] == ("front", True, None)
    assert back["back.y"] == ("back", False, "mismatch")
    given = chained[0]["front_wrong"][2]["facts"]["given"]
    assert given == {"front": "the same", "back": "h has other values"}


def test_logic_of_the_host_that_differs_is_told_from_a_wrong_graph(chained):
    end = chained[0]["host_differs"][5]
    stages = {"front.h": ("front", True, None), "back.y": ("back", True, None)}
    assert judged(end) == stages | {"y": (None, False, "mismatch")}
    assert end["error"]["message"].endswith("was not given the same: back: h has other values")
    assert end["facts"]["given"] == {"front": "the same", "back": "h has other values"}
    end = chained[0]["host_cuts"][5]
    assert judged(end)["y"] == (None, False, "shape")
    assert end["facts"]["given"]["back"] == "h has shape (1, 8) instead of (5, 8)"
    assert chained[0]["called_twice"][2]["facts"]["given"]["front"] == "called 2 times instead of 1"


def test_errors_in_a_chain_name_the_stage(chained):
    assert chained[0]["front_fails"][2]["error"]["message"].startswith("front: ")
    assert "does not call back" in chained[0]["idle_stage"][2]["error"]["message"]
    message = chained[0]["other_stages"][2]["error"]["message"]
    assert message == "build() gives the stages front, back, the probe's block names front, rear"


def test_the_worst_of_several_samples_is_recorded(chained):
    assert chained[0]["samples"][2]["facts"]["samples"] == 3
    assert len(chained[0]["samples"][2]["outputs"]) == 1
    (output,) = chained[0]["sample_differs"][2]["outputs"]
    assert output.get("sample", 0) in (0, 1, 2)
    # Another sample than the first alone would have said something else.
    assert chained[0]["samples"][2]["facts"]["inputs"] != chained[0]["halves"][2]["facts"]["inputs"]


def test_nested_outputs_have_stable_names_with_every_exporter(bed, chained):
    lanes = {lane: ends for (probe, lane), ends in chained[1].items() if probe == "nested"}
    assert set(lanes) == {bed.exporter, "torchscript"}
    for ends in lanes.values():
        for end in ends.values():
            assert brief(end) == PASSED, end["error"]
            assert [output["name"] for output in end["outputs"]] == NAMES


def test_what_post_derives_is_compared_instead(chained):
    (output,) = chained[0]["unequal"][5]["outputs"]
    assert (output["name"], output["shape"]) == ("valid", [4, 8])


def test_half_precision_is_a_lane_of_its_own(chained):
    lanes = {lane: ends[2] for (probe, lane), ends in chained[1].items() if probe == "halves"}
    assert [brief(end) for end in lanes.values()] == [PASSED] * 3, [end.get("error") for end in lanes.values()]
    full, half = lanes["fp32"]["outputs"][0], lanes["fp16"]["outputs"][0]
    assert (half["rtol"], half["atol"], half["dtype"]) == (1e-2, 1e-3, "float32")
    assert 1e-5 < half["max_abs"] < 1e-1, "the weights are in half"
    assert full["max_abs"] < 1e-5
    assert lanes["fp16"]["facts"]["artifact_bytes"] != lanes["fp32"]["facts"]["artifact_bytes"]
    # The artifact is the one of the fp32 lane: not exported again.
    assert "export" in lanes["fp16"]["seconds"]
    assert "export" not in lanes["fp16-run"]["seconds"]
    assert lanes["fp16-run"]["facts"]["artifact_bytes"] == lanes["fp32"]["facts"]["artifact_bytes"]


def test_a_checkpoint_is_what_the_model_has(chained):
    own, seeded = chained[0]["own_weights"][2], chained[0]["halves"][2]
    expected = hashlib.sha256()
    for name, array in (("layer.bias", BIAS), ("layer.weight", WEIGHT)):
        expected.update(f"{name} <f4 {array.shape}\n".encode() + array.tobytes())
    assert own["facts"]["weights"] == expected.hexdigest() != seeded["facts"]["weights"]
    message = chained[0]["other_weights"][2]["error"]["message"]
    assert message == "layer.weight of the checkpoint has shape (4, 4), the model's has (8, 4)"


UNUSABLE = """
class Exporter:
    NAME = "empty"
    FORMAT = "onnx"
    SUFFIX = ".onnx"
    OPSETS = (0,)
    PRECISIONS = ("fp32",)

    @staticmethod
    def unsupported(opset, precision):
        return None

    @staticmethod
    def export(model, inputs, path, outputs, dynamic, opset, precision):
        open(path, "w").close()

    @staticmethod
    def check(path):
        from . import Unusable

        raise Unusable("the converter wrote nothing")
"""


def test_an_artifact_that_cannot_be_used_is_the_converters_failure(bed, tmp_path):
    probes = {"whole": single(), "parts": chain()}
    cases = [bed.case(name, exporter="empty", opset=13) for name in probes]
    other = copy.copy(bed)
    other.harness = tmp_path / "harness"
    shutil.copytree(bed.harness, other.harness)
    package = next(other.harness.rglob("backends"))
    (package / "empty.py").write_text(UNUSABLE)
    ends, _ = other.run(tmp_path / "run", bed.request(tmp_path / "run", probes, cases))
    found = [(brief(ends[case["id"]])[:3], ends[case["id"]]["error"]["message"]) for case in cases]
    expected = ("check", "failed", "unusable")
    words = "the converter wrote nothing"
    assert found == [(expected, words), (expected, f"front: {words}")]
