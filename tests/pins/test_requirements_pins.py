"""Requirements and constraints files as pip reads them."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from matrixscan.errors import PinsFileError
from matrixscan.pins.read import KNOWN_NAMES, kind_of, read_pins


def read(tmp_path, text, name="requirements.txt", **more):
    path = tmp_path / name
    path.write_bytes(text.encode())
    return read_pins(path, **more)


def problems(tmp_path, text, **more):
    with pytest.raises(PinsFileError) as caught:
        read(tmp_path, text, **more)
    return [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("line", "name", "version"),
    [
        ("torch==2.3.1", "torch", "2.3.1"),
        ("Torch == 2.3.1  # why", "torch", "2.3.1"),
        ("onnxruntime[gpu]==1.18.1", "onnxruntime", "1.18.1"),
        ("typing_Extensions===4.1", "typing-extensions", "4.1"),
        ("torch==2.4.0+cu121", "torch", "2.4.0+cu121"),
        ("torch>=2,==2.3.1", "torch", "2.3.1"),
        ('torch==2.3.1; python_version >= "2"', "torch", "2.3.1"),
        ("torch==2.3.1 \\\r\n    --hash=sha256:aa \\\r\n    --hash=sha256:bb\r\n", "torch", "2.3.1"),
        ("\ufefftorch==2.3.1", "torch", "2.3.1"),
        ("torch==2.3.1\t# a comment that goes on \\\nonnx==1.0", "torch", "2.3.1"),
    ],
)
def test_exact_pins(tmp_path, line, name, version):
    assert read(tmp_path, line).versions == {name: version}


@pytest.mark.parametrize(
    ("line", "name", "said"),
    [
        ("torch", "torch", "any version"),
        ("torch>=2.0,<3", "torch", "<3,>=2.0"),
        ("torch==2.3.*", "torch", "==2.3.*"),
        ("torch @ https://host.example/torch-2.3.1.tar.gz", "torch", "from a URL or a folder"),
        ("./wheels/torch-2.3.1+cpu-cp38-cp38-linux_x86_64.whl", "torch", "from a URL or a folder"),
        ("https://user:secret@host.example/torch-2.3.1-py3-none-any.whl#sha256=1", "torch", "from a URL or a folder"),
    ],
)
def test_what_is_not_pinned_exactly_is_said(tmp_path, line, name, said):
    pins = read(tmp_path, line)
    assert (pins.versions, pins.loose) == ({}, {name: said})


def test_files_are_included_beside_the_file_that_names_them_and_once(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/more.txt").write_text("-r ../requirements.txt\n-c limits.txt\nonnx==1.16.1\n")
    (tmp_path / "sub/limits.txt").write_text("numpy==1.26.4\n")
    pins = read(tmp_path, "-rsub/more.txt\n\ntorch==2.3.1\n")
    assert pins.versions == {"torch": "2.3.1", "onnx": "1.16.1", "numpy": "1.26.4"}
    assert str(pins.places["torch"]).endswith("requirements.txt:3")
    assert str(pins.places["numpy"]).endswith("limits.txt:1")


def test_what_has_no_version_is_told_and_options_of_the_index_are_not(tmp_path):
    text = "--index-url https://host.example/simple\n-e .\n-i https://host.example\n./folder\n-r https://host.example/r.txt\n"
    pins = read(tmp_path, text)
    assert (pins.versions, pins.loose) == ({}, {})
    assert [note.partition(": ")[2].partition(";")[0] for note in pins.notes] == [
        "an editable package",
        "a file or an address without a name before it",
        "an included file at an address is not read",
    ]
    assert not any("host.example" in note for note in pins.notes)


def test_every_problem_is_named_with_file_and_line(tmp_path):
    (tmp_path / "more.txt").write_text("\nonnx=1.2\n")
    text = "torch==2.3.1\n--colour red\n-r more.txt\n-r gone.txt\nnumpy== \\\n  bad version\nx @ ftp://a:secret@h y\n"
    assert [problem.partition(": E")[0] for problem in problems(tmp_path, text)] == [
        "requirements.txt:2: --colour is no option of a requirements file; correct or remove it",
        "requirements.txt:5: 'numpy== bad version' is no requirement",
        "requirements.txt:7: 'x @ ADDRESS y' is no requirement",
        "requirements.txt:4: there is no file 'gone.txt'; correct or remove the line",
        "more.txt:2: 'onnx=1.2' is no requirement",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("torch==2.3.1\ntorch==2.4.0\n", "torch is pinned to 2.4.0, and to 2.3.1 at requirements.txt:1"),
        ("torch==2.3.1\ntorch>=2.4\n", "torch>=2.4 does not allow 2.3.1, pinned at requirements.txt:1"),
    ],
)
def test_pins_that_contradict_each_other_are_a_problem(tmp_path, text, words):
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"requirements.txt:2: {words}")


def test_a_local_label_is_no_contradiction_and_stays(tmp_path):
    assert read(tmp_path, "torch==2.4.0\ntorch==2.4.0+cpu\n").versions == {"torch": "2.4.0+cpu"}


MARKED = 'numpy==1.26.4; python_version < "3.13"\nnumpy==2.1.0; python_version >= "3.13"\nx==1; sys_platform == "no"\n'


@pytest.mark.parametrize(("python", "version"), [("3.8", "1.26.4"), ("3.12.4", "1.26.4"), ("3.13", "2.1.0")])
def test_markers_are_those_of_the_python_that_is_meant(tmp_path, python, version):
    pins = read(tmp_path, MARKED, python=python)
    assert (pins.versions, pins.python, pins.by_python) == ({"numpy": version}, python, False)


def test_a_marker_that_needs_a_python_nobody_named_pins_nothing(tmp_path):
    pins = read(tmp_path, MARKED)
    assert (pins.versions, pins.by_python) == ({}, True)
    assert pins.loose["numpy"] == '==1.26.4 where python_version < "3.13", ==2.1.0 where python_version >= "3.13"'


def test_a_minor_python_does_not_decide_what_patches_do(tmp_path):
    text = 'numpy==1.26.4; python_full_version < "3.11.4"\n'
    assert read(tmp_path, text, python="3.11").loose
    assert read(tmp_path, text, python="3.11.3").versions
    assert not read(tmp_path, text, python="3.11.4").loose


def test_only_a_file_with_all_hashes_is_everything_that_is_installed(tmp_path):
    assert read(tmp_path, "torch==2.3.1 --hash=sha256:aa\n").complete
    assert not read(tmp_path, "torch==2.3.1 --hash=sha256:aa\nonnx==1.2\n").complete
    assert not read(tmp_path, "").complete


def test_freeze_comes_through_a_pipe():
    pins = read_pins("-", text="torch==2.3.1+cpu\n-e git+https://host.example/x#egg=x\nnumpy @ file:///tmp/numpy.whl\n")
    assert pins.versions == {"torch": "2.3.1+cpu"}
    assert (pins.loose["numpy"], pins.complete, pins.source) == ("from a URL or a folder", True, "standard input")


@pytest.mark.parametrize(
    ("name", "content", "python", "words"),
    [
        ("gone.txt", None, None, "there is no such file or folder"),
        ("latin.txt", b"t\xf6rch==1", None, "not UTF-8 (byte 1); save it as UTF-8"),
        ("requirements.txt", b"", "py311", "--python py311: write a version such as 3.11"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, name, content, python, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PinsFileError) as caught:
        read_pins(tmp_path / name, python=python)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "-e git+https://host.example/me/pytorch@abc#egg=torch",
        "--editable=git+https://host.example/me/pytorch#subdirectory=x&egg=torch[extra]",
        "-e 'torch @ git+https://host.example/me/pytorch'",
        "-e ./pytorch#egg=torch",
        "git+ssh://git@host.example/me/pytorch#egg=Torch",
    ],
)
def test_a_package_that_an_address_names_is_open(tmp_path, line):
    pins = read_pins("-", text=f"{line}\nonnx==1.16.1\n")
    assert (pins.versions, pins.loose) == ({"onnx": "1.16.1"}, {"torch": "from a URL or a folder"})
    assert pins.complete
    assert read(tmp_path, f"torch==2.3.1\n{line}\n").versions == {}


@pytest.mark.parametrize("line", ["-e /home/me/pytorch", "-e folder", "git+https://host.example/x", "./folder"])
def test_where_a_package_has_no_name_nothing_is_known_to_be_absent(tmp_path, line):
    assert not read_pins("-", text=f"{line}\nonnx==1.16.1\n").complete
    assert not read(tmp_path, f"onnx==1.16.1 --hash=sha256:aa\n{line} --hash=sha256:bb\n").complete


@pytest.mark.parametrize("name", ["a.toml", "other.LOCK", "lock.json", "conda.yml", "x.yaml", "pylock.a.b.toml"])
def test_a_file_of_another_format_is_one_problem(tmp_path, name):
    path = tmp_path / name
    path.write_text('lock-version = "1.0"\n' * 9)
    for ask in (read_pins, kind_of):
        with pytest.raises(PinsFileError) as caught:
            ask(path)
        (problem,) = caught.value.problems
        assert all(known in problem for known in (*KNOWN_NAMES, "PEP 751", ".txt"))


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "constraints.txt", "pins"])
def test_requirements_have_other_names_too(tmp_path, name):
    assert read(tmp_path, "torch==2.3.1", name).versions == {"torch": "2.3.1"}


def test_what_a_shell_pipes_as_a_file_is_read_once(tmp_path):
    path = tmp_path / "63"
    os.mkfifo(path)
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(path.write_text, MARKED)
        pins = read_pins(path)
        writing.result()
    assert set(pins.loose) == {"numpy"}
    assert not pins.by_python
