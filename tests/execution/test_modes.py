"""What decides whether something measured or exported may be used again."""

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from matrixscan.environment.lock import LockFile
from matrixscan.execution import stages
from matrixscan.execution.requests import batches
from matrixscan.execution.state import Overlay
from matrixscan.execution.task import resume_key
from matrixscan.harness import factored
from matrixscan.harness.protocol import share_key

PINS = {"torch": "2.4.0", "onnx": "1.17.0", "onnxruntime": "1.19.2", "numpy": "1.26.4", "sympy": "1.13"}


def export_key(pins, python="3.10.4", runners=("onnxruntime-cpu",)):
    text = "".join(f"{name}=={version}\n" for name, version in pins.items())
    run = SimpleNamespace(
        lock=LockFile(text, "", "cpu"),
        environment=SimpleNamespace(version=python),
        task=SimpleNamespace(cases=[SimpleNamespace(runner=name) for name in runners]),
    )
    return stages._export_key(run)


def test_a_runner_is_the_only_package_that_exports_do_not_depend_on():
    key = export_key(PINS)
    assert export_key(PINS | {"onnxruntime": "1.20.0"}) == key
    assert export_key(dict(reversed(PINS.items()))) == key
    for name in set(PINS) - {"onnxruntime"}:
        assert export_key(PINS | {name: "9.9"}) != key, name
    assert export_key({name: version for name, version in PINS.items() if name != "sympy"}) != key
    assert export_key(PINS | {"extra": "1"}) != key


def test_another_python_harness_or_machine_never_exports_for_this_one(monkeypatch):
    key = export_key(PINS)
    assert export_key(PINS, python="3.10.5") != key
    with monkeypatch.context() as patch:
        patch.setattr(stages, "harness_digest", lambda: "0" * 16)
        assert export_key(PINS) != key
    monkeypatch.setattr(stages.platform, "machine", lambda: "other")
    assert export_key(PINS) != key


CASE = {
    "probe": "p",
    "variant": "v",
    "exporter": "dynamo",
    "opset": 18,
    "precision": "fp32",
    "runner": "onnxruntime-cpu",
    "size": {"n": 2},
}


class Bench:
    def __init__(self, exports="e", digest="d", weights="w"):
        self.request, self._digest, self._weights = {"exports": exports}, digest, weights

    def spec(self, _):
        return {"digest": self._digest}

    def kept(self, _case, _stage):
        return {"facts": {"weights": self._weights}}


def test_an_export_is_named_by_its_probe_its_weights_and_what_is_asked():
    name = factored._export_name(Bench(), CASE)
    assert factored._export_name(Bench(), CASE | {"size": {"n": 9}, "runner": "onnx-reference"}) == name
    assert factored._export_name(Bench(exports="f"), CASE) != name
    assert factored._export_name(Bench(digest="e"), CASE) != name
    assert factored._export_name(Bench(weights="x"), CASE) != name
    for other in ({"probe": "q"}, {"variant": "w"}, {"exporter": "torchscript"}, {"opset": 17}, {"precision": "fp16"}):
        assert factored._export_name(Bench(), CASE | other) != name, other


def test_lanes_in_half_are_converted_by_the_runner_and_never_taken_from_the_store(monkeypatch):
    """The conversion is onnxruntime's, which is not among the packages that name an export."""
    asked = []
    bench = SimpleNamespace(request={"store": "s", "exports": "e"}, spec=Bench().spec, kept=Bench().kept)
    monkeypatch.setattr(factored.parcel, "find_export", lambda *_: asked.append(1))
    monkeypatch.setattr(factored.joint, "export", lambda *_: {"paths": {"": "x"}, "facts": {}})
    for precision, count in (("fp16", 0), ("fp32", 1), ("fp16-run", 2)):
        factored._export_once(bench, CASE | {"precision": precision})
        assert len(asked) == count, precision


@pytest.mark.parametrize(
    ("mode", "evidence"), [("run", "joint"), ("once", "joint"), ("export", "factored"), ("execute", "factored")]
)
def test_modes_say_what_a_record_is_evidence_of(project, mode, evidence):
    task = msgspec.structs.replace(project.task(), mode=mode)
    assert task.evidence == evidence


def test_records_of_sides_are_none_of_combinations(project):
    task = project.task()
    keys = {
        mode: resume_key(msgspec.structs.replace(task, mode=mode), "l") for mode in ("run", "once", "export", "execute")
    }
    # Whether an export came from the store decides nothing about its results.
    assert keys["run"] == keys["once"]
    assert len(set(keys.values())) == 3


def test_a_request_says_mode_store_and_what_an_export_depends_on(project):
    task = msgspec.structs.replace(project.task(), mode="once", store=Path("store"))
    (request,) = batches(task, {"one": Overlay(None, ("b==1", "a==2"))}, "key")
    assert (request["mode"], request["exports"]) == ("once", "key\na==2\nb==1")
    assert request["store"] == str(Path("store").resolve())
    (other,) = batches(task, {"one": Overlay(None, ("b==1",))}, "key")
    assert other["exports"] != request["exports"]
    (plain,) = batches(project.task(), {"one": Overlay(None, ())}, "key")
    assert (plain["mode"], plain["store"]) == ("run", None)


def test_a_run_side_shares_by_artifact():
    case = CASE | {"id": "i", "artifact": "a", "reference": "r"}
    for stage in ("build", "export", "load"):
        assert share_key(case, stage) == share_key(case | {"reference": "s", "id": "j"}, stage)
        assert share_key(case, stage) != share_key(case | {"artifact": "b"}, stage)
    assert share_key(case, "eager") != share_key(case | {"reference": "s"}, "eager")
