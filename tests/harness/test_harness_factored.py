"""A factored plan finds what a joint one finds: exported in one environment, run in another without torch."""

import shutil

import numpy as np
import pytest

from matrixscan.harness import parcel
from matrixscan.plan.factor import unit_id

HEAD = """\
import numpy as np
import torch


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 8)).astype("float32")}


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)

    def forward(self, x):
        return FORWARD


def build(variant):
    return Model()

"""
FORWARDS = {
    "right": "self.layer(x).tanh()",
    "frozen": "self.layer(x) + torch.arange(int(x.shape[0]))[:, None]",
    "random": "self.layer(x) + torch.rand(())",
    "impossible": "torch.linalg.eigvals(self.layer(x)[:1].T @ self.layer(x)[:1]).real",
    "other": "self.layer(x).tanh()",
}
POST = "\ndef post(outputs, inputs):\n    return {'y': outputs['y'] * 2}\n"
SIZES = ({"n": 2}, {"n": 5})


def _probes():
    made = {name: {"source": HEAD.replace("FORWARD", forward)} for name, forward in FORWARDS.items()}
    made["posted"] = {"source": HEAD.replace("FORWARD", "self.layer(x)") + POST}
    return made


def _comparable(end):
    """Return what must not depend on the plan: all but times and where the data lies."""
    outputs = [dict(output) for output in end.get("outputs", [])]
    return end["stage"], end["outcome"], end.get("reason"), (end.get("error") or {}).get("type"), outputs


@pytest.fixture(scope="module")
def factored(bed, run_side, tmp_path_factory):
    """What the joint plan says, what the export side says, and what the run side says of each exported case."""
    folder = tmp_path_factory.mktemp(f"factored-{bed.name}")
    probes = _probes()
    cases = [bed.case(name, size=size) for name in probes for size in SIZES]
    request = bed.request(folder / "probes", probes, cases)
    joint, _ = bed.run(folder / "joint", request)
    store = folder / "store"
    exported, _ = bed.run(folder / "export", request | {"mode": "export", "store": str(store)})
    units = {}
    for case in cases:
        facts = exported[case["id"]].get("facts", {})
        if exported[case["id"]]["outcome"] == "passed":
            digests = facts["artifact"], facts["reference"]
            name = unit_id(case["probe"], case["variant"], case["precision"], case["runner"], *digests)
            units[case["id"]] = case | {"id": name, "artifact": digests[0], "reference": digests[1]}
    work = sorted(units.values(), key=lambda unit: unit["id"])
    more = {"mode": "execute", "store": str(store), "axes": run_side.axes, "cases": work}
    ran, _ = run_side.run(folder / "run", request | more)
    return cases, joint, exported, {case: ran[unit["id"]] for case, unit in units.items()}, more, request, run_side


def test_both_plans_say_the_same_of_every_case(factored):
    cases, joint, exported, ran, *_ = factored
    seen = set()
    for case in cases:
        end = ran.get(case["id"], exported[case["id"]])
        if case["probe"] == "posted":
            continue
        assert _comparable(end) == _comparable(joint[case["id"]]), case["id"]
        seen.add(end["outcome"])
    assert {"passed", "failed", "skipped"} <= seen
    assert len([end for end in ran.values() if end["outcome"] == "passed"]) >= 4


def test_a_probe_whose_own_code_needs_torch_is_skipped_where_there_is_none(factored):
    cases, joint, _, ran, *_ = factored
    posted = [case["id"] for case in cases if case["probe"] == "posted"]
    assert {joint[case]["outcome"] for case in posted} == {"passed"}
    assert {(ran[case]["outcome"], ran[case]["reason"]) for case in posted} == {("skipped", "requirement")}


def test_what_is_alike_is_kept_once(factored):
    _, _, exported, ran, *_ = factored
    artifacts = {name: end["facts"]["artifact"] for name, end in exported.items() if end["outcome"] == "passed"}
    right, other = (
        {digest for name, digest in artifacts.items() if name.startswith(probe)} for probe in ("right", "other")
    )
    assert len(right) == 1
    assert right != other  # seeded by the probe's name: other weights
    references = [end["facts"]["reference"] for end in exported.values() if end["outcome"] == "passed"]
    assert len(set(references)) == len(references)
    assert ran


def test_a_store_that_lost_something_says_nothing_about_the_model(factored, tmp_path):
    *_, more, request, run_side = factored
    store = tmp_path / "store"
    shutil.copytree(more["store"], store)
    shutil.rmtree(store / "artifacts" / more["cases"][0]["artifact"])
    ran, _ = run_side.run(tmp_path / "run", request | more | {"store": str(store), "cases": more["cases"][:1]})
    (end,) = ran.values()
    assert (end["outcome"], end["error"]["type"]) == ("infra", "StoreIncomplete")


def test_a_reference_comes_back_as_it_was(tmp_path):
    samples = [
        {
            "inputs": {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "flag": np.array(True)},
            "outputs": {"y": np.array([np.nan, np.inf, -0.0])},
            "noise": {"y": 1e-9, "z": None},
            "trace": {"": [({"x": np.zeros((0, 3), np.int64)}, [np.array([1, 2], np.uint8)])]},
        }
    ]
    head = {"probe": "p", "single": True, "stages": [""], "outputs": {"": ["y"]}, "post": False}
    digest = parcel.keep_reference(str(tmp_path), head, samples)
    assert parcel.keep_reference(str(tmp_path), head, samples) == digest
    found, (made,) = parcel.read_reference(str(tmp_path), digest)
    assert found == head
    assert made["noise"] == {"y": 1e-9, "z": None}
    for name, array in samples[0]["inputs"].items():
        np.testing.assert_array_equal(made["inputs"][name], array)
        assert made["inputs"][name].dtype == array.dtype
    np.testing.assert_array_equal(np.signbit(made["outputs"]["y"]), np.signbit(samples[0]["outputs"]["y"]))
    feeds, (out,) = made["trace"][""][0]
    assert feeds["x"].shape == (0, 3)
    assert out.dtype == np.uint8
    samples[0]["outputs"]["y"][2] = 1e-30
    assert parcel.keep_reference(str(tmp_path), head, samples) != digest


def test_an_artifact_without_an_essence_is_known_by_its_bytes(tmp_path):
    class Exporter:
        SUFFIX = ".param"

    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "model.param").write_text("1")
    (folder / "model.bin").write_bytes(b"2")
    first = parcel.keep_artifact(str(tmp_path / "store"), Exporter, str(folder))
    assert parcel.keep_artifact(str(tmp_path / "store"), Exporter, str(folder)) == first
    (folder / "model.bin").write_bytes(b"3")
    assert parcel.keep_artifact(str(tmp_path / "store"), Exporter, str(folder)) != first
    assert parcel.holds_artifact(str(tmp_path / "store"), first)
    assert parcel.read_reference(str(tmp_path / "store"), "none") is None
