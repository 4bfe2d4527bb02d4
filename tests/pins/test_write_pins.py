"""New versions in a user's file: nothing else of the text changes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.errors import PinsFileError, PinsWriteError
from matrixscan.pins.read import read_pins
from matrixscan.pins.write import rewrite, rewrite_files

NAMES = ("torch", "onnx", "onnxruntime", "numpy", "typing-extensions")
SPELLINGS = {"typing-extensions": ("typing_extensions", "Typing.Extensions", "typing-extensions")}
VERSIONS = st.from_regex(r"[1-9][0-9]?\.[0-9]\.[0-9]{1,2}(\+cpu)?", fullmatch=True)
OTHERS = ("", "# torch==1.0", "--pre", "other>=1", "-i https://x.example")
GAPS = st.sampled_from(("", " ", "  ", "\t"))


@st.composite
def requirement_lines(draw, name):
    spelled = draw(st.sampled_from(SPELLINGS.get(name, (name, name.upper()))))
    extra = draw(st.sampled_from(("", "[a]", "[a, b]")))
    marker = draw(st.sampled_from(("", '; python_version > "3"', ' ;sys_platform != "x==1.2.3"')))
    comment = draw(st.sampled_from(("", "  # why", "\t# torch==9.9.9", " \\")))
    more = draw(st.sampled_from(("", ",>=0.1", ", !=100.0")))
    version = draw(VERSIONS)
    return f"{draw(GAPS)}{spelled}{draw(GAPS)}{extra}=={draw(GAPS)}{version}{more}{marker}{comment}", version


@st.composite
def files(draw):
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    end = draw(st.sampled_from(("\n", "\r\n")))
    lines, versions = [], {}
    for name in names:
        lines += draw(st.lists(st.sampled_from(OTHERS), max_size=2))
        line, versions[name] = draw(requirement_lines(name))
        lines += [line, ""] if line.endswith("\\") else [line]
    return end.join(lines) + draw(st.sampled_from(("", end))), versions


@given(files(), st.data())
def test_reading_what_was_rewritten_gives_the_new_versions_and_all_else_as_it_was(made, data):
    text, versions = made
    changed = data.draw(st.lists(st.sampled_from(sorted(versions)), unique=True))
    wanted = {name: data.draw(VERSIONS) for name in changed}
    before = read_pins("-", text=text, python="3.11")
    assert before.versions == versions
    after = rewrite(text, wanted, python="3.11")
    pins = read_pins("-", text=after, python="3.11")
    assert pins.versions == {**versions, **wanted}
    assert (pins.loose, pins.places, pins.notes) == (before.loose, before.places, before.notes)
    # Put back, it is the same text to the last character.
    assert rewrite(after, {name: versions[name] for name in changed}, python="3.11") == text
    assert re.sub(r"[0-9.]+(\+cpu)?", "", after) == re.sub(r"[0-9.]+(\+cpu)?", "", text)


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        (
            "torch==2.3.1 \\\n  --hash=sha256:aa\n",
            {"torch": "2.4.0"},
            "r.txt:1: torch is pinned with hashes",
        ),
        ("torch>=2\n", {"torch": "2.4.0"}, "r.txt:1: torch>=2 is not pinned exactly"),
        ("onnx==1\n", {"torch": "2.4.0"}, "r.txt: torch is not listed"),
        ("torch==2.3.1,<2.4\n", {"torch": "2.4.0"}, "r.txt:1: torch may only be <2.4"),
        ("torch==2.3.1\ntorch<2.4\n", {"torch": "2.4.0"}, "r.txt:2: torch<2.4 does not allow 2.4.0"),
        ("torch==2.3.1\n", {"torch": "newest"}, "'newest', which torch is to have, is no version"),
        ("torch=2\n", {"torch": "2.4.0"}, "r.txt:1: 'torch=2' is no requirement"),
        (
            'torch==1; python_version<"3.9"\ntorch==2; python_version>="3.9"\n',
            {"torch": "2.4.0"},
            "torch is pinned under several markers (r.txt:1, r.txt:2)",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_line(text, changes, words):
    with pytest.raises(PinsWriteError) as caught:
        rewrite(text, changes, file="r.txt")
    assert words in str(caught.value)


def test_only_the_lines_of_the_python_that_is_meant_change():
    text = 'torch==1.11; python_version<"3.9"\ntorch==2.3; python_version>="3.9"  # newer\n'
    assert rewrite(text, {"torch": "2.4"}, python="3.12") == text.replace("2.3", "2.4")


PYPROJECT = """\
[project]
name = "torch"  # "torch==2.3.1"
version = "2.3.1"
dependencies = [ # 'torch==2.3.1'
  "torch==2.3.1",   # keep
  'onnx == 1.16.1 ; python_version > "3"', "numpy",
]
description = \"\"\"
[project.optional-dependencies]
"torch==2.3.1"
\"\"\"

[project.optional-dependencies]
gpu = ["torch == 2.3.1", "onnxruntime-gpu==1.18.1"]

[tool.other]
dependencies = ["torch==2.3.1"]
"""


def test_a_pyproject_changes_in_its_own_lists_alone():
    after = rewrite(PYPROJECT, {"torch": "2.4.0", "onnx": "1.17.0"}, file="pyproject.toml")
    lines = [line for line in zip(PYPROJECT.splitlines(), after.splitlines(), strict=True) if line[0] != line[1]]
    assert lines == [
        ('  "torch==2.3.1",   # keep', '  "torch==2.4.0",   # keep'),
        (
            """  'onnx == 1.16.1 ; python_version > "3"', "numpy",""",
            """  'onnx == 1.17.0 ; python_version > "3"', "numpy",""",
        ),
        ('gpu = ["torch == 2.3.1", "onnxruntime-gpu==1.18.1"]', 'gpu = ["torch == 2.4.0", "onnxruntime-gpu==1.18.1"]'),
    ]


def test_what_uv_puts_over_a_pyproject_changes_too():
    lists = 'override-dependencies = ["torch==2.3.1"]\nconstraint-dependencies = ["numpy==1.26.4"]\n'
    text = f'{PYPROJECT}\n[tool.uv]\ndefault-groups = ["numpy"]\n{lists}'
    after = rewrite(text, {"torch": "2.4.0", "numpy": "2.0.0"}, file="pyproject.toml")
    assert after.endswith(lists.replace("2.3.1", "2.4.0").replace("1.26.4", "2.0.0"))


def test_a_pyproject_written_in_a_way_that_is_not_found_is_refused():
    text = 'project.name = "x"\nproject.version = "1"\nproject.dependencies = ["torch==2.3.1"]\n'
    with pytest.raises(PinsFileError, match="is not found as it stands; change it by hand"):
        rewrite(text, {"torch": "2.4.0"}, file="pyproject.toml")


def test_pins_change_in_the_file_that_has_them(tmp_path):
    (tmp_path / "requirements.txt").write_text("-c limits.txt\ntorch\nonnx==1.16.1\n")
    (tmp_path / "limits.txt").write_bytes(b"\xef\xbb\xbftorch==2.3.1\r\n")
    changed = rewrite_files(tmp_path / "requirements.txt", {"torch": "2.4.0"})
    assert {path.name: text for path, text in changed.items()} == {"limits.txt": "\ufefftorch==2.4.0\r\n"}


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "poetry.lock", "venv"])
def test_what_a_tool_makes_is_not_written(tmp_path, name):
    path = tmp_path / name
    path.mkdir() if name == "venv" else path.write_text("")
    with pytest.raises(PinsWriteError, match="is made by a tool"):
        rewrite_files(path, {"torch": "2.4.0"})
