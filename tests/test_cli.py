"""The command line, started for real; nothing here installs anything."""

import json
import subprocess
import sys

import pytest

from matrixscan import __version__
from matrixscan.matrix.reader import read_matrix
from matrixscan.plan.expand import make_plan

MATRIX = """
[[combinations]]
python = "3.8"
torch = "1.11.0"
onnx = "1.14.1"
onnxruntime = "1.16.1"
[probes]
judge = ["op_avg_pool_ceil"]
"""


@pytest.fixture
def matrixscan(tmp_path):
    (tmp_path / "matrices").mkdir()
    (tmp_path / "matrices" / "mine.toml").write_text(MATRIX)

    def call(*words):
        command = [sys.executable, "-m", "matrixscan", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    return call


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["scan", "mien"], 2, "no matrix file 'mien'; choose from: matrices/mine.toml"),
        (["scan", "matrices/mien.toml"], 2, "did you mean 'matrices/mine.toml'?"),
        (["scan", "mine", "--probe", "op_avg_pool_cel"], 2, "did you mean 'op_avg_pool_ceil'"),
        (["scan", "mine", "--cell", "py38"], 2, "unknown combination 'py38'; choose from: py38-torch1.11.0"),
        (["scan", "mine", "--exclude", "nonesuch*"], 2, "unknown probe or combination 'nonesuch*'"),
        (["scan", "mine", "--exclude", "*"], 3, "nothing selected: no combination is left"),
        (["scan", "mine", "--exclude", "op_*"], 3, "nothing selected: no probe is left"),
        (["plan", "absent"], 2, "no matrix file 'absent'"),
        (["judge", "mine", "--output", "zzz=1,1"], 2, "unknown output 'zzz'; choose from: y"),
        (["report", "absent"], 2, "no matrix file 'absent'"),
        *(
            (
                [command, "mine", "--joint"],
                2,
                'for a matrix with plan = "factored"; matrices/mine.toml is measured jointly',
            )
            for command in ("scan", "report", "packaging", "diagnose")
        ),
        (["scan", "mine", "--sample", "0.5"], 2, "leave out --sample"),
        (["packaging", "mine"], 3, "nothing selected: mine has no results; scan the matrix first"),
        (["explain", "mien"], 2, "no matrix file 'mien'; choose from: matrices/mine.toml"),
        (["explain", "mine"], 3, "nothing selected: mine has no results; scan the matrix first"),
        (["calibrate", "op_avg_pool_ceil", "mine"], 2, "give it a key"),
    ],
)
def test_a_wrong_request_ends_with_its_code_and_says_what_to_change(matrixscan, tmp_path, words, code, said):
    done = matrixscan(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "reports").exists()


def test_every_problem_of_a_bad_matrix_is_listed_with_its_path(matrixscan, tmp_path):
    text = MATRIX.replace('"1.11.0"', '"newest"').replace("onnxruntime", "0nnxruntime")
    (tmp_path / "matrices" / "bad.toml").write_text(f"{text}\n[limits]\ncase-second = 3\n")
    done = matrixscan("scan", "matrices/bad.toml")
    assert done.returncode == 2
    assert done.stderr.startswith("matrices/bad.toml: ")
    assert "newest" in done.stderr
    assert "limits.case-second" in done.stderr
    assert "case-seconds" in done.stderr


def test_a_plan_lists_requirements_and_installs_nothing(matrixscan, tmp_path):
    done = matrixscan("plan", "mine")
    assert done.returncode == 0
    assert "py38-torch1.11.0-onnx1.14.1-ort1.16.1\n  python 3.8\n  torch==1.11.0\n  onnx==1.14.1\n" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["matrices"]
    assert matrixscan("list", "mine").stdout == "py38-torch1.11.0-onnx1.14.1-ort1.16.1\n"


def test_a_report_without_records_judges_nothing(matrixscan):
    done = matrixscan("report", "mine")
    assert done.returncode == 4
    assert "Nothing could be judged." in done.stdout


def test_a_damaged_record_is_named_and_what_to_do(matrixscan, tmp_path):
    record = tmp_path / "reports/mine/records/py38-torch1.11.0-onnx1.14.1-ort1.16.1.json"
    record.parent.mkdir(parents=True)
    record.write_text("{")
    done = matrixscan("report", "mine")
    assert done.returncode == 2
    assert "records/py38-torch1.11.0-onnx1.14.1-ort1.16.1.json cannot be read" in done.stderr
    assert "delete it and scan again" in done.stderr


def test_init_writes_a_project_that_can_be_scanned(matrixscan, tmp_path):
    folder = tmp_path / "project"
    done = matrixscan("init", str(folder))
    assert done.returncode == 0
    written = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert written == ["matrices/matrix.schema.json", "matrices/mine.toml", "noxfile.py", "probes/my_model.py"]
    matrix = read_matrix(folder / "matrices" / "mine.toml")
    plan = make_plan(matrix)
    assert plan.judged == ("my_model",)
    assert len(plan.cells) == len(matrix.rows) > 0
    compile((folder / "noxfile.py").read_text(), "noxfile.py", "exec")


def test_init_keeps_what_exists(matrixscan, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "noxfile.py").write_text("# mine\n")
    done = matrixscan("init", str(folder))
    assert (folder / "noxfile.py").read_text() == "# mine\n"
    assert f"kept    {folder}/noxfile.py" in done.stdout
    assert f"wrote   {folder}/matrices/mine.toml" in done.stdout


@pytest.mark.parametrize("words", [["scan", "--jobs", "0"], ["nonesuch"], ["init", "/dev/null"], []])
def test_a_command_nobody_can_follow_ends_with_2(matrixscan, words):
    done = matrixscan(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    if "init" in words:
        assert "/dev/null" in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_schema_is_json(matrixscan):
    schema = json.loads(matrixscan("schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")


def test_the_version_and_the_help(matrixscan):
    assert matrixscan("--version").stdout.strip() == __version__
    shown = matrixscan("--help")
    for command in ("scan", "report", "plan", "list", "init", "calibrate", "schema"):
        assert command in shown.stdout
