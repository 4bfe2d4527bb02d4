"""Pins for installers: a PEP 751 lock of a local index, installed with uv and with pip from nothing."""

import os
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
from dated_index import DatedPackages
from fake_index import FakeIndex
from packaging.pylock import Pylock, is_valid_pylock_path

from matrixscan import commands
from matrixscan.commands import pinning
from matrixscan.environment.interpreters import find_interpreter
from matrixscan.environment.lock import LockFile, resolve
from matrixscan.environment.uv import uv
from matrixscan.errors import EXIT_INFRASTRUCTURE, UnknownNameError

CELL = "py311-torch900.1-onnx900.1-ort900.1"
AXES = {"python": "3.11", "torch": "900.1", "onnx": "900.1", "onnxruntime": "900.1"}


@pytest.fixture
def index(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    fake = FakeIndex()
    fake.serve()
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{fake.root}/simple/")
    yield fake
    fake.stop()


@pytest.fixture(autouse=True)
def packages(index, tmp_path):
    made = DatedPackages(index, tmp_path / "dated")
    for name in ("onnx", "onnxruntime"):
        made.release(name, "900.1", "2024-01-01", requires=["tablet"])
        made.release(name, "900.2", "2024-02-01", requires=["tablet"])
    made.release("torch", "900.1", "2024-01-01", source="answer = 42\n", requires=["Tablet>=1"])
    made.release("tablet", "1.0", "2023-01-01")
    return made


@pytest.fixture
def place(packages, monkeypatch, tmp_path):  # noqa: ARG001  the order of fixtures matters
    """A project in which one combination is certified from a lock of the index."""
    lock = resolve(
        [f"{name}=={version}" for name, version in AXES.items() if name != "python"],
        interpreter=find_interpreter("3.11"),
        python="3.11",
        torch_index="pypi",
        title=CELL,
    )
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    stand_in(monkeypatch, lock)
    return tmp_path / "project"


class _Record(msgspec.Struct):
    platform: dict


class _Proof(msgspec.Struct):
    record: _Record


def stand_in(monkeypatch, lock: LockFile):
    """Let the combination be certified with that lock."""
    import datetime as dt

    from matrixscan.analysis.confidence import Neighbours
    from matrixscan.analysis.recommended import Combination

    combination = Combination(
        id=CELL,
        python="3.11",
        axes=AXES,
        pins={name: version for name, version in AXES.items() if name != "python"},
        good_for=("good/plain",),
        not_known_good_for={},
        complete=True,
        confidence="high",
        reasons=(),
        smallest_margin=None,
        neighbours=Neighbours(),
        released={},
        evidence="joint",
        measured=dt.date(2025, 1, 1),
        certified=dt.date(2025, 1, 1),
        certifications=1,
        expires=dt.date(2025, 4, 1),
        platform="here",
        torch_index=lock.torch_index,
        lock_sha256=lock.sha256,
        files={"lock": f"lock-{CELL}.txt", "constraints": f"constraints-{CELL}.txt"},
        disagreements=(),
    )
    proof = _Proof(_Record({"system": platform.system(), "machine": platform.machine()}))
    monkeypatch.setattr(pinning, "_certified", lambda *_: (combination, proof, lock))


def pin(kind="pylock", out=None, **more):
    return commands.pin(commands.Request("tiny", cells=(CELL,), **more), kind, out)


def test_a_pylock_names_the_users_index_and_the_files_of_the_lock_alone(place, index):
    outcome = pin()
    (path,) = place.iterdir()
    assert path.name == "pylock.py311-torch900_1-onnx900_1-ort900_1.toml"
    assert is_valid_pylock_path(path)
    assert outcome.text == f"wrote {path.name}: 4 packages, stale after 2025-04-01\n"
    document = tomllib.loads(path.read_text())
    Pylock.from_dict(document)
    assert document["requires-python"] == "==3.11.*"
    assert document["environments"] == [
        f'sys_platform == "{sys.platform}" and platform_machine == "{platform.machine()}"'
    ]
    for package in document["packages"]:
        assert package["index"] == f"{index.root}/simple/"
        (wheel,) = package["wheels"]
        assert wheel["url"].startswith(f"{index.root}/files/")
        assert set(wheel) == {"name", "url", "size", "upload-time", "hashes"}
    assert [package["name"] for package in document["packages"]] == ["onnx", "onnxruntime", "tablet", "torch"]
    assert pin(out="-").text == path.read_text()


def installed(python):
    words = "import json, importlib.metadata as m; print({d.metadata['Name']: d.version for d in m.distributions()})"
    return subprocess.run([str(python), "-c", words], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("how", ["uv sync", "uv install", "pip"])
def test_a_pylock_installs_from_nothing(place, how, tmp_path, monkeypatch):
    pin(out="pylock.toml")
    folder, python = tmp_path / "env", tmp_path / "env/bin/python"
    nothing = {**os.environ, "UV_CACHE_DIR": str(tmp_path / "empty"), "PIP_CACHE_DIR": str(tmp_path / "empty")}
    nothing |= {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    subprocess.run([uv(), "venv", "--quiet", "--python", str(find_interpreter("3.11")), str(folder)], check=True)
    commands_ = {
        "uv sync": [uv(), "pip", "sync", "--quiet", "--python", str(python), "pylock.toml"],
        "uv install": [uv(), "pip", "install", "--quiet", "--python", str(python), "-r", "pylock.toml"],
        "pip": [str(python), "-m", "pip", "install", "--quiet", "-r", "pylock.toml"],
    }
    if how == "pip":
        monkeypatch.undo()  # pip itself comes from where everything else comes from
        monkeypatch.chdir(place)
        subprocess.run([uv(), "pip", "install", "--quiet", "--python", str(python), "pip>=26.1"], check=True)
    subprocess.run(commands_[how], check=True, env=nothing)
    found = installed(python)
    assert all(f"'{name}': '{version}'" in found for name, version in AXES.items() if name != "python")
    assert "'tablet': '1.0'" in found
    assert subprocess.run([str(python), "-c", "import torch; print(torch.answer)"], check=True).returncode == 0


def test_a_hash_that_the_index_does_not_offer_is_an_error_with_the_name_of_the_package(place, monkeypatch):
    _, _, lock = pinning._certified()
    other = re.sub(r"(?<=tablet==1.0 \\\n    --hash=sha256:)....", "0000", lock.text)
    assert other != lock.text
    stand_in(monkeypatch, msgspec.structs.replace(lock, text=other))
    with pytest.raises(pinning.NotOfferedError, match=r"no index that uv asks has a file of tablet 1\.0") as caught:
        pin()
    assert caught.value.exit_code == EXIT_INFRASTRUCTURE
    assert "127.0.0.1" not in str(caught.value)
    assert not list(place.iterdir())


@pytest.mark.usefixtures("place")
def test_torch_of_another_index_says_where_it_is_from(monkeypatch):
    _, _, lock = pinning._certified()
    other = re.sub(r"(?<=torch==900.1 \\\n    --hash=sha256:)....", "0000", lock.text)
    stand_in(monkeypatch, msgspec.structs.replace(lock, text=other, torch_index="cpu"))
    with pytest.raises(pinning.NotOfferedError, match="torch's index of CPU builds"):
        pin()


@pytest.mark.usefixtures("place")
def test_a_package_is_taken_from_the_index_that_has_the_very_file(index, monkeypatch, tmp_path):
    other = FakeIndex()
    DatedPackages(other, tmp_path / "other").release("torch", "900.1", "2024-01-01", source="answer = 43\n")
    other.serve()
    try:
        monkeypatch.setenv("UV_INDEX", f"{other.root}/simple/")
        found = {package["name"]: package["index"] for package in tomllib.loads(pin(out="-").text)["packages"]}
    finally:
        other.stop()
    assert set(found.values()) == {f"{index.root}/simple/"}


@pytest.mark.parametrize(
    ("kind", "out", "said"),
    [
        ("requirements", "absent/x.txt", "--out absent/x.txt: there is no folder absent; make it first"),
        ("requirements", "here", "--out here: is a folder; name a file in it"),
        ("requirements", "here/", "--out here/: is a folder; name a file in it"),
        ("requirements", "new/", "--out new/: is a folder; name a file in it"),
        ("pylock", "foo.toml", "--out foo.toml: installers read a pylock from pylock.toml or pylock.NAME.toml"),
        ("pylock", "here/pylock.a.b.toml", "NAME without a dot"),
    ],
)
def test_a_file_that_cannot_be_written_or_read_is_refused_before_an_index_is_asked(place, monkeypatch, kind, out, said):
    (place / "here").mkdir()
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    with pytest.raises(pinning.OutFileError, match=re.escape(said)) as caught:
        pin(kind, out)
    assert caught.value.exit_code == 2
    assert [path.name for path in place.rglob("*")] == ["here"]


def test_a_pylock_may_have_any_name_that_installers_read(place):
    (place / "here").mkdir()
    for out in ("pylock.toml", "here/pylock.mine.toml"):
        assert pin(out=out).text.startswith(f"wrote {out}: 4 packages")
        assert (place / out).is_file()


@pytest.mark.usefixtures("place")
def test_other_formats_need_no_index(monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    assert "--hash=sha256:" in pin("requirements").text
    assert pin("constraints").text.endswith("onnx==900.1\nonnxruntime==900.1\ntablet==1.0\ntorch==900.1\n")
    assert tomllib.loads(pin("pyproject").text)["tool"]["uv"]["constraint-dependencies"] == ["tablet==1.0"]
    assert pin("requirements", "mine.txt").text.startswith("wrote mine.txt: 4 packages")
    text = Path("mine.txt").read_text(encoding="utf-8")
    assert "pip install --require-hashes -r mine.txt\n" in text
    assert f"lock-{CELL}" not in text
    pin("constraints", str(Path("mine.txt").resolve()))
    assert "# use: pip install -c mine.txt ...\n" in Path("mine.txt").read_text(encoding="utf-8")
    with pytest.raises(UnknownNameError, match="did you mean 'pylock'"):
        pin("pylok")
