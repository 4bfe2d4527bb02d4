"""The noxfile, started as its users start it."""

import os
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from matrixscan.matrix.reader import read_matrix
from matrixscan.plan.expand import cells_of

ROOT = Path(__file__).parents[1]
UNUSABLE = "http://127.0.0.1:9"


def nox(*words, cwd=ROOT, file=ROOT / "noxfile.py", **more):
    """Run Nox with a network nobody can use."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("MATRIXSCAN_", "NOX_"))}
    variables |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), UNUSABLE)
    variables |= {"UV_DEFAULT_INDEX": f"{UNUSABLE}/simple", "NOX_SCRIPT_MODE": "none", "NO_COLOR": "1"} | more
    command = [sys.executable, "-m", "nox", "-f", str(file), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60, env=variables)


def test_the_script_block_repeats_the_dependencies_of_the_project():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = (ROOT / "noxfile.py").read_text().split("# ///\n")[0].split("# /// script\n")[1].splitlines()
    block = tomllib.loads("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines))
    assert block["dependencies"] == pyproject["project"]["dependencies"]
    assert block["requires-python"] == pyproject["project"]["requires-python"]


def test_listing_names_every_combination_offline_and_at_once():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = nox("-l")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    rows = dict(line[2:].partition(" -> ")[::2] for line in done.stdout.splitlines() if line[:2] in {"* ", "- "})
    for cell in cells_of(read_matrix(ROOT / "matrices" / "default.toml")):
        assert rows[f"cell({cell.id})"], cell.id
    for name in ("scan", "plan", "tests", "lint", "harness_tests"):
        assert rows[name], name
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["scan", "--", "matrices/nonsense.toml"], 2, "no matrix file 'matrices/nonsense.toml'"),
        (["scan", "--", "nonsense"], 2, "unknown after `--`: nonsense"),
        (["scan", "--", "smoke", "--probe", "op_avg_pool_cel"], 2, "did you mean 'op_avg_pool_ceil'"),
        (["scan", "--", "smoke", "--wrong"], 2, "unknown after `--`: --wrong"),
        (["scan", "--", "--exclude", "*"], 3, "nothing selected"),
    ],
)
def test_a_wrong_request_ends_before_anything_is_installed(words, code, said):
    done = nox("-s", *words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def other(tmp_path):
    """A noxfile of somebody else's, with a session of its own that says what it was handed."""
    (tmp_path / "matrices").mkdir()
    (tmp_path / "matrices/mine.toml").write_text((ROOT / "matrices/smoke.toml").read_text())
    text = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nimport nox, matrixscan.nox\n"
    text += "matrixscan.nox.register('matrices/mine.toml')\n"
    text += (
        "@nox.session(venv_backend='none', default=False, tags=['own'])\ndef tests(session): print(session.posargs)\n"
    )
    (tmp_path / "noxfile.py").write_text(text)

    def call(*words, **more):
        return nox(*words, cwd=tmp_path, file=tmp_path / "noxfile.py", **more)

    return call


@pytest.mark.parametrize(
    "words",
    [
        ["-s", "tests", "--", "--help"],
        ["-stests", "--", "--ex"],
        ["-rs", "tests", "--", "smoke"],
        ["-e", "tests", "--", "--fresh", "x"],
        ["-k", "tests", "--", "-x"],
        ["-t", "own", "--", "-x"],
        ["--session=tests", "--", "-x"],
        ["--sessions", "tests", "--", "-x"],
    ],
)
def test_what_is_meant_for_other_sessions_reaches_them_whole(other, words):
    done = other(*words)
    assert done.returncode == 0, done.stderr
    assert str(words[words.index("--") + 1 :]) in done.stdout


def test_sessions_named_by_the_environment_count(other):
    done = other("--", "-x", NOXSESSION="tests")
    assert (done.returncode, "['-x']" in done.stdout) == (0, True), done.stderr
    done = other("--", "-x", NOXSESSION="tests,plan")
    assert (done.returncode, done.stderr) == (2, "unknown after `--`: -x; choose from: mine (`-- --help` lists more)\n")


def test_a_session_of_ours_that_was_not_named_refuses_what_it_did_not_read(other):
    done = other("-k", "not tests and not ce and not sc", "--", "mine")
    assert done.returncode == 2, done.stdout
    assert "not read after `--`: mine" in done.stderr


def test_an_upgrade_is_told_of_a_file_and_runs_only_if_it_is_named(other, tmp_path):
    (tmp_path / "pins.txt").write_text("torch==1.11.0\nonnx>=1.14\n", encoding="utf-8")
    done = other("-s", "upgrade", "--", "pins.txt", "--python", "3.8")
    assert done.returncode == 2, done.stdout
    assert "onnx is only said to be >=1.14; pin it exactly, or add --pin onnx==VERSION" in done.stderr
    assert "upgrade" not in other("-k", "not tests and not ce and not sc and not plan").stderr


def test_no_abbreviations_are_taken(other):
    done = other("-s", "plan", "--", "--fre")
    assert (done.returncode, "unknown after `--`: --fre" in done.stderr) == (2, True)


def test_a_bad_matrix_breaks_no_other_session(other, tmp_path):
    (tmp_path / "matrices/mine.toml").write_text("[limits]\nthreads = 0\n")
    done = other("-s", "tests", "--", "-x")
    assert (done.returncode, "['-x']" in done.stdout) == (0, True), done.stderr
    assert "threads" not in done.stderr
    listed = other("-l")
    assert (listed.returncode, listed.stderr.count("limits.threads")) == (0, 1)
    assert {line.split()[1] for line in listed.stdout.splitlines() if line[:2] in {"* ", "- "}} == {
        "scan",
        "plan",
        "lock",
        "nightly",
        "upgrade",
        "tests",
    }
    for words in (["-s", "scan"], [], ["-k", "not tests and not sc"]):
        done = other(*words)
        assert (done.returncode, done.stderr.count("limits.threads")) == (2, 1), words
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob(".matrixscan/exit-*"))


def test_a_night_asks_for_the_lock_that_is_missing(other, tmp_path):
    """No index answers here: that is what a night says, and not that there is no lock."""
    matrix = tmp_path / "matrices/mine.toml"
    matrix.write_text('[axes]\npython = ["3.8"]\ntorch = ["latest"]\n[probes]\njudge = ["op_avg_pool_ceil"]\n')
    done = other("-s", "nightly", "--", "--budget", "1h", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 4, done.stderr
    assert "the package index does not say what releases torch has" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_of_ours_in_a_session_is_its_text_and_its_code(other, tmp_path):
    record = tmp_path / "reports/mine/records/py38-torch1.11.0-onnx1.14.1-ort1.16.1.json"
    record.parent.mkdir(parents=True)
    record.write_text("{")
    done = other("--no-dependencies", "-s", "scan")
    assert done.returncode == 2, done.stderr
    assert "delete it and scan again" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob(".matrixscan/exit-*"))
    record.unlink()
    assert other("--no-dependencies", "-s", "scan").returncode == 4


def test_a_bug_in_one_cell_does_not_keep_the_others_from_being_reported(other, tmp_path):
    noxfile = tmp_path / "noxfile.py"
    bug = "import matrixscan.commands\ndef bug(*_): raise ZeroDivisionError('a bug')\n"
    bug += "matrixscan.commands.scan_cell = bug\n"
    noxfile.write_text(noxfile.read_text().replace("matrixscan.nox.register", f"{bug}matrixscan.nox.register", 1))
    done = other("-s", "scan")
    assert "infra    ZeroDivisionError: a bug" in done.stdout
    assert "Nothing could be judged." in done.stdout
    assert done.returncode == 4


def test_a_plan_prints_requirements_and_installs_nothing():
    done = nox("-s", "plan", "--", "smoke")
    assert done.returncode == 0, done.stderr
    assert "py38-torch1.11.0-onnx1.14.1-ort1.16.1\n  python 3.8\n  torch==1.11.0\n" in done.stdout
    assert "1 combinations x " in done.stdout


FACTORED = """
plan = "factored"
[axes]
python = ["3.8"]
torch = ["1.11.0", "1.12.1"]
onnx = ["1.14.1"]
onnxruntime = ["1.15.1", "1.16.1"]
[probes]
judge = ["op_avg_pool_ceil"]
"""
SIDES = [
    "export_side(py38-torch1.11.0-onnx1.14.1)",
    "export_side(py38-torch1.12.1-onnx1.14.1)",
    "run_side(py38-ort1.15.1)",
    "run_side(py38-ort1.16.1)",
]


def _sessions(done):
    return [line.split()[1] for line in done.stdout.splitlines() if line[:2] in {"* ", "- "}]


def test_the_sessions_of_a_factored_matrix_are_its_sides(other, tmp_path):
    (tmp_path / "matrices/mine.toml").write_text(FACTORED)
    done = other("-l")
    assert done.returncode == 0, done.stderr
    names = [name for name in _sessions(done) if "side(" in name]
    assert names == SIDES
    assert not [name for name in _sessions(done) if name.startswith("cell")]
    assert {"scan", "plan"} <= set(_sessions(done))
    planned = other("-s", "plan")
    assert "factored: 2 export sides and 2 run sides" in planned.stdout


def test_every_export_side_comes_before_the_first_run_side(other, tmp_path):
    (tmp_path / "matrices/mine.toml").write_text(FACTORED)
    noxfile = tmp_path / "noxfile.py"
    say = "import matrixscan.commands\ndef say(_request, cell, _listener): print('AT', cell, flush=True)\n"
    say += "matrixscan.commands.scan_cell = say\n"
    noxfile.write_text(noxfile.read_text().replace("matrixscan.nox.register", f"{say}matrixscan.nox.register", 1))
    ids = [name.partition("(")[2].rstrip(")") for name in SIDES]

    def order(*words):
        done = other(*words)
        assert "Traceback" not in done.stderr, done.stderr
        return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("AT ")]

    assert order("-s", "scan") == ids
    assert order("-s", SIDES[2]) == ids[:3]
    assert order("--no-dependencies", "-s", SIDES[3]) == ids[3:]
    assert order("-s", "scan", "--", "mine", "--exclude", "*1.12.1*") == [ids[0], *ids[2:]]
