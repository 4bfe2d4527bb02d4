"""Pins of projects and of what tools lock: pyproject.toml, pylock.toml, uv.lock, poetry.lock."""

import pytest

from matrixscan.errors import PinsFileError
from matrixscan.pins.read import KNOWN_NAMES, kind_of, read_pins
from matrixscan.pins.types import KINDS


def read(tmp_path, name, text, **more):
    (tmp_path / name).write_text(text)
    return read_pins(tmp_path / name, **more)


def problem(tmp_path, name, text, **more):
    with pytest.raises(PinsFileError) as caught:
        read(tmp_path, name, text, **more)
    (line,) = caught.value.problems
    return line.replace(f"{tmp_path}/", "")


PYPROJECT = """\
[project]
name = "x"
requires-python = ">=3.9,<3.12"
dependencies = [
    "torch==2.3.1",
    "onnx>=1.16",
    "numpy==1.26.4; python_version < '3.12'",
    "tomli==2; python_version < '3.9'",
]
[project.optional-dependencies]
Run_time = ["onnxruntime==1.18.1"]
"""


def test_a_project_pins_what_its_own_pythons_would_get(tmp_path):
    pins = read(tmp_path, "pyproject.toml", PYPROJECT)
    assert pins.versions == {"torch": "2.3.1", "numpy": "1.26.4"}
    assert pins.loose == {"onnx": ">=1.16"}
    assert (pins.requires_python, pins.by_python, pins.complete) == ("<3.12,>=3.9", False, False)
    assert pins.places["numpy"].line == 7
    assert read(tmp_path, "pyproject.toml", PYPROJECT, extras=["run-time"]).versions["onnxruntime"] == "1.18.1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[project]\nname = 'x'\ndynamic = ['dependencies']\n", "no `dependencies` under [project]; name the file"),
        ("[tool.x]\n", "no `dependencies` under [project]"),
        ("[project]\ndependencies = ['torch=1']\n", "pyproject.toml:2: 'torch=1' is no requirement"),
        ("[project]\ndependencies = [1]\n", "1 in dependencies is no text"),
        ("[project]\ndependencies = []\nrequires-python = 'new'\n", "requires-python: 'new' is no PEP 440 specifier"),
        ("[project\n", "not TOML: Expected ']' at the end of a table declaration (at line 1"),
    ],
)
def test_what_is_wrong_with_a_project_is_said(tmp_path, text, words):
    assert words in problem(tmp_path, "pyproject.toml", text)


def test_an_extra_that_is_mistyped_is_said(tmp_path):
    assert "no extra 'runtme'; did you mean 'run-time'?" in problem(
        tmp_path, "pyproject.toml", PYPROJECT, extras=["runtme"]
    )


PYLOCK = """\
lock-version = "1.0"
created-by = "hand"
requires-python = ">=3.9"
{environments}
[[packages]]
name = "torch"
version = "2.3.1"
marker = "python_version < '3.13'"
wheels = [{{ name = "torch-2.3.1-cp311-none-any.whl", path = "x", hashes = {{ sha256 = "00" }} }}]

[[packages]]
name = "torch"
version = "2.6.0"
marker = "python_version >= '3.13'"
wheels = [{{ name = "torch-2.6.0-cp313-none-any.whl", path = "x", hashes = {{ sha256 = "00" }} }}]

[[packages]]
name = "onnxscript"
version = "0.1.0"
marker = "'export' in extras"
wheels = [{{ name = "onnxscript-0.1.0-py3-none-any.whl", path = "x", hashes = {{ sha256 = "00" }} }}]

[[packages]]
name = "mine"
directory = {{ path = "." }}
"""


def test_a_pylock_is_everything_that_is_installed(tmp_path):
    text = PYLOCK.format(environments="")
    pins = read(tmp_path, "pylock.toml", text, python="3.11")
    assert (pins.versions, pins.loose) == ({"torch": "2.3.1"}, {"mine": "from a URL or a folder"})
    assert (pins.complete, pins.kind, pins.places["torch"].line) == (True, "pylock", 6)
    assert read(tmp_path, "pylock.gpu.toml", text, python="3.13").versions == {"torch": "2.6.0"}
    assert read(tmp_path, "pylock.toml", text, python="3.11", extras=["export"]).versions["onnxscript"] == "0.1.0"
    unknown = read(tmp_path, "pylock.toml", text)
    assert (unknown.versions, unknown.by_python) == ({}, True)


def test_a_pylock_of_other_machines_is_told(tmp_path):
    text = PYLOCK.format(environments="environments = [\"sys_platform == 'none'\"]")
    assert "locked for other machines than this one" in read(tmp_path, "pylock.toml", text, python="3.11").notes[0]


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        (PYLOCK.format(environments=""), {"python": "3.8"}, "locked for Python >=3.9, not for 3.8; correct --python"),
        ('lock-version = "2.0"\ncreated-by = "x"\npackages = []\n', {}, "update matrixscan and packaging"),
        ('lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nversion = "1"\n', {}, "packages[0]"),
        ("lock-version = \n", {}, "not TOML: Invalid value (at line 1"),
    ],
)
def test_what_is_wrong_with_a_pylock_is_said(tmp_path, text, more, words):
    assert words in problem(tmp_path, "pylock.toml", text, **more)


UV = """\
version = 1
requires-python = ">=3.9"
resolution-markers = ["python_full_version >= '3.13'", "python_full_version < '3.13'"]

[[package]]
name = "app"
version = "0.1"
source = { virtual = "." }
dependencies = [
    { name = "torch" },
    { name = "onnx", marker = "python_full_version < '3.13'" },
    { name = "helper", extra = ["fast"] },
    { name = "winonly", marker = "sys_platform == 'none'" },
]

[package.optional-dependencies]
run = [{ name = "onnxruntime" }]

[package.dev-dependencies]
dev = [{ name = "tool" }]
docs = [{ name = "sphinx" }]

[[package]]
name = "torch"
version = "2.3.1"
source = { registry = "index" }
resolution-markers = ["python_full_version < '3.13'"]
dependencies = [{ name = "numpy", version = "1.26.4", marker = "python_full_version < '3.13'" }]
wheels = [
    { url = "torch-2.3.1.whl", hash = "sha256:00" },
]

[[package]]
name = "torch"
version = "2.6.0"
source = { registry = "index" }
resolution-markers = ["python_full_version >= '3.13'"]
dependencies = [{ name = "numpy", version = "2.1.0" }]

[[package]]
name = "numpy"
version = "1.26.4"

[[package]]
name = "numpy"
version = "2.1.0"

[[package]]
name = "helper"
version = "1.0"

[package.optional-dependencies]
fast = [{ name = "speed" }]
"""
UV += "".join(f'\n[[package]]\nname = "{name}"\nversion = "1.0"\n' for name in ("onnx", "onnxruntime", "speed", "tool"))
UV += '\n[[package]]\nname = "winonly"\nversion = "1.0"\n\n[[package]]\nname = "sphinx"\nversion = "1.0"\n'
ALWAYS = {"helper": "1.0", "speed": "1.0", "tool": "1.0"}


@pytest.mark.parametrize(
    ("python", "versions"),
    [
        ("3.11", {"torch": "2.3.1", "numpy": "1.26.4", "onnx": "1.0"}),
        ("3.13", {"torch": "2.6.0", "numpy": "2.1.0"}),
    ],
)
def test_a_uv_lock_is_what_the_project_leads_to(tmp_path, python, versions):
    pins = read(tmp_path, "uv.lock", UV, python=python)
    assert pins.versions == {**versions, **ALWAYS}
    assert (pins.loose, pins.complete, pins.by_python, pins.requires_python) == ({}, True, False, ">=3.9")
    assert pins.places["torch"].line == UV.splitlines().index('name = "torch"') + 1


def test_a_uv_lock_with_an_unknown_python_pins_what_all_agree_on(tmp_path):
    pins = read(tmp_path, "uv.lock", UV)
    assert (pins.versions, pins.by_python) == (ALWAYS, True)
    assert pins.loose["torch"] == "2.3.1 under some markers, 2.6.0 under some markers"
    assert "torch is 2.3.1 or 2.6.0" in pins.notes[0]


def test_extras_of_a_uv_lock_count_when_they_are_asked_for(tmp_path):
    assert read(tmp_path, "uv.lock", UV, python="3.11", extras=["run"]).versions["onnxruntime"] == "1.0"
    assert "no extra 'rn'" in problem(tmp_path, "uv.lock", UV, extras=["rn"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 9\npackage = []\n", "version 9 of the lock is not known"),
        ("version = 1\n", "no [[package]] tables"),
        ("version = 1\n[[package]]\nversion = '1'\n", "a package without a `name`"),
        (UV.replace("sys_platform ==", "sys_platform is"), "is no environment marker"),
    ],
)
def test_what_is_wrong_with_a_uv_lock_is_said(tmp_path, text, words):
    assert words in problem(tmp_path, "uv.lock", text, python="3.11")


POETRY = """\
[[package]]
name = "torch"
version = "2.3.1"
optional = false
groups = ["main"]
markers = "python_version < '3.13'"

[[package]]
name = "pytest"
version = "8.0"
optional = false
groups = ["dev"]

[[package]]
name = "onnx"
version = "1.16.1"
optional = true

[metadata]
python-versions = "^3.8"
"""


def test_a_poetry_lock_is_its_main_group(tmp_path):
    assert read(tmp_path, "poetry.lock", POETRY, python="3.11").versions == {"torch": "2.3.1"}
    assert read(tmp_path, "poetry.lock", POETRY, python="3.13").versions == {}
    strange = read(tmp_path, "poetry.lock", POETRY.replace("2.3.1", "a b"), python="3.11")
    assert (strange.versions, strange.loose) == ({}, {"torch": "'a b', which is no version"})


def test_every_kind_has_a_name_and_every_name_a_kind(tmp_path):
    names = {"requirements-dev.txt", "anything", *KNOWN_NAMES}
    assert {kind_of(tmp_path / name) for name in names} | {kind_of(tmp_path)} == set(KINDS)
