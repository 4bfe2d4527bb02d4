"""The harness in real environments: every way a case can go wrong is one finding, and the others are judged."""

import os
import signal

import numpy as np
import pytest

from matrixscan.environment.harness import diagnosis_digest
from matrixscan.harness.protocol import EVENTS_FILE
from matrixscan.matrix.types import Limits
from matrixscan.records.events import Fold, append_event, read_events

pytestmark = pytest.mark.slow

HEAD = """\
import numpy as np
import torch


def inputs(size, random):
    return {"x": random.standard_normal((size["n"], 4)).astype(np.float32)}


def build(variant):
    return Net()


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)

"""


def forward(body, head=HEAD, outputs=("y",), dynamic=None):
    """Return a probe whose forward has this body."""
    dynamic = {"x": {"0": "n"}, "y": {"0": "n"}} if dynamic is None else dynamic
    fields = {"stages": {"": {"outputs": list(outputs), "dynamic": dynamic}}}
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return {"source": f"{head}    def forward(self, x):\n{lines}", "fields": fields}


GOOD = forward("return self.layer(x)")


def dying(body):
    """Return a probe whose build has this body."""
    return {"source": HEAD.replace("return Net()", body.replace("\n", "\n    "))}


PROBES = {
    "good": GOOD,
    "golden": {
        "source": HEAD.replace(
            "self.layer =",
            "self.scale = torch.nn.Parameter(torch.tensor(2.0))\n"
            "        self.fine = torch.nn.Parameter(torch.ones(3).half())\n"
            "        self.norm = torch.nn.BatchNorm1d(3)\n        self.layer =",
        )
        + "    def forward(self, x):\n        return self.norm(self.layer(x)) * self.scale + self.fine.float()\n"
    },
    "tied": forward(
        "return torch.relu_(x) @ self.layer.weight.t() + self.other.weight.sum()",
        HEAD.replace(
            "(4, 3)\n",
            "(4, 3)\n        self.other = torch.nn.Linear(4, 3)\n        self.other.weight = self.layer.weight\n",
        ),
    ),
    "remembers": forward(
        "y = self.layer(x) + getattr(self, 'traced', 0)\nself.traced = int(torch.jit.is_tracing())\nreturn y",
    ),
    "hands_out_buffer": forward(
        "if torch.jit.is_tracing():\n    return self.layer(x)[:1]\n"
        "self.buffer[:1] = self.layer(x)[:1]\nreturn self.buffer",
        HEAD.replace(
            "(4, 3)\n", "(4, 3)\n        self.register_buffer('buffer', torch.zeros(1, 3), persistent=False)\n"
        ),
        dynamic={"x": {"0": "n"}},
    ),
    "nan": forward("return self.layer(x) * float('nan')"),
    "nan_exported": forward("y = self.layer(x)\nreturn y * float('nan') if torch.jit.is_tracing() else y"),
    "other_numbers": forward("y = self.layer(x)\nreturn y * 1.01 if torch.jit.is_tracing() else y"),
    "other_dtype": forward("y = self.layer(x)\nreturn y.double() if torch.jit.is_tracing() else y"),
    "baked": forward("return self.layer(x) * torch.arange(int(x.shape[0])).unsqueeze(1)"),
    "two_outputs": forward("return self.layer(x), x * 2"),
    "baked_value": forward("return self.layer(x) * float(x[0, 0])"),
    "baked_branch": forward("y = self.layer(x)\nreturn y + (1 if float(x[0, 1]) > 0.25 else -1) * float(x.max())"),
    "tiny_second": forward("y = self.layer(x)\nreturn y, y * 1e-7", outputs=["y", "z"]),
    "other_axes": forward("return self.layer(x)", dynamic={"xx": {"0": "n"}}),
    "other_bounds": forward("return self.layer(x)")
    | {"fields": {"tolerances": {"fp32": {"": [1e-3, 1e-5], "logits": [1, 1]}, "fp16": {"": [1e-2, 1e-3]}}}},
    "blind": forward("return self.layer(x * 0)"),
    "empty": forward("return self.layer(x)[:0]", dynamic={"x": {"0": "n"}}),
    "draws": forward("return self.layer(x) + torch.rand(1)"),
    "counts": forward("self.seen = getattr(self, 'seen', 0) + 1\nreturn self.layer(x) + self.seen"),
    "needs": {"source": "import no_such_module_anywhere\n" + HEAD},
    "needs_later": forward("import no_such_module_anywhere\nreturn x"),
    "raises": forward("raise RuntimeError('half a surrogate: \\udc80')"),
    "exits": dying("import os\nos._exit(0)"),
    "segfault": dying("import ctypes\nctypes.string_at(0)"),
    "hog": dying(
        "import time\nkept = []\nwhile True:\n"
        "    time.sleep(0.02)\n    kept.append(np.ones(8 << 20) if len(kept) < 64 else None)"
    ),
    "miscalibrated": GOOD,
    "hang": forward("import time\ntime.sleep(600)"),
}

# probe -> size, stage, outcome, reason, type of the error. The tricks with tracing need the tracing exporter.
EXPECTED = {
    "good": (2, None, "passed", None, None),
    "golden": (2, None, "passed", None, None),
    "tied": (2, None, "passed", None, None),
    "remembers": (2, None, "passed", None, None),
    "hands_out_buffer": (2, None, "passed", None, None),
    "nan": (2, "eager", "failed", "nonfinite", "NonFiniteReference"),
    "nan_exported": (2, "compare", "failed", "nonfinite", None),
    "other_numbers": (2, "compare", "failed", "mismatch", None),
    "other_dtype": (2, "compare", "failed", "dtype", None),
    "baked": (2, None, "passed", None, None),
    "two_outputs": (2, "eager", "failed", "outputs", "Mislabelled"),
    "baked_value": (2, "compare", "failed", "mismatch", None),
    "baked_branch": (2, "compare", "failed", "mismatch", None),
    "tiny_second": (2, "eager", "skipped", "blind", "BlindProbe"),
    "other_axes": (2, "eager", "failed", "error", "UnknownAxes"),
    "other_bounds": (2, "eager", "failed", "error", "UnknownOutputs"),
    "blind": (2, "eager", "skipped", "blind", "BlindProbe"),
    "draws": (2, "eager", "skipped", "nondeterministic", "UnstableReference"),
    "counts": (2, "eager", "skipped", "nondeterministic", "UnstableReference"),
    "empty": (2, "eager", "skipped", "blind", "BlindProbe"),
    "needs": (2, "build", "skipped", "requirement", "Requirement"),
    "needs_later": (2, "eager", "skipped", "requirement", "Requirement"),
    "raises": (2, "eager", "failed", "error", "RuntimeError"),
    "miscalibrated": (2, "build", "failed", "error", "ValueError"),
    "exits": (2, "build", "crashed", None, "ProcessExit"),
    "segfault": (2, "build", "crashed", None, "SIGSEGV"),
    "hog": (2, "build", "crashed", "memory", "OutOfMemory"),
    "hang": (2, "eager", "timed_out", None, "Timeout"),
}
TRACED = {
    "baked_value",
    "baked_branch",
    "remembers",
    "nan_exported",
    "other_numbers",
    "other_dtype",
    "baked",
    "hands_out_buffer",
}
GOLDEN = {
    "weights": "7781b70dc50586813d3f80f4b393188b945901aee79c4b51ca285188786bf0ad",
    "inputs": "fedf484c744734b905fb00974c95c53d65dd2ab003d8906caa78dd89fb6a8a34",
}


@pytest.fixture(scope="session")
def judged(bed, tmp_path_factory):
    """Every probe in one request; each crash in between costs one start of the harness."""
    folder = tmp_path_factory.mktemp("judged")
    cases = {
        name: bed.case(
            name, {"n": size}, exporter="torchscript" if name in TRACED else None, opset=13 if name in TRACED else None
        )
        for name, (size, *_) in EXPECTED.items()
    }
    cases["baked at 3"] = bed.case("baked", {"n": 3}, exporter="torchscript", opset=13)
    cases["remembers at 3"] = bed.case("remembers", {"n": 3}, exporter="torchscript", opset=13)
    cases["good at 3"] = bed.case("good", {"n": 3})
    bounds = {cases["hang"]["id"]: 2.0}
    request = bed.request(folder, PROBES, sorted(cases.values(), key=lambda case: case["probe"]))
    # One number for three would be stretched over all of them by torch's copy_.
    request["probes"]["miscalibrated"]["weights"] = str(folder / "bias.npz")
    np.savez(folder / "bias.npz", **{"layer.bias": np.ones(1, np.float16)})
    ends, fold = bed.run(folder, request, Limits(case_seconds=120.0, memory_gib=2.0), bounds)
    return {name: ends[case["id"]] for name, case in cases.items()}, fold


@pytest.mark.parametrize("name", EXPECTED)
def test_each_probe_is_one_finding(judged, name):
    end = judged[0][name]
    found = end["stage"], end["outcome"], end.get("reason"), (end.get("error") or {}).get("type")
    assert found == EXPECTED[name][1:], end.get("error")


def test_a_size_frozen_at_export_fails_at_another_size_only(judged):
    end = judged[0]["baked at 3"]
    assert (end["stage"], end["outcome"]) == ("run", "failed")
    assert judged[0]["good at 3"]["outcome"] == "passed"


def test_what_an_exporter_leaves_in_the_model_does_not_reach_the_reference(judged):
    end = judged[0]["remembers at 3"]
    assert end["outcome"] == "passed", end.get("error")


def test_weights_and_inputs_are_the_same_everywhere(judged):
    facts = judged[0]["golden"]["facts"]
    assert {name: facts[name] for name in GOLDEN} == GOLDEN


def test_a_failed_case_keeps_the_facts_of_the_stages_it_passed(judged):
    facts = judged[0]["other_numbers"]["facts"]
    assert {"weights", "inputs", "eager_ms", "artifact_bytes", "opset_found", "runner_ms"} <= facts.keys()
    assert judged[0]["nan_exported"]["facts"]["opset_found"]
    assert "weights" in judged[0]["nan"]["facts"]


def test_the_metrics_of_a_mismatch(judged):
    (output,) = judged[0]["other_numbers"]["outputs"]
    assert output["max_rel"] == pytest.approx(0.01, rel=1e-3)
    assert output["margin"] < 1
    assert output["required_atol"] > output["atol"]


def test_the_imported_releases_are_the_requested_ones(bed, judged):
    imported = judged[1].imported
    assert imported["outcome"] == "passed"
    assert imported["resolved"].pop("python").startswith(bed.axes["python"] + ".")
    found = {name: version.split("+")[0] for name, version in imported["resolved"].items()}
    assert found == {name: version for name, version in bed.axes.items() if name != "python"}


@pytest.mark.parametrize(("axis", "version"), [("onnx", "1.14.2"), ("python", "3.12")])
def test_another_release_is_a_version_mismatch(bed, tmp_path, axis, version):
    # onnx alone: it imports in a fraction of the time torch takes.
    case = bed.case("good")
    axes = {"python": bed.axes["python"], "onnx": bed.axes["onnx"]} | {axis: version}
    ends, fold = bed.run(tmp_path, bed.request(tmp_path, {"good": GOOD}, [case], axes))
    assert ends == {case["id"]: None}
    assert fold.import_failed
    assert (fold.imported["outcome"], fold.imported["reason"]) == ("failed", "version")
    assert fold.imported["error"]["type"] == "VersionMismatch"


def test_an_opset_the_exporter_does_not_write_is_never_passed(bed, tmp_path):
    case = bed.case("good", opset=bed.opset if bed.exporter == "torchscript" else 9)
    ends, _ = bed.run(tmp_path, bed.request(tmp_path, {"good": GOOD}, [case]))
    end = ends[case["id"]]
    if end["outcome"] == "passed":
        assert end["facts"]["opset_found"]["ai.onnx"] == case["opset"]
    else:
        assert (end["stage"], end["outcome"]) == ("check", "infeasible")


def test_a_cut_event_file_and_a_killed_process(bed, tmp_path):
    probes = {"good": GOOD, "slow": forward("import time\ntime.sleep(0.2)\nreturn self.layer(x)"), "last": GOOD}
    cases = [bed.case("good"), bed.case("good", {"n": 3}), bed.case("slow"), bed.case("last")]
    request = bed.request(tmp_path, probes, cases)
    pids, kills = [], 2

    def kill_the_third(event):
        if event["event"] == "hello":
            pids.append(event["pid"])
        if (
            event["event"] == "case"
            and event["state"] == "started"
            and event["case"] == cases[2]["id"]
            and len(pids) <= kills
        ):
            os.kill(pids[-1], signal.SIGKILL)

    ends, _ = bed.run(tmp_path, request, notice=kill_the_third)
    assert [ends[case["id"]]["outcome"] for case in cases] == ["passed", "passed", "crashed", "passed"]
    assert ends[cases[2]["id"]]["error"]["type"] == "SIGKILL"
    assert len(pids) == 1 + kills

    events = tmp_path / EVENTS_FILE
    lines = events.read_bytes().splitlines(keepends=True)
    second = next(at for at, line in enumerate(lines) if b'"done"' in line and cases[1]["id"].encode() in line)
    events.write_bytes(b"".join(lines[:second]) + lines[second][: len(lines[second]) // 2])
    again, _ = bed.run(tmp_path, request)
    assert len(pids) == 1 + kills
    assert again[cases[2]["id"]]["outcome"] == "passed"
    for case in (cases[0], cases[1], cases[3]):
        assert _lasting(again[case["id"]]) == _lasting(ends[case["id"]])


@pytest.mark.parametrize(("kills", "outcome"), [(1, "passed"), (2, "infra")])
def test_a_process_that_is_asked_to_end_is_nobodys_fault(bed, tmp_path, kills, outcome):
    case = bed.case("slow")
    request = bed.request(tmp_path, {"slow": forward("import time\ntime.sleep(0.2)\nreturn self.layer(x)")}, [case])
    pids = []

    def end_it(event):
        if event["event"] == "hello":
            pids.append(event["pid"])
        if event["event"] == "case" and event["state"] == "started" and len(pids) <= kills:
            os.kill(pids[-1], signal.SIGTERM)

    ends, _ = bed.run(tmp_path, request, notice=end_it)
    assert ends[case["id"]]["outcome"] == outcome


def test_an_artifact_of_an_earlier_form_of_the_probe_is_not_used(bed, tmp_path):
    case = bed.case("good")
    request = bed.request(tmp_path, {"good": GOOD}, [case])
    assert bed.run(tmp_path, request)[0][case["id"]]["outcome"] == "passed"
    # As after an interruption: the outcome is lost, the artifact is there, and the probe was edited meanwhile.
    (tmp_path / EVENTS_FILE).unlink()
    request = bed.request(tmp_path, {"good": forward("return self.layer(x) * 3")}, [case])
    request["probes"]["good"]["digest"] = "edited"
    assert bed.run(tmp_path, request)[0][case["id"]]["outcome"] == "passed"


def test_a_process_without_bye_is_not_believed(bed, tmp_path):
    case = bed.case("good")
    tmp_path.mkdir(exist_ok=True)
    for event in ({"event": "start"}, {"event": "hello"}, {"event": "stage", "stage": "import", "outcome": "passed"}):
        append_event(tmp_path / EVENTS_FILE, event)
    append_event(tmp_path / EVENTS_FILE, {"event": "case", "case": case["id"], "state": "started"})
    fold = Fold.of(read_events(tmp_path / EVENTS_FILE))
    blamed = fold.attribute({"outcome": "crashed", "returncode": 0, "spent": 1.0}, [case], again=False)
    assert (blamed["outcome"], blamed["case"]) == ("crashed", case["id"])
    assert bed.harness.name == f"h{diagnosis_digest()}"


def _lasting(end):
    facts = {name: value for name, value in end["facts"].items() if not name.endswith("_ms")}
    return end["stage"], end["outcome"], end["outputs"], facts
