"""The lock of a matrix, made by the real command from an index on this machine."""

import pytest
from fake_index import FakeIndex

from matrixscan import commands
from matrixscan.catalog.index import Index

AXES = {"python": ["3.8"], "torch": ["latest"], "onnx": ["900.1"], "onnxruntime": ["latest:2"]}


@pytest.fixture
def index(workplace, monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "1")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    fake = FakeIndex()
    for name, versions in {"torch": ("900.1", "900.2"), "onnx": ("900.1",), "onnxruntime": ("900.1", "900.2")}.items():
        fake.put_json(name, [fake.file(f"{name}-{version}-py3-none-any.whl") for version in versions])
    fake.serve()
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{fake.root}/simple")
    workplace.matrix(axes=AXES)
    yield fake
    fake.stop()


def test_a_lock_says_what_selectors_mean_and_what_is_new(workplace, index):
    code, output, words = workplace.call("lock", "tiny")
    assert code == 0, words
    assert "onnxruntime 'latest:2': 900.1, 900.2" in output
    path = workplace.root / "matrices/tiny.lock.json"
    assert '"torch": {"latest": ["900.2"]}' in path.read_text()
    assert workplace.call("list", "tiny")[1].count("torch900.2") == 2
    assert "nothing new" in workplace.call("lock", "tiny")[1]
    assert index.count("/simple/torch/") == 1


def test_an_index_that_times_out_is_an_error_that_says_so_and_no_lock(workplace, index):
    index.slow = 3.0
    code, output, words = workplace.call("lock", "tiny")
    assert (code, output) == (4, "")
    assert "the package index does not say what releases" in words
    assert "no answer in time" in words
    assert "no earlier answer is kept" in words
    assert "127.0.0.1" not in words
    assert words.count("\n") == 1
    assert not (workplace.root / "matrices/tiny.lock.json").exists()
    code, _, words = workplace.call("scan", "tiny")
    assert code == 2
    assert "nox -s lock -- tiny" in words


def test_an_index_that_times_out_leaves_the_lock_that_was_there(workplace, index, monkeypatch, tmp_path):
    workplace.call("lock", "tiny")
    path = workplace.root / "matrices/tiny.lock.json"
    before = path.read_bytes()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    index.slow = 3.0
    assert workplace.call("lock", "tiny")[0] == 4
    assert path.read_bytes() == before


def test_what_an_index_said_earlier_is_used_with_a_note(index, monkeypatch):
    monkeypatch.setitem(Index.__init__.__kwdefaults__, "fresh", 0.001)
    monkeypatch.setitem(Index.__init__.__kwdefaults__, "backoff", 0.01)
    commands.lock("tiny")
    index.slow = 3.0
    text = commands.lock("tiny").text
    for name in ("torch", "onnx", "onnxruntime"):
        assert f"{name}: the index does not answer; what it said" in text
    assert "nothing new since the lock before" in text
