"""`matrixscan check` on published matrices: what it says, how it ends, and how fast."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import many_verdicts
import msgspec
import pytest

from matrixscan.analysis.known_pins_index import FILE, decode_index
from matrixscan.commands import check
from matrixscan.errors import EXIT_UNTESTED, NothingSelectedError, PinsFileError, UnknownNameError

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "reports"
BAD = "torch==2.3.1\nonnx==1.16.1\nonnxruntime==1.18.1\n"
NEW = "torch==2.9.0\nonnx==1.16.1\nonnxruntime==1.18.1\n"


def asked(path, *matrices, **more):
    return check(str(path), matrices, reports=more.pop("reports", REPORTS), **more)


def piped(text, *matrices, **more):
    return asked("-", *matrices, text=text, **more)


def start(*words, reports=REPORTS, text=""):
    """Run the command; return its exit code, its output and its errors."""
    command = [sys.executable, "-m", "matrixscan", "check", *map(str, words), "--reports", str(reports)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("version", ["1.11.0", "2.15.0"])
def test_the_lock_of_what_is_good_is_known_to_be_good(version):
    path = min((REPORTS / "default/locks").glob(f"*torch{version}-*.txt"), key=lambda path: len(path.name))
    outcome = asked(path, "default")
    assert outcome.exit_code == 0
    assert outcome.text.startswith("known good on Python 3.")
    assert "good  campplus/published, campplus_en/published" in outcome.text


@pytest.mark.parametrize("matrix", ["default", "smoke"])
def test_plain_pins_are_what_the_published_table_says_they_are(tmp_path, matrix):
    path, found = tmp_path / "requirements.txt", decode_index((REPORTS / matrix / FILE).read_bytes())
    column = [found.column(subject.key) for subject in found.subjects if subject.decides]
    for row in range(len(found.rows)):
        axes = found.axes_of(row)
        path.write_text("".join(f"{name}=={version}\n" for name, version in axes.items() if name != "python"))
        verdicts = {found.findings[places[row]].verdict for places in column}
        said = asked(path, python=axes["python"])
        assert said.exit_code == (0 if verdicts == {"good"} else 1), said.text


def test_a_survey_is_asked_about_probes_that_are_named():
    pins = "torch==2.6.0\nonnx==1.23.2\nonnxscript==0.7.2\nonnxruntime==1.22.1\n"
    plain = piped(pins, python="3.11")
    assert plain.exit_code == EXIT_UNTESTED
    assert "eras has these pins, for single models: name one with --probe, or --matrix eras" in plain.text
    named = piped(pins, python="3.11", probes=["campplus"])
    assert named.exit_code == 1
    assert "campplus/published" in named.text
    assert "eras has these pins" not in named.text


def test_what_is_bad_comes_with_its_finding_and_what_works():
    outcome = piped(BAD, "default")
    assert outcome.exit_code == 1
    lines = outcome.text.splitlines()
    assert lines[0] == "known bad: standard input (torch 2.3.1, onnx 1.16.1, onnxruntime 1.18.1)"
    assert any(line.startswith("      bad  campplus/published  compare: mismatch, max_abs 8.57") for line in lines)
    assert lines[lines.index("nearest known good:") + 1].startswith(
        "  py38-torch1.11.0-onnx1.14.1-ort1.16.1: torch 1.11.0"
    )


def test_a_release_that_was_not_tested_comes_with_its_neighbours():
    outcome = piped(NEW, "default")
    assert outcome.exit_code == EXIT_UNTESTED
    assert "  default: untested: this combination was not tested" in outcome.text
    near = "  py38-torch2.3.1-onnx1.16.1-ort1.18.1: torch 2.3.1 for 2.9.0 (2 tested releases apart)\n    bad in default"
    assert near in outcome.text
    assert piped(NEW, "default", allow_untested=True).exit_code == 0
    assert piped(BAD, "default", allow_untested=True).exit_code == 1


def test_an_environment_without_torch_is_told_so(tmp_path):
    packages = tmp_path / "lib/python3.11/site-packages/numpy-1.26.4.dist-info"
    packages.mkdir(parents=True)
    (packages / "METADATA").write_text("Name: numpy\nVersion: 1.26.4\n")
    outcome = asked(tmp_path, "default")
    assert outcome.exit_code == EXIT_UNTESTED
    assert "none of torch, onnxscript, onnx, onnxruntime is named" in outcome.text


def test_without_a_name_every_published_matrix_is_asked_but_surveys_and_those_that_fail_on_purpose():
    found = json.loads(piped(BAD, form="json").text)
    asked_for = {each["matrix"] for each in found["matrices"]}
    assert {"default", "smoke"} <= asked_for
    assert not {"faults", "zoo", "opinfo", "seeds", "eras"} & asked_for
    found = json.loads(piped(BAD, form="json", probes=["op_norms", "opinfo"]).text)
    assert {"default", "opinfo"} <= {each["matrix"] for each in found["matrices"]}
    assert piped("torch==1.11.0\nonnx==1.14.1\nonnxruntime==1.16.1\n", "faults").exit_code == 1


def test_several_answers_are_one_json_document(tmp_path):
    bad, new = tmp_path / "bad.txt", tmp_path / "new.txt"
    bad.write_text(BAD)
    new.write_text(NEW)
    code, output, _ = start(bad, new, "--format", "json", "--matrix", "default")
    assert (code, [each["verdict"] for each in json.loads(output)]) == (1, ["known_bad", "untested"])
    assert json.loads(start(new, "--format", "json", "--matrix", "default")[1])["verdict"] == "untested"


def test_json_has_all_of_it():
    found = json.loads(piped(BAD, "default", form="json", probes=["campplus/published", "op_norms"]).text)
    assert (found["schema_version"], found["verdict"], found["exit_code"]) == (1, "known_bad", 1)
    (matrix,) = found["matrices"]
    assert matrix["subjects"]["campplus/published"] == "known_bad"
    (match,) = matrix["matches"]
    assert (match["combination"], match["evidence"]) == ("py38-torch2.3.1-onnx1.16.1-ort1.18.1", "joint")
    assert match["platform"].startswith("Linux x86_64")
    assert match["verdicts"]["campplus/published"]["words"].startswith("compare: mismatch")
    assert "op_norms/layer" in match["verdicts"]


@pytest.mark.parametrize(("text", "level"), [(BAD, "error"), (NEW, "warning")])
def test_github_gets_one_annotation_at_the_line_of_the_first_pin(tmp_path, text, level):
    path = tmp_path / "a,b.txt"
    path.write_text(f"# first\n{text}")
    said = asked(path, "default", form="github").text
    assert said.startswith(f"::{level} file={str(path).replace(',', '%2C')},line=2,title=matrixscan::")
    assert said.count("\n") == 1
    assert "%0A" in said
    assert piped(text, "default", form="github").text.startswith(f"::{level} file=standard input,line=1")


@pytest.mark.parametrize(
    ("matrices", "more", "words"),
    [
        (["defualt"], {}, "unknown published matrix 'defualt'; did you mean 'default'?"),
        (["default"], {"probes": ["camplus"]}, "unknown probe 'camplus'; did you mean 'campplus'"),
        (["default"], {"form": "yaml"}, "unknown format 'yaml'; choose from: github, json, text"),
    ],
)
def test_names_that_are_not_known_come_with_a_hint(matrices, more, words):
    with pytest.raises(UnknownNameError) as caught:
        piped(BAD, *matrices, **more)
    assert words in str(caught.value)


def test_nothing_published_is_said(tmp_path):
    with pytest.raises(NothingSelectedError, match="scan a matrix first"):
        piped(BAD, reports=tmp_path)


@pytest.mark.parametrize("damage", ["missing", "of another version", "damaged"])
def test_without_an_index_the_records_are_read_and_say_the_same(tmp_path, monkeypatch, damage):
    monkeypatch.chdir(ROOT)  # where the matrix is
    shutil.copytree(REPORTS / "smoke", tmp_path / "smoke")
    path = tmp_path / "smoke" / FILE
    text = path.read_text()
    path.write_text(text.replace('"schema_version": 1', '"schema_version": 99') if damage[0] == "o" else text[:50])
    if damage == "missing":
        path.unlink()
    pins = "torch==1.11.0\nonnx==1.14.1\nonnxruntime==1.16.1\nnumpy==1.24.4\nprotobuf==5.29.6\n"
    slow, fast = (json.loads(piped(pins, "smoke", form="json", reports=place).text) for place in (tmp_path, REPORTS))
    assert slow.pop("notes") == ["smoke: read from its records; `matrixscan report smoke` makes this fast"]
    assert fast.pop("notes") == []
    assert slow == fast
    assert fast["verdict"] == "known_good"


def test_without_the_matrix_the_records_alone_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports/mine").mkdir(parents=True)
    shutil.copyfile(REPORTS / "default/cases.parquet", tmp_path / "reports/mine/cases.parquet")
    outcome = piped(BAD, "mine", reports=None)
    assert outcome.exit_code == 1
    assert "matrices/mine.toml is not here" in outcome.text


def test_published_indexes_are_those_of_the_records(monkeypatch):
    from matrixscan.commands.indexing import read_index

    monkeypatch.chdir(ROOT)
    for name in ("smoke", "ncnn"):
        made, _ = read_index(REPORTS / name)
        published = decode_index((REPORTS / name / FILE).read_bytes())
        assert msgspec.json.encode(made) == msgspec.json.encode(published), f"python -m matrixscan report {name}"


def test_the_command_prints_and_ends_with_the_worst_of_its_files(tmp_path):
    bad, new = tmp_path / "bad.txt", tmp_path / "new.txt"
    bad.write_text(BAD)
    new.write_text(NEW)
    assert start(new, "-m", "default")[0] == EXIT_UNTESTED
    assert start(new, "-m", "default", "--allow-untested")[0] == 0
    code, output, _ = start(new, bad, "--matrix", "default")
    assert (code, output.count("\nnearest ")) == (1, 2)
    code, _, errors = start(tmp_path / "gone.txt")
    assert (code, "there is no such file" in errors) == (2, True)
    code, _, errors = start(bad, "--no-such-option")
    assert (code, "--no-such-option" in errors) == (2, True)
    assert start("-", "-m", "default", text=BAD)[0] == 1


CALL = "import sys; sys.argv = ['matrixscan', 'check', 'x']; import matrixscan.cli; {}; matrixscan.cli.main()"


@pytest.mark.parametrize(
    "fault",
    [
        "import matrixscan.cli.quick as q; q.check = lambda *_, **__: 1 / 0",
        "sys.modules['matrixscan.commands.checking'] = None",
    ],
)
def test_a_fault_of_its_own_is_never_said_of_the_pins(fault):
    done = subprocess.run(
        [sys.executable, "-c", CALL.format(fault)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" in done.stderr


def test_pythons_that_a_project_is_not_for_are_left_out(tmp_path):
    path = tmp_path / "pyproject.toml"
    marked = ", ".join(f"'{line}; python_version > \"3.9\"'" for line in BAD.split())
    path.write_text(f"[project]\nrequires-python = '>=3.11'\ndependencies = [{marked}]\n")
    assert asked(path, "default").exit_code == EXIT_UNTESTED
    with pytest.raises(PinsFileError, match=r"made for Python >=3\.11, not for 3\.8"):
        asked(path, "default", python="3.8")


def test_what_a_shell_pipes_as_a_file_is_checked(tmp_path):
    (tmp_path / "pins").write_text(BAD)
    words = f"{sys.executable} -m matrixscan check <(cat {tmp_path / 'pins'}) -m default --reports {REPORTS}"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout.partition(":")[0]) == (1, "known bad")


def test_the_list_of_all_commands_has_it_and_its_help_is_its_own():
    def call(*words):
        return subprocess.run(
            [sys.executable, "-m", "matrixscan", *words], capture_output=True, text=True, cwd=ROOT, check=True
        ).stdout

    assert "check" in call("--help")
    assert "--allow-untested" in call("check", "--help")


def test_the_application_starts_it_too():
    from typer.testing import CliRunner

    from matrixscan.cli import app

    done = CliRunner().invoke(app, ["check", "-", "--matrix", "default", "--reports", str(REPORTS)], input=BAD)
    assert (done.exit_code, done.output.partition(":")[0]) == (1, "known bad")


FORBIDDEN = (
    "numpy",
    "nox",
    "PIL",
    "pyarrow",
    "requests",
    "requests_cache",
    "typer",
    "click",
    "rich",
    "pydantic",
    "psutil",
)


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_nothing_heavy_is_imported(tmp_path, form):
    (tmp_path / "pins.txt").write_text(BAD)
    words = ["check", str(tmp_path / "pins.txt"), "--reports", str(REPORTS), "--format", form]
    code = (
        f"import sys; sys.argv = ['matrixscan', *{words!r}]\nfrom matrixscan.cli import main\n"
        f"try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 1, end.code\n"
        f"print('LOADED', *sorted(set({FORBIDDEN!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Ten thousand combinations of one matrix, and ten matrices of a thousand each."""
    folder = tmp_path_factory.mktemp("many")
    many_verdicts.write_matrix(folder / "one", "wide", 10_000)
    for number in range(10):
        many_verdicts.write_matrix(folder / "ten", f"matrix{number}", 1_000)
    return folder


PINS = {
    "known": "torch==2.3.1\nonnx==1.0.0\nonnxruntime==1.0.2\n",
    "untested": "torch==2.3.9\nonnx==1.6.0\nonnxruntime==1.1.2\nonnxscript==0.1.7\n",
    "open": "torch\nonnx\nonnxruntime\n",
}


@pytest.mark.parametrize("place", ["one", "ten"])
@pytest.mark.parametrize("kind", PINS)
def test_it_answers_within_a_second_on_ten_thousand_combinations(many, tmp_path, place, kind):
    (tmp_path / "pins.txt").write_text(PINS[kind])
    found, walls, spent = [], [], []
    for _ in range(3):  # the first one may write byte code; of a busy machine the best counts
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        found.append(start(tmp_path / "pins.txt", "--format", "json", reports=many / place))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(time.perf_counter() - begun)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    document = json.loads(found[0][1])
    assert len(document["matrices"]) == (1 if place == "one" else 10)
    # Time of the processor, whatever else the machine does; alone, that is the wall's too.
    assert min(spent) < 1.0, f"processor {min(spent):.2f} s, wall {min(walls):.2f} s"
