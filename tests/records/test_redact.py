import getpass
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.records.redact import Redactor

FOLDERS = {
    "env": Path("/srv/scans/.matrixscan/default/py38/env"),
    "work": Path("/srv/scans/.matrixscan"),
    "project": Path("/srv/scans"),
}


@pytest.fixture
def redact(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "build-node-17")
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    monkeypatch.setenv("HOME", "/people/alice")
    return Redactor(FOLDERS).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/scans/.matrixscan/default/py38/env/lib/x.so", "<env>/lib/x.so"),
        ("in /srv/scans/.matrixscan/harness/h1", "in <work>/harness/h1"),
        ("/srv/scans/probes/my.py", "<project>/probes/my.py"),
        ("/people/alice/models/a.bin", "<home>/models/a.bin"),
        ("File '/tmp/tmpx1/model.onnx', line 3", "File '<path>/model.onnx', line 3"),
        ("/usr/lib/python3.8/ast.py:47", "<path>/ast.py:47"),
        (r"C:\Users\alice\AppData\Local\torch.dll failed", "<path>/torch.dll failed"),
        ("at /onnxruntime_src/onnxruntime/core/session.cc:1044 Run", "at <path>/session.cc:1044 Run"),
        ("/builds/agent7/torch/csrc/jit/ir.cpp:12: oops", "<path>/ir.cpp:12: oops"),
        ("on build-node-17 as alice", "on <host> as <user>"),
        ("Failed to fetch: `https://mirror.corp/pypi/simple/torch/`", "Failed to fetch: `<index>`"),
        ("see https://bob:secret@nexus.corp/repo/all/x for more", "see <index> for more"),
        ("file:///opt/wheels/torch.whl", "<index>"),
    ],
)
def test_places_people_and_indexes_are_taken_out(redact, text, expected):
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "/xvector/block1/tdnnd1/AveragePool",
        "Node (/xvector/block1/tdnnd1/AveragePool) Op (AveragePool) [ShapeInferenceError]",
        "'/encoder/layers.0/self_attn/MatMul_1' and onnx::Add_12",
        "https://pytorch.org/docs/stable/onnx.html#avoid-pitfalls",
        "https://github.com/pytorch/pytorch/issues/12345",
        "rate 3/4, either/or, a / b",
        "torch.onnx.errors.UnsupportedOperatorError: aten::frac",
        "malice",
    ],
)
def test_what_names_no_place_stays(redact, text):
    assert redact(text) == text


def test_a_project_directly_below_the_root_does_not_eat_node_names(monkeypatch):
    monkeypatch.setenv("HOME", "/model")
    redact = Redactor({"project": Path("/model")}).text
    assert redact("/encoder/model/Conv") == "/encoder/model/Conv"
    assert redact("/modeling/Conv") == "/modeling/Conv"
    assert redact("open '/model/secret.bin'") == "open '<project>/secret.bin'"


@pytest.mark.parametrize("setting", ["UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX_URL"])
def test_the_users_own_indexes_are_known_whatever_they_look_like(monkeypatch, setting):
    monkeypatch.setenv(setting, "corp=https://things.corp/a/b/ https://other.corp/c")
    redact = Redactor({}).text
    assert redact("Failed to fetch: https://things.corp/a/b/torch/") == "Failed to fetch: <index>"
    assert redact("tried https://other.corp/c twice") == "tried <index> twice"


_WORDS = st.text(alphabet="ab/\\ :'\"()<>.,=-\n", max_size=12)


@given(before=_WORDS, after=_WORDS, folder=st.sampled_from(sorted(FOLDERS.values())), twice=st.booleans())
def test_no_configured_folder_survives(before, after, folder, twice):
    redact = Redactor(FOLDERS).text
    # A letter right behind would make it another folder's name.
    text = f"{before}{folder} {after}" if after[:1] in {"a", "b"} else f"{before}{folder}{after}"
    redacted = redact(redact(text) if twice else text)
    for place in FOLDERS.values():
        assert f"{place}/" not in redacted
        assert not redacted.endswith(str(place))
        assert f"{place} " not in redacted


@given(st.text(alphabet="abc/._0123 \n'", max_size=60))
def test_redacting_again_changes_nothing(text):
    redact = Redactor(FOLDERS).text
    assert redact(redact(text)) == redact(text)


def test_a_record_keeps_its_own_words_whatever_the_machine_is_called(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "default")
    monkeypatch.setattr(getpass, "getuser", lambda: "passed")
    record = {
        "matrix": "default",
        "cases": [{"outcome": "passed", "error": {"type": "E", "message": "passed by default"}}],
        "stages": [{"outcome": "passed", "log": "host default"}],
        "platform": {"cpus": 2, "node": "default"},
    }
    assert Redactor({}).record(record) == {
        "matrix": "default",
        "cases": [{"outcome": "passed", "error": {"type": "E", "message": "<user> by <host>"}}],
        "stages": [{"outcome": "passed", "log": "host <host>"}],
        "platform": {"cpus": 2, "node": "<host>"},
    }
