"""Scans that delete what they downloaded as soon as nothing needs it."""

import os
import signal
import time

import pytest

from matrixscan import commands
from matrixscan.execution import executors


@pytest.fixture
def caches(workplace, monkeypatch, tmp_path):
    """Note for every environment which cache uv had, and whether something lay in it when the group ended."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "precious").write_text("1")
    monkeypatch.setenv("UV_CACHE_DIR", str(own))
    seen = []
    real = executors.run_task

    def run_task(task, listener):
        record = real(task, listener)
        cache = os.environ["UV_CACHE_DIR"]
        seen.append((task.cell.id, os.path.relpath(cache, workplace.root), bool(os.listdir(cache))))  # noqa: PTH208
        return record

    monkeypatch.setattr(executors, "run_task", run_task)
    return own, seen


@pytest.mark.parametrize(("executor", "jobs"), [("serial", 1), ("threads", 2)])
def test_each_torch_has_a_cache_that_passes(workplace, caches, executor, jobs):
    own, seen = caches
    outcome = commands.scan(workplace.request(reclaim=True), workplace.notices.append, executor=executor, jobs=jobs)
    assert outcome.exit_code == 0
    assert {cell["verdict"] for cell in workplace.results()["cells"]} == {"good"}
    first, second = "py38-torch900.1-onnx900.1", "py38-torch900.2-onnx900.1"
    folder = ".matrixscan/tiny/cache"
    assert [entry for entry in seen if entry[0] == first] == [(first, f"{folder}/{first}", True)]
    assert [entry for entry in seen if entry[0] == second] == [(second, f"{folder}/{second}", True)]
    # Run sides have no torch and share theirs.
    assert {cache for name, cache, _ in seen if "torch" not in name} == {f"{folder}/py38-ort900.1"}
    assert not list((workplace.root / ".matrixscan/tiny/cache").iterdir())
    assert os.environ["UV_CACHE_DIR"] == str(own)
    assert [path.name for path in own.iterdir()] == ["precious"]


def test_an_interrupt_leaves_the_users_cache_alone_and_nothing_behind(workplace, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "precious").write_text("1")
    workplace.probe("good", seconds=30.0)
    with workplace.start("scan", "tiny", "--reclaim", UV_CACHE_DIR=str(own)) as process:
        until = time.monotonic() + 120
        while not list(workplace.root.glob(".matrixscan/tiny/*/runs/*/events.jsonl")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        assert list((workplace.root / ".matrixscan/tiny/cache").iterdir())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert not list((workplace.root / ".matrixscan/tiny/cache").iterdir())
    assert [path.name for path in own.iterdir()] == ["precious"]
