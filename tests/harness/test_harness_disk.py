"""A disk that is full, or lost something, says nothing about a model."""

import errno
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from matrixscan.harness import case as cases
from matrixscan.harness import factored, parcel
from matrixscan.harness.protocol import EXIT_DISK

CASE = {
    "id": "i", "probe": "p", "variant": "v", "exporter": "torchscript", "opset": 13, "precision": "fp32",
    "runner": "onnxruntime-cpu", "size": {"n": 2}, "artifact": "", "reference": "",
}  # fmt: skip
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
SAMPLES = [{"inputs": {"x": np.arange(3.0)}, "outputs": {}, "noise": {}, "trace": {}}]
HEAD = {"probe": "p", "single": True, "stages": [""], "outputs": {"": ["y"]}, "post": False}


class Exporter:
    SUFFIX = ".onnx"


class Events:
    def emit(self, *_args, **_more):
        pass


def end_of(work, stage="check", **request):
    """Return how a case ends whose only stage does that work."""
    bench = cases.Bench({"probes": {"p": {}}, **request}, "", Events(), ((stage, work),))
    return bench.run(CASE)


def chained(error, cause, *, explicit):
    try:
        try:
            raise cause
        except OSError as first:
            if explicit:
                raise error from first
            raise error  # noqa: B904  that is the point
    except Exception as made:  # noqa: BLE001
        return made


ENDS = {
    "itself": FULL,
    "copytree": shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
    "as a cause": chained(RuntimeError("cannot write"), FULL, explicit=True),
    "on the way": chained(ValueError("Can't close the ZIP file while writing"), FULL, explicit=False),
    "in words": RuntimeError("write failed: No space left on device"),
    "quota": OSError(errno.EDQUOT, "x"),
    "too many files": OSError(errno.EMFILE, "x"),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_full_disk_is_infrastructure_whoever_says_it(name):
    def work(_bench, _case):
        raise ENDS[name]

    end = end_of(work)
    assert (end["outcome"], end["stage"]) == ("infra", "check")


@pytest.mark.parametrize("error", [ValueError("x"), FileNotFoundError(2, "x"), RuntimeError("no space for this op")])
def test_other_errors_stay_failures(error):
    def work(_bench, _case):
        raise error

    assert end_of(work)["outcome"] == "failed"


def test_a_store_without_room_for_an_artifact_is_infrastructure_and_keeps_no_half(tmp_path, monkeypatch):
    (tmp_path / "made").mkdir()
    (tmp_path / "made/model.onnx").write_bytes(b"1" * 100)

    def no_room(_source, target):
        with open(target, "wb") as file:  # noqa: PTH123
            file.write(b"1")
        raise OSError(errno.ENOSPC, "No space left on device")

    def work(_bench, _case):
        return parcel.keep_artifact(str(tmp_path / "store"), Exporter, str(tmp_path / "made"))

    with monkeypatch.context() as patch:
        patch.setattr(parcel.shutil, "copyfile", no_room)
        assert end_of(work)["outcome"] == "infra"
    assert not list((tmp_path / "store/artifacts").iterdir())
    digest = work(None, None)
    assert parcel.holds_artifact(str(tmp_path / "store"), digest)


def test_a_store_without_room_for_a_reference_is_infrastructure_and_keeps_no_half(tmp_path, monkeypatch):
    def no_room(file, **_):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    def work(_bench, _case):
        return parcel.keep_reference(str(tmp_path), HEAD, SAMPLES)

    with monkeypatch.context() as patch:
        patch.setattr(parcel.np, "savez", no_room)
        assert end_of(work)["outcome"] == "infra"
    assert not list((tmp_path / "references").iterdir())
    digest = work(None, None)
    assert parcel.read_reference(str(tmp_path), digest)[0] == HEAD


@pytest.mark.parametrize("harm", [lambda data: data[:-20], lambda _: b"", lambda data: data.replace(b"\x40", b"\x41")])
def test_a_damaged_reference_is_lost_and_written_again(tmp_path, harm):
    digest = parcel.keep_reference(str(tmp_path), HEAD, SAMPLES)
    path = tmp_path / "references" / f"{digest}.npz"
    path.write_bytes(harm(path.read_bytes()))
    end = end_of(lambda *_: factored._stored_reference(bench_of(tmp_path), CASE | {"reference": digest}), "eager")
    assert (end["outcome"], end["error"]["type"]) == ("infra", "StoreIncomplete")
    assert not path.exists()
    path.write_bytes(b"half")
    assert parcel.keep_reference(str(tmp_path), HEAD, SAMPLES) == digest
    assert parcel.read_reference(str(tmp_path), digest) is not None


def bench_of(store):
    return cases.Bench({"probes": {"p": {}}, "store": str(store)}, "", Events(), ())


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data", "sizes.json"])
@pytest.mark.parametrize("gone", [True, False])
def test_an_artifact_that_lacks_a_file_or_a_part_of_one_is_lost(tmp_path, name, gone):
    (tmp_path / "made").mkdir()
    for each in ("model.onnx", "model.onnx.data"):
        (tmp_path / "made" / each).write_bytes(each.encode())
    store = tmp_path / "store"
    digest = parcel.keep_artifact(str(store), Exporter, str(tmp_path / "made"))
    path = store / "artifacts" / digest / name
    path.unlink() if gone else path.write_bytes(path.read_bytes()[:-1])
    end = end_of(lambda *_: factored._stored_chain(bench_of(store), CASE | {"artifact": digest}), "build")
    assert (end["outcome"], end["error"]["type"]) == ("infra", "StoreIncomplete")
    assert not path.parent.exists()
    assert parcel.keep_artifact(str(store), Exporter, str(tmp_path / "made")) == digest
    assert parcel.holds_artifact(str(store), digest)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk that is always full")  # noqa: PTH110
def test_a_harness_that_cannot_write_its_events_ends_without_a_verdict():
    code = "from matrixscan.harness.main import Events\nEvents('/dev/full').emit('hello')\nprint('went on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (EXIT_DISK, "")
    assert "no event can be written" in done.stderr


def test_a_lane_that_needs_the_other_side_is_skipped_and_not_called_impossible(monkeypatch):
    class Converting:
        @staticmethod
        def unsupported(opset, precision):
            if opset > 20:
                return "too new"
            return "the conversion is onnxruntime's" if precision == "fp16" else None

    monkeypatch.setattr(factored, "find_exporter", lambda _: Converting)
    monkeypatch.setattr(cases, "find_exporter", lambda _: Converting)

    def ending(**more):
        end = end_of(lambda bench, _: factored._export(bench, CASE | more), "export")
        return end["outcome"], end["reason"]

    assert ending(precision="fp16") == ("skipped", "requirement")
    assert ending(precision="fp16", opset=21) == ("infeasible", "unsupported")
    assert ending(precision="fp32", opset=21) == ("infeasible", "unsupported")
