"""Pins of projects and of what tools lock: pyproject.toml, pylock.toml, uv.lock, poetry.lock."""

import contextlib
import copy
import tomllib
from types import SimpleNamespace

import pytest
import tomli_w

from matrixscan.errors import PinsFileError
from matrixscan.pins.read import KNOWN_NAMES, kind_of, read_pins
from matrixscan.pins.types import KINDS
from matrixscan.reporters._constraints import render_pyproject


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
    assert (pins.loose, pins.requires_python) == ({"app": "from a URL or a folder"}, ">=3.9")
    assert (pins.complete, pins.by_python) == (True, False)
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
    assert (strange.versions, strange.loose["torch"]) == ({}, "'a b', which is no version")
    # What an extra may bring is neither there nor absent.
    assert strange.loose["onnx"] == "1.16.1, with an extra"


def test_every_kind_has_a_name_and_every_name_a_kind(tmp_path):
    names = {"requirements-dev.txt", "anything", *KNOWN_NAMES}
    assert {kind_of(tmp_path / name) for name in names} | {kind_of(tmp_path)} == set(KINDS)


BUILT = "from a URL or a folder"


@pytest.mark.parametrize(
    "source",
    [
        'git = "https://host.example/me/pytorch?rev=a#b"',
        'url = "https://host.example/torch.whl"',
        'path = "torch.whl"',
        'directory = "../torch"',
        'editable = "../torch"',
        'virtual = "../torch"',
        'something = "new"',
    ],
)
def test_a_build_in_a_uv_lock_is_no_release(tmp_path, source):
    text = UV.replace('registry = "index"', source)
    pins = read(tmp_path, "uv.lock", text, python="3.11")
    assert (pins.loose["torch"], pins.versions["numpy"]) == (BUILT, "1.26.4")
    assert "torch" not in pins.versions
    # Its own version may be known to its build alone.
    unversioned = read(tmp_path, "uv.lock", text.replace('version = "2.3.1"\nsource', "source"), python="3.11")
    assert unversioned.loose["torch"] == BUILT


def test_a_folder_beside_the_project_is_no_project_of_its_own(tmp_path):
    text = UV.replace('source = { registry = "index" }', 'source = { directory = "../torch" }')
    text += '\n[package.dev-dependencies]\ndev = [{ name = "sphinx" }]\n'
    text = text.replace('name = "winonly"\nversion', 'name = "winonly"\nsource = { directory = "../w" }\nversion')
    assert "sphinx" not in read(tmp_path, "uv.lock", text, python="3.11").versions


def test_of_one_version_from_two_places_the_lock_says_which(tmp_path):
    text = UV.replace('version = "2.6.0"', 'version = "2.3.1"').replace(
        'source = { registry = "index" }\nresolution-markers = ["python_full_version >= \'3.13\'"]',
        'source = { git = "x" }\nresolution-markers = ["python_full_version >= \'3.13\'"]',
    )
    named = '{ name = "torch", version = "2.3.1", source = { git = "x" } },'
    pins = read(tmp_path, "uv.lock", text.replace('{ name = "torch" },', named), python="3.11")
    assert (pins.loose["torch"], pins.versions["numpy"]) == (BUILT, "2.1.0")


def test_what_a_uv_lock_asks_for_and_does_not_have_is_in_doubt(tmp_path):
    text = UV.replace('{ name = "torch" },', '{ name = "torch", version = "9" }, { name = "gone" },')
    pins = read(tmp_path, "uv.lock", text, python="3.11")
    assert "torch" not in pins.versions
    assert set(pins.loose) == {"app", "torch", "numpy", "gone"}


@pytest.mark.parametrize("key", ['vcs = { type = "git", url = "x", commit-id = "a" }', 'directory = { path = "." }'])
def test_a_build_in_a_pylock_is_no_release(tmp_path, key):
    text = f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "torch"\nversion = "2.3.1"\n{key}\n'
    pins = read(tmp_path, "pylock.toml", text)
    assert (pins.versions, pins.loose) == ({}, {"torch": BUILT})


def test_an_archive_in_a_pylock_is_no_release(tmp_path):
    key = 'archive = { url = "https://host.example/t.whl", hashes = { sha256 = "00" } }'
    test_a_build_in_a_pylock_is_no_release(tmp_path, key)


@pytest.mark.parametrize("kind", ["git", "url", "file", "directory"])
def test_a_build_in_a_poetry_lock_is_no_release(tmp_path, kind):
    source = '\n[package.source]\ntype = "{}"\nurl = "x"\n\n[[package]]\nname = "pytest"'
    pins = read(tmp_path, "poetry.lock", POETRY.replace('\n[[package]]\nname = "pytest"', source.format(kind)))
    assert pins.loose["torch"].startswith(BUILT)
    text = POETRY.replace('\n[[package]]\nname = "pytest"', source.format("legacy"))
    assert read(tmp_path, "poetry.lock", text, python="3.11").versions == {"torch": "2.3.1"}


@pytest.mark.parametrize(
    ("sources", "built"),
    [
        ('[tool.uv.sources]\ntorch = { git = "x" }\n', True),
        ('[tool.uv.sources]\nTorch = [{ index = "x" }, { path = "y", marker = "python_version < \'3.20\'" }]\n', True),
        ('[tool.uv.sources]\ntorch = [{ path = "y", marker = "python_version < \'3.6\'" }]\n', False),
        ('[tool.uv.sources]\ntorch = { index = "x" }\n', False),
        ('[tool.poetry.dependencies]\npython = "^3.9"\ntorch = { path = "x" }\n', True),
        ('[tool.poetry.dependencies]\ntorch = { source = "x" }\n', False),
    ],
)
def test_a_source_beside_a_requirement_decides(tmp_path, sources, built):
    pins = read(tmp_path, "pyproject.toml", PYPROJECT + sources)
    assert (pins.loose.get("torch"), pins.versions.get("torch")) == ((BUILT, None) if built else (None, "2.3.1"))


def test_a_python_that_a_project_is_not_for_is_refused(tmp_path):
    assert problem(tmp_path, "pyproject.toml", PYPROJECT, python="3.8") == (
        "pyproject.toml: made for Python <3.12,>=3.9, not for 3.8; correct --python"
    )
    for name, text in {"uv.lock": UV, "poetry.lock": POETRY.replace("^3.8", "^3.9")}.items():
        assert "locked for Python" in problem(tmp_path, name, text, python="3.8")
        assert read(tmp_path, name, text, python="3.11").versions["torch"] == "2.3.1"


def test_a_patch_release_that_is_asked_for_is_one_of_its_minor(tmp_path):
    text = PYPROJECT.replace(">=3.9,<3.12", "==3.11.7")
    assert read(tmp_path, "pyproject.toml", text, python="3.11").versions["torch"] == "2.3.1"
    assert "not for 3.11.8" in problem(tmp_path, "pyproject.toml", text, python="3.11.8")
    assert "not for 3.12" in problem(tmp_path, "pyproject.toml", text, python="3.12")


@pytest.mark.parametrize(
    ("said", "requires"),
    [
        ("*", ""),
        (">=3.11", ">=3.11"),
        ("^3.9", "<4,>=3.9"),
        ("^3.9.2,!=3.9.7", "!=3.9.7,<4,>=3.9.2"),
        ("~3.9", "<3.10,>=3.9"),
        ("~3.9.1", "<3.10,>=3.9.1"),
        ("~3", "<4,>=3"),
        (">=3.8,<3.13", "<3.13,>=3.8"),
        (">= 3.8 < 3.13", "<3.13,>=3.8"),
        ("3.11.*", "==3.11.*"),
        ("~=3.9", "~=3.9"),
    ],
)
def test_the_pythons_of_a_poetry_lock_are_read(tmp_path, said, requires):
    pins = read(tmp_path, "poetry.lock", POETRY.replace("^3.8", said))
    assert (pins.requires_python, pins.notes) == (requires, ())


@pytest.mark.parametrize("said", ["^3.8 || ^2.7", "3.11", "^0.3", "new", ">=3.8,", ">=3.8, <", "~=3", ">=3.*"])
def test_pythons_of_a_poetry_lock_that_are_not_understood_leave_it_open(tmp_path, said):
    pins = read(tmp_path, "poetry.lock", POETRY.replace("^3.8", said), python="3.8")
    assert pins.requires_python == (">=3.8" if said == ">=3.8," else "")
    assert bool(pins.notes) == (said != ">=3.8,")
    assert pins.versions == {"torch": "2.3.1"}


OVER = """
[tool.uv]
override-dependencies = ["torch==2.4.0", "protobuf==5.29"]
constraint-dependencies = ["onnx==1.16.1", "numpy<2", "ml-dtypes==0.4"]
"""


def test_what_uv_puts_over_a_project_counts(tmp_path):
    pins = read(tmp_path, "pyproject.toml", PYPROJECT + OVER)
    own = {"torch": "2.4.0", "onnx": "1.16.1", "numpy": "1.26.4"}
    assert pins.versions == {**own, "protobuf": "5.29", "ml-dtypes": "0.4"}
    assert (pins.loose, pins.places["protobuf"].line) == ({}, 14)
    loose = read(tmp_path, "pyproject.toml", PYPROJECT + OVER.replace("torch==2.4.0", "torch @ git+https://x/y"))
    assert loose.loose == {"torch": BUILT}
    without = read(tmp_path, "pyproject.toml", PYPROJECT + '[tool.uv]\nexclude-dependencies = ["torch"]\n')
    assert "torch" not in {**without.versions, **without.loose}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("onnx==1.16.1", "onnx<1.16,==1.15", "pyproject.toml:6: onnx>=1.16 does not allow 1.15"),
        ("numpy<2", "torch==2.3.1", "torch is pinned to 2.3.1, and to 2.4.0"),
        ("numpy<2", "numpy=2", "pyproject.toml:15: 'numpy=2' is no requirement"),
    ],
)
def test_what_uv_could_not_resolve_is_a_problem(tmp_path, old, new, words):
    with pytest.raises(PinsFileError) as caught:
        read(tmp_path, "pyproject.toml", PYPROJECT + OVER.replace(old, new))
    assert words in str(caught.value)


def test_pins_that_are_written_for_uv_are_read_back(tmp_path):
    combination = SimpleNamespace(pins={"torch": "2.3.1", "onnx": "1.16.1"}, python="3.11")
    packages = {"torch": "2.3.1+cpu", "onnx": "1.16.1", "numpy": "1.26.4", "protobuf": "5.29.6"}
    pins = read(tmp_path, "pyproject.toml", render_pyproject(combination, packages))
    assert pins.versions == {**packages, "torch": "2.3.1"}
    assert pins.requires_python == "==3.11.*"


# As uv 0.13 makes it, its files left out.
CONFLICTS = """\
version = 1
requires-python = ">=3.11"
conflicts = [[
    { package = "my-proj", extra = "cpu" },
    { package = "my-proj", extra = "gpu" },
], [
    { package = "my-proj", group = "dev" },
    { package = "my-proj", group = "other" },
]]

[[package]]
name = "idna"
version = "3.4"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "idna"
version = "3.6"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "my-proj"
version = "0.1"
source = { virtual = "." }
dependencies = [
    { name = "requests" },
]

[package.optional-dependencies]
cpu = [
    { name = "urllib3", version = "1.26.18", source = { registry = "https://pypi.org/simple" } },
]
gpu = [
    { name = "urllib3", version = "2.0.7", source = { registry = "https://pypi.org/simple" } },
]

[package.dev-dependencies]
dev = [
    { name = "idna", version = "3.6", source = { registry = "https://pypi.org/simple" } },
]
other = [
    { name = "idna", version = "3.4", source = { registry = "https://pypi.org/simple" } },
]

[package.metadata]
provides-extras = ["cpu", "gpu", "none"]

[[package]]
name = "requests"
version = "2.34.2"
source = { registry = "https://pypi.org/simple" }
dependencies = [
    { name = "idna", version = "3.4", marker = "extra == 'group-7-my-proj-other' or (extra == 'extra-7-my-proj-cpu' and extra == 'extra-7-my-proj-gpu')" },
    { name = "idna", version = "3.6", marker = "extra == 'group-7-my-proj-dev' or extra != 'group-7-my-proj-other' or (extra == 'extra-7-my-proj-cpu' and extra == 'extra-7-my-proj-gpu')" },
    { name = "urllib3", version = "1.26.18", marker = "extra == 'extra-7-my-proj-cpu' or (extra == 'group-7-my-proj-dev' and extra == 'group-7-my-proj-other')" },
    { name = "urllib3", version = "2.0.7", marker = "extra != 'extra-7-my-proj-cpu' or extra == 'extra-7-my-proj-gpu' or (extra == 'group-7-my-proj-dev' and extra == 'group-7-my-proj-other')" },
]

[[package]]
name = "urllib3"
version = "1.26.18"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "urllib3"
version = "2.0.7"
source = { registry = "https://pypi.org/simple" }
"""  # noqa: E501  lines of uv


@pytest.mark.parametrize(
    ("extras", "version"), [([], "2.0.7"), (["cpu"], "1.26.18"), (["gpu"], "2.0.7"), (["none"], "2.0.7")]
)
def test_extras_that_exclude_each_other_choose_as_uv_does(tmp_path, extras, version):
    pins = read(tmp_path, "uv.lock", CONFLICTS, python="3.11", extras=extras)
    assert pins.versions == {"requests": "2.34.2", "idna": "3.6", "urllib3": version}
    assert pins.loose == {"my-proj": BUILT}


def test_extras_that_exclude_each_other_are_refused_together(tmp_path):
    said = problem(tmp_path, "uv.lock", CONFLICTS, extras=["cpu", "gpu"])
    assert said == "uv.lock: extra cpu and extra gpu exclude each other; choose one"


@pytest.mark.parametrize("marker", ["extra == 'extra-4-gone-cpu'", "'extra-7-my-proj-cpu' == extra", "extra == 'x'"])
def test_an_extra_that_nothing_is_known_of_leaves_a_package_open(tmp_path, marker):
    known = "extra == 'extra-7-my-proj-cpu' or (extra == 'group-7-my-proj-dev' and extra == 'group-7-my-proj-other')"
    pins = read(tmp_path, "uv.lock", CONFLICTS.replace(known, marker), python="3.11")
    assert set(pins.loose["urllib3"].split(", ")) == {"1.26.18 under some markers", "==2.0.7"}


MEMBERS = """\
version = 1
conflicts = [[{ package = "lib", extra = "cpu" }, { package = "lib", extra = "gpu" }]]

[manifest]
members = ["app", "lib"]

[[package]]
name = "first"
version = "1"
dependencies = [{ name = "torch", version = "2.3.1", marker = "extra == 'extra-3-lib-cpu'" }]

[[package]]
name = "app"
source = { virtual = "app" }
dependencies = [{ name = "lib", extra = ["cpu"]MARKER }, { name = "first" }]

[[package]]
name = "lib"
source = { editable = "lib" }

[package.optional-dependencies]
cpu = [{ name = "torch", version = "2.3.1" }]

[[package]]
name = "torch"
version = "2.3.1"
"""


def test_an_extra_that_a_dependency_asks_for_is_chosen(tmp_path):
    pins = read(tmp_path, "uv.lock", MEMBERS.replace("MARKER", ""))
    assert pins.versions == {"torch": "2.3.1", "first": "1"}
    open_ = read(tmp_path, "uv.lock", MEMBERS.replace("MARKER", ", marker = \"python_version < '3.11'\""))
    assert open_.loose["torch"] == "2.3.1 under some markers"
    without = read(tmp_path, "uv.lock", MEMBERS.replace(', extra = ["cpu"]MARKER', ""))
    assert without.versions == {"first": "1"}


DOCUMENTS = {
    "pyproject.toml": PYPROJECT + OVER + '[tool.uv.sources]\ntorch = [{ git = "x", marker = "os_name == \'x\'" }]\n',
    "pylock.toml": PYLOCK.format(environments=""),
    "uv.lock": MEMBERS.replace("MARKER", ", marker = \"os_name == 'posix'\"") + "resolution-markers = []\n",
    "poetry.lock": POETRY + '[[package]]\nname = "x"\nversion = "1"\nmarkers = { main = "os_name == \'x\'" }\n',
}
VALUES = (3, True, "x", [], ["x"], [3], {}, {"x": 3}, [{}], [{"x": 3}], [[{"x": 3}]])


def places_in(node, at=()):
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from places_in(value, (*at, key))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_value_of_a_wrong_type_ends_in_another_error(tmp_path, name):
    document = tomllib.loads(DOCUMENTS[name])
    for place in list(places_in(document)):
        for value in VALUES:
            changed = copy.deepcopy(document)
            node = changed
            for key in place[:-1]:
                node = node[key]
            node[place[-1]] = value
            with contextlib.suppress(PinsFileError):
                read(tmp_path, name, tomli_w.dumps(changed), python="3.11")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("pyproject.toml", "[project]\noptional-dependencies = 3\n", "`optional-dependencies` has to be a table"),
        ("pyproject.toml", "[project]\ndependencies = 'torch'\n", "`dependencies` has to be an array"),
        ("uv.lock", "dependencies = ['x']\n", "uv.lock:2: 'x' in dependencies is no table"),
        ("uv.lock", "dependencies = 'x'\n", "uv.lock:2: `dependencies` has to be an array"),
        ("uv.lock", "optional-dependencies = ['x']\n", "uv.lock:2: `optional-dependencies` has to be a table"),
        ("uv.lock", "dependencies = [{ name = 'x', marker = 3 }]\n", "uv.lock:2: `marker` has to be a text"),
        ("poetry.lock", "markers = 3\n", "poetry.lock:2: `markers` has to be a table"),
        ("poetry.lock", "groups = 3\n", "poetry.lock:2: `groups` has to be an array"),
    ],
)
def test_values_of_a_wrong_type_are_named_with_file_and_key(tmp_path, name, text, words):
    head = "" if name == "pyproject.toml" else '[[package]]\nname = "torch"\nversion = "1"\n'
    assert words in problem(tmp_path, name, head + text, python="3.11")
