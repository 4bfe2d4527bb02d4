"""The scripts of the workflows, run: scans in shards with the real commands, the rest with a stand-in for GitHub's."""

import json
import shutil
import sys

import pytest
from workflow_files import ACTION, ROOT, Machine, program, read

GIVEN = "given"  # not a real one
NOXFILE = 'import matrixscan.nox\n\nmatrixscan.nox.register("matrices/tiny.toml")\n'
#: What an artifact of each kind holds, as the workflow says and `actions/upload-artifact` does.
PATHS = {"cells": (".matrixscan/measured/{name}", "reports/{name}"), "store": (".matrixscan/{name}/store",)}


@pytest.fixture
def programs(tmp_path):
    for name in ("nox", "matrixscan"):
        program(tmp_path / "bin", name, f'#!/bin/sh\nexec "{sys.executable}" -m {name} "$@"\n')
    return tmp_path / "bin"


@pytest.fixture
def machines(scanned, programs, tmp_path):
    """Machines with a checkout each, in which an earlier scan of everything is published."""
    shutil.rmtree(scanned.root / ".matrixscan")
    (scanned.root / "noxfile.py").write_text(NOXFILE)

    def machine(name, matrix, probe=""):
        folder = tmp_path / "machines" / name
        shutil.copytree(scanned.root, folder)
        return Machine(folder, programs, MATRIX=matrix, PROBE=probe)

    return machine


def hand_over(machine, kind, name, target):
    for path in PATHS[kind]:
        source = machine.folder / path.format(name=name)
        if source.is_dir():
            shutil.copytree(source, target / path.format(name=name), dirs_exist_ok=True)


def cut(machine, count):
    done = machine.step("scan", "plan", "Cut the sessions into shards", SHARDS=str(count))
    assert done.returncode == 0, done.stderr
    found = machine.outputs
    shards = {key: json.loads(found[key])["include"] if found[key] else [] for key in ("exports", "cells")}
    return found["name"], shards


def measure(machine, job, shard):
    done = machine.step("scan", job, "Measure", SESSIONS=shard["sessions"], CELLS=shard["cells"])
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def merge(machine, artifacts):
    assert machine.step("scan", "merge", "Forget what an earlier scan published").returncode == 0
    if artifacts.is_dir():
        shutil.copytree(artifacts, machine.folder, dirs_exist_ok=True)
    reported = machine.step("scan", "merge", "Report")
    code = machine.outputs["code"]
    assert reported.returncode == 0, reported.stdout + reported.stderr
    annotated = machine.step("scan", "merge", "Annotate the run")
    assert annotated.returncode == 0, annotated.stderr
    return code, annotated.stdout, machine.step("scan", "merge", "End as the report did", CODE=code).returncode


def verdicts(folder, name):
    found = json.loads((folder / "reports" / name / "results.json").read_text())["cells"]
    return {cell["id"]: (cell["verdict"], cell["verdicts"]) for cell in found}


def test_a_shard_that_died_leaves_unknown_and_not_what_was_published_before(scanned, machines, tmp_path):
    before = verdicts(scanned.root, "joint")
    assert {verdict for verdict, _ in before.values()} <= {"good", "bad"}
    name, shards = cut(machines("plan", "joint"), 2)
    assert (name, shards["exports"]) == ("joint", [])
    first, second = shards["cells"]
    assert first["title"] == "1 of 2, torch 900.1"

    machine = machines("first", "joint")
    measure(machine, "cells", first)
    own, dead = set(first["cells"].split()), set(second["cells"].split())
    assert {path.stem for path in machine.folder.glob("reports/joint/records/*")} == own
    assert {path.stem for path in machine.folder.glob("reports/joint/locks/*")} == own
    hand_over(machine, "cells", name, tmp_path / "artifacts")
    # The second machine is gone after it began and before it measured; what it leaves is handed over all the same.
    machine = machines("second", "joint")
    machine.step("scan", "cells", "Measure", SESSIONS="cell(no-such-session)", CELLS=second["cells"])
    hand_over(machine, "cells", name, tmp_path / "artifacts")

    machine = machines("merge", "joint")
    code, said, left_with = merge(machine, tmp_path / "artifacts")
    after = verdicts(machine.folder, "joint")
    assert {cell: after[cell] for cell in own} == {cell: before[cell] for cell in own}
    assert {after[cell][0] for cell in dead} == {"unknown"}
    assert {verdict for cell in dead for verdict in after[cell][1].values()} == {"unknown"}
    assert (code, left_with) == ("0", 0)
    for cell in dead:
        assert f"::warning file=matrices/joint.toml,title={cell} is unknown::unknown: not run\n" in said
    assert "4 combinations of joint: " in machine.summary.read_text()
    assert "2 unknown" in machine.summary.read_text()
    assert "unknown: not run" in machine.summary.read_text()


def test_a_scan_of_which_nothing_arrived_ends_with_the_code_for_that(machines, tmp_path):
    machine = machines("merge", "joint")
    code, said, left_with = merge(machine, tmp_path / "nothing")
    assert (code, left_with) == ("4", 4)
    assert said.count("::warning ") == 4
    assert not list(machine.folder.glob("reports/joint/constraints-*"))


def test_what_is_expected_to_be_good_and_was_not_measured_is_an_error(machines, tmp_path):
    machine = machines("merge", "joint")
    matrix = machine.folder / "matrices/joint.toml"
    name = "py38-torch900.1-onnx900.1-ort900.1"
    matrix.write_text(f'{matrix.read_text()}\n[expect]\ngood = [\n  "{name}",\n]\n')
    line = next(n for n, text in enumerate(matrix.read_text().splitlines(), 1) if name in text)
    code, said, left_with = merge(machine, tmp_path / "nothing")
    assert (code, left_with) == ("4", 4)
    assert f"::error file=matrices/joint.toml,line={line},title={name} is expected to be good and is unknown::" in said


def test_a_factored_matrix_goes_in_two_stages_and_a_dead_export_is_unknown(scanned, machines, tmp_path):
    before = verdicts(scanned.root, "tiny")
    name, shards = cut(machines("plan", "tiny"), 2)
    assert [len(shards[kind]) for kind in ("exports", "cells")] == [2, 2]
    artifacts = tmp_path / "artifacts"
    machine = machines("export", "tiny")
    measure(machine, "exports", shards["exports"][0])
    for kind in ("cells", "store"):
        hand_over(machine, kind, name, artifacts)
    for number, shard in enumerate(shards["cells"]):
        machine = machines(f"run{number}", "tiny")
        shutil.copytree(artifacts, machine.folder, dirs_exist_ok=True)
        measure(machine, "cells", shard)
        hand_over(machine, "cells", name, tmp_path / "all")
    hand_over(machines("nothing", "other"), "store", name, artifacts)
    shutil.copytree(artifacts, tmp_path / "all", dirs_exist_ok=True)
    machine = machines("merge", "tiny")
    merge(machine, tmp_path / "all")
    after = verdicts(machine.folder, "tiny")
    assert {name: after[name] for name in after if "torch900.1" in name} == {
        name: before[name] for name in before if "torch900.1" in name
    }
    assert {verdict for name, (verdict, _) in after.items() if "torch900.2" in name} == {"unknown"}


def test_a_probe_alone(machines, tmp_path):
    machine = machines("plan", "joint", "good")
    name, shards = cut(machine, 1)
    assert len(shards["cells"]) == 1
    shard = {"sessions": shards["cells"][0]["sessions"].split()[0], "cells": shards["cells"][0]["cells"].split()[0]}
    measure(machine, "cells", shard)
    hand_over(machine, "cells", name, tmp_path / "artifacts")
    code, _, _ = merge(machines("merge", "joint", "good"), tmp_path / "artifacts")
    assert code == "0"


@pytest.mark.parametrize("matrix", ["nosuch", "$(touch pwned)", "--help", "x; touch pwned"])
def test_a_wrong_matrix_ends_the_plan_and_starts_nothing(machines, matrix):
    machine = machines("plan", matrix)
    done = machine.step("scan", "plan", "Cut the sessions into shards", SHARDS="2")
    assert done.returncode != 0
    assert machine.outputs == {}
    assert not list(machine.folder.rglob("pwned"))


GH = """#!{python}
import json, os, sys
log = os.environ["GH_LOG"]
words = sys.argv[1:]
body = [open(words[i + 1]).read() for i, word in enumerate(words) if word == "--body-file"]
with open(log, "a") as file:
    file.write(json.dumps({{"words": words, "body": body, "token": bool(os.environ.get("GH_TOKEN"))}}) + "\\n")
answers = json.loads(os.environ["GH_ANSWERS"])
for start, answer in answers.items():
    if " ".join(words).startswith(start):
        if answer is None:
            sys.exit("HTTP 503")
        if "--dir" in words:
            os.makedirs(words[words.index("--dir") + 1])
        print(answer)
"""


@pytest.fixture
def github(tmp_path):
    """A machine with a stand-in for gh that keeps what it was told and answers as it is told."""
    programs = tmp_path / "bin"
    program(programs, "gh", GH.format(python=sys.executable))
    folder = tmp_path / "empty"
    folder.mkdir()
    log = tmp_path / "gh.log"

    class GitHub(Machine):
        def told(self):
            return [json.loads(line) for line in log.read_text().splitlines()]

    return GitHub(folder, programs, GH_LOG=str(log), GH_TOKEN=GIVEN, MATRIX="matrices/tiny.toml")


def open_issue(github, tmp_path, issues, changes="# Changes: tiny\n", name="tiny"):
    (tmp_path / "changes.md").write_text(changes)
    return github.step(
        "nightly",
        "issue",
        "Open or update the issue",
        GH_ANSWERS=json.dumps({"issue list": issues}),
        GH_TOKEN=GIVEN,
        NAME=name,
        CHANGES=str(tmp_path / "changes.md"),
        BODY=str(tmp_path / "body.md"),
    )


@pytest.mark.parametrize("issues", ["", "3 Nightly: other got worse\n4 Nightly: tiny got worse, says somebody"])
def test_a_first_regression_opens_an_issue(github, tmp_path, issues):
    done = open_issue(github, tmp_path, issues)
    assert done.returncode == 0, done.stderr
    label, listing, created = github.told()
    assert label["words"][:2] == ["label", "create"]
    assert listing["words"][:2] == ["issue", "list"]
    assert created["words"][:2] == ["issue", "create"]
    assert "Nightly: tiny got worse" in created["words"]
    assert "https://github.com/owner/project/actions/runs/900" in created["body"][0]
    assert "# Changes: tiny" in created["body"][0]


def test_a_further_regression_updates_the_open_issue_and_opens_no_other(github, tmp_path):
    done = open_issue(github, tmp_path, "3 Nightly: other got worse\n7 Nightly: tiny got worse")
    assert done.returncode == 0, done.stderr
    words = [told["words"][:3] for told in github.told()[2:]]
    assert words == [["issue", "edit", "7"], ["issue", "comment", "7"]]


def test_nothing_that_was_found_is_run_calls_people_or_is_too_long(github, tmp_path):
    changes = "$(touch pwned) `touch pwned` @everyone ::error::x \u00fc\n" + "\u00fc" * 200_000
    done = open_issue(github, tmp_path, "", changes, name="$(touch pwned)")
    assert done.returncode == 0, done.stderr
    (body,) = github.told()[-1]["body"]
    assert "@everyone" not in body
    assert "$(touch pwned) `touch pwned`" in body
    assert len(body) < 65536
    assert not list(tmp_path.rglob("pwned"))


def find(github, answers):
    state = github.folder / "state"
    done = github.step(
        "nightly", "history", "Find and fetch",
        GH_ANSWERS=json.dumps(answers), GH_TOKEN=GIVEN, BRANCH="main", STATE=str(state),
    )  # fmt: skip
    return done, state.is_dir()


def test_the_newest_night_that_left_something_goes_on(github):
    artifacts = "api repos/owner/project/actions/runs/{}/artifacts?name=nightly-state-tiny"
    answers = {
        "run list": "800\n700",
        "run download": "",
        **{artifacts.format(n): c for n, c in ((900, "0"), (800, "0"), (700, "1"))},
    }
    done, there = find(github, answers)
    assert (done.returncode, there) == (0, True), done.stderr
    assert github.outputs == {"name": "tiny", "found": "true"}
    told = [told["words"] for told in github.told()]
    assert told[-1][:3] == ["run", "download", "700"]
    assert "nightly-state-tiny" in told[-1]
    assert told[0][told[0].index("--workflow") + 1] == "nightly.yml"


def test_the_first_night_has_nothing_to_go_on_from(github):
    done, there = find(github, {"run list": "", "api": "0"})
    assert (done.returncode, there) == (0, False), done.stderr
    assert github.outputs == {"name": "tiny", "found": "false"}


@pytest.mark.parametrize("answers", [{"run list": None}, {"run list": "800", "api": None}])
def test_a_history_that_cannot_be_asked_for_ends_the_night(github, answers):
    done, _ = find(github, answers)
    assert done.returncode != 0
    assert "found" not in github.outputs


def test_what_a_night_leaves_is_there_in_the_next(programs, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    kept = {
        ".matrixscan/history.sqlite": "history",
        ".matrixscan/tiny/some-cell/done.json": "{}",
        ".matrixscan/measured/tiny/records/a.json": "record",
        "reports/tiny/table.md": "new",
        "matrices/tiny.lock.json": "lock",
    }
    lost = {".matrixscan/tiny/some-cell/env/x": "", ".matrixscan/tiny/store/y": "", "matrices/tiny.toml": "m"}
    for path, text in (kept | lost).items():
        (first / path).parent.mkdir(parents=True, exist_ok=True)
        (first / path).write_text(text)
    for path in ("reports/tiny/constraints-gone.txt", "reports/tiny/table.md", "reports/other/table.md"):
        (second / path).parent.mkdir(parents=True, exist_ok=True)
        (second / path).write_text("old")
    packed = tmp_path / "packed"
    done = Machine(first, programs).step(
        "nightly", "nightly", "Pack what the next night needs", NAME="tiny", PACKED=str(packed)
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in packed.iterdir()] == ["state.tar.gz"]
    done = Machine(second, programs).step("nightly", "nightly", "Go on from there", STATE=str(packed))
    assert done.returncode == 0, done.stderr
    found = {path.relative_to(second).as_posix(): path.read_text() for path in second.rglob("*") if path.is_file()}
    assert found == kept | {"reports/other/table.md": "old"}


def test_a_night_that_left_nothing_packs_all_the_same(programs, tmp_path):
    (tmp_path / "empty").mkdir()
    machine = Machine(tmp_path / "empty", programs)
    packed = tmp_path / "packed"
    done = machine.step("nightly", "nightly", "Pack what the next night needs", NAME="tiny", PACKED=str(packed))
    assert done.returncode == 0, done.stderr


def test_a_night_goes_on_on_another_machine(machines, tmp_path):
    name = "py38-torch900.1-onnx900.1-ort900.1"

    def night(folder):
        machine = machines(folder, "joint")
        (machine.folder / f"reports/joint/records/{name}.json").unlink()
        if (tmp_path / "packed").is_dir():
            unpacked = machine.step("nightly", "nightly", "Go on from there", STATE=str(tmp_path / "packed"))
            assert unpacked.returncode == 0, unpacked.stderr
        done = machine.step("nightly", "nightly", "Measure what is new", MATRIXSCAN_HISTORY="")
        assert machine.outputs == {"code": "0"}, done.stdout + done.stderr
        packed = str(tmp_path / "packed")
        assert machine.step("nightly", "nightly", "Annotate the run", NAME="joint").returncode == 0
        left = machine.step("nightly", "nightly", "Pack what the next night needs", NAME="joint", PACKED=packed)
        assert left.returncode == 0, left.stderr
        return done.stdout

    assert f"] {name}  install" in night("first")
    said = night("second")
    assert "joint: nothing new" in said
    assert "install" not in said


@pytest.mark.parametrize("code", [0, 1, 4])
def test_a_night_ends_with_its_own_code(programs, tmp_path, code):
    (tmp_path / "empty").mkdir()
    program(programs, "nox", f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/words"\nexit {code}\n')
    machine = Machine(tmp_path / "empty", programs, MATRIX="tiny")
    done = machine.step("nightly", "nightly", "Measure what is new", MATRIXSCAN_HISTORY="")
    assert done.returncode == 0
    assert machine.outputs == {"code": str(code)}
    assert (tmp_path / "words").read_text().split() == ["--session", "nightly", "--", "tiny", "--reclaim"]
    assert machine.step("nightly", "nightly", "End as the night did", CODE=str(code)).returncode == code
    assert machine.step("nightly", "nightly", "End as the night did", CODE="").returncode == 4


@pytest.fixture
def action(tmp_path):
    """The main step of the action with a stand-in for matrixscan."""
    tool = tmp_path / "tool"
    text = f'#!/bin/sh\nprintf "%s\\n" "$*" >> "{tmp_path}/words"\necho "said: it\'s"\nexit "$ENDS"\n'
    program(tool / "bin", "python", text)
    (tmp_path / "checkout").mkdir()
    step = next(step for step in read(ACTION)["runs"]["steps"] if step.get("id") == "run")
    given = dict.fromkeys(("REQUIREMENTS", "MATRIX", "PROBE", "REPORTS", "ARGUMENTS", "ALLOWED"), "")

    def run(code=0, **more):
        machine = Machine(tmp_path / "checkout", tool / "bin", TOOL=str(tool), GITHUB_ACTION_PATH="/action")
        done = machine.run(step["run"], ENDS=str(code), **(given | more))
        told = tmp_path / "words"
        words = told.read_text().splitlines() if told.is_file() else []
        return done, machine, [line.removeprefix("-I -m matrixscan ") for line in words]

    assert set(given) | {"TOOL"} == set(step["env"])
    return run


@pytest.mark.parametrize(
    ("code", "verdict"), [(0, "good"), (1, "bad"), (5, "untested"), (2, "unknown"), (130, "unknown")]
)
def test_the_action_checks_pins(action, code, verdict):
    done, machine, words = action(code, REQUIREMENTS="a.txt\n\n b c.txt \n", ARGUMENTS="--python 3.11", PROBE="x")
    assert done.returncode == code, done.stderr
    assert machine.outputs == {"verdict": verdict, "code": str(code), "reports": "/action/reports"}
    assert words[0] == "check --python 3.11 --probe=x --reports=/action/reports --format=github -- a.txt b c.txt"
    assert "said: it's" in machine.summary.read_text()


@pytest.mark.parametrize(("torch", "verdict", "code"), [("1.11.0", "good", 0), ("1.10.0", "untested", 5)])
def test_the_action_asks_what_comes_with_it(tmp_path, torch, verdict, code):
    program(tmp_path / "tool/bin", "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout/pins.txt").write_text(f"torch=={torch}\nonnx==1.14.1\nonnxruntime==1.16.1\n")
    machine = Machine(tmp_path / "checkout", tmp_path, TOOL=str(tmp_path / "tool"), GITHUB_ACTION_PATH=str(ROOT))
    step = next(step for step in read(ACTION)["runs"]["steps"] if step.get("id") == "run")
    given = {"MATRIX": "default", **dict.fromkeys(("PROBE", "REPORTS", "ALLOWED"), "")}
    done = machine.run(step["run"], REQUIREMENTS="pins.txt", ARGUMENTS="--python 3.8", **given)
    assert (machine.outputs["verdict"], done.returncode) == (verdict, code), done.stdout + done.stderr
    assert done.stdout.startswith("::")
    assert "torch" in machine.summary.read_text()


def test_the_action_never_calls_untested_pins_good(action):
    done, machine, _ = action(5, REQUIREMENTS="a.txt", ALLOWED="true")
    assert (done.returncode, machine.outputs["verdict"], machine.outputs["code"]) == (0, "untested", "5")
    done, machine, _ = action(1, REQUIREMENTS="a.txt", ALLOWED="true")
    assert (done.returncode, machine.outputs["verdict"]) == (1, "bad")


def test_the_action_refuses_what_would_hide_that_pins_are_untested(action):
    done, machine, words = action(0, REQUIREMENTS="a.txt", ARGUMENTS="--python 3.11 --allow-untested")
    assert (done.returncode, machine.outputs, words) == (2, {}, [])
    assert "::error" in done.stdout


@pytest.mark.parametrize(("code", "verdict"), [(0, "expected"), (1, "unexpected"), (4, "unknown"), (3, "unknown")])
def test_the_action_scans_where_no_pins_are_given(action, code, verdict):
    done, machine, words = action(code, MATRIX="matrices/mine.toml")
    assert done.returncode == code, done.stderr
    assert machine.outputs["verdict"] == verdict
    assert machine.outputs["reports"].endswith("/checkout/reports/mine")
    assert words == ["scan -- matrices/mine.toml", *(["annotate -- matrices/mine.toml"] if code in {0, 1, 4} else [])]
