"""The workflows hold to their rules: pinned actions, few permissions, nothing of others in a script."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from workflow_files import ACTION, ROOT, WORKFLOWS, expressions, read, scripts, workflows

from matrixscan.plan.shards import Shard

FILES = [*sorted(WORKFLOWS.glob("*.yml")), ACTION]
#: What a job may do besides reading the repository, and why it has to; none of these runs anything of the project.
MAY = {
    ("nightly", "history"): {"actions": "read"},
    ("nightly", "pages"): {"pages": "write", "id-token": "write"},
    ("nightly", "issue"): {"issues": "write"},
}
JOBS = [(name, job) for name, workflow in workflows().items() for job in workflow["jobs"]]
RUNS = dict(scripts())


def job_of(place):
    return read(WORKFLOWS / f"{place[0]}.yml")["jobs"][place[1]]


def needs_of(job):
    found = job.get("needs", [])
    return [found] if isinstance(found, str) else found


def program(name):
    path = Path(sys.executable).with_name(name)
    found = str(path) if path.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_every_action_is_pinned_by_a_commit_that_says_its_version_and_is_the_same_everywhere():
    found = {}
    for file in FILES:
        for line in file.read_text().splitlines():
            match = re.match(r"\s*(?:- )?uses: (.*)", line)
            if match is None:
                continue
            pinned = re.fullmatch(r"([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", match.group(1))
            assert pinned, line
            project = "/".join(pinned.group(1).split("/")[:2])
            assert found.setdefault(project, pinned.group(2, 3)) == pinned.group(2, 3), line
    assert len(found) >= 6


@pytest.mark.parametrize("where", RUNS)
def test_no_script_has_an_expression_in_it(where):
    assert "${{" not in RUNS[where]


@pytest.mark.parametrize("place", JOBS, ids="/".join)
def test_a_job_may_read_the_repository_and_nothing_else_unless_it_is_listed(place):
    job = job_of(place)
    assert job["permissions"] == MAY.get(place, {"contents": "read"})
    assert job["timeout-minutes"] <= 360
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}


def test_workflows_give_no_permission_to_all_their_jobs():
    assert {name: workflow["permissions"] for name, workflow in workflows().items()} == {
        name: {} for name in ("ci", "nightly", "scan")
    }
    assert {name for name, workflow in workflows().items() if "concurrency" not in workflow} == set()


def test_only_the_issue_job_may_write_to_the_repository_and_no_code_of_the_project_runs_beside_a_token():
    writing = [place for place in JOBS if "write" in job_of(place)["permissions"].values()]
    assert writing == [("nightly", "pages"), ("nightly", "issue")]
    holding = [place for place in JOBS if "github.token" in str(job_of(place))]
    assert holding == [("nightly", "history"), ("nightly", "issue")]
    for place in {*writing, *holding}:
        words = str(job_of(place))
        for forbidden in ("actions/checkout@", "pip", "nox ", "matrixscan ", "python "):
            assert forbidden not in words, (place, forbidden)
    for name, workflow in workflows().items():
        assert "pull_request_target" not in workflow["on"], name


@pytest.mark.parametrize("place", JOBS, ids="/".join)
def test_what_a_job_takes_from_others_is_there(place):
    workflow = workflows()[place[0]]
    job = workflow["jobs"][place[1]]
    needs = needs_of(job)
    assert set(needs) <= workflow["jobs"].keys()
    text = str(job)
    for other, output in re.findall(r"needs\.([\w-]+)\.outputs\.([\w-]+)", text):
        assert other in needs
        assert output in workflow["jobs"][other]["outputs"], (other, output)
    for other in re.findall(r"needs\.([\w-]+)\.result", text):
        assert other in needs
    steps = {step["id"] for step in job["steps"] if "id" in step}
    assert set(re.findall(r"steps\.([\w-]+)\.", text)) <= steps
    fields = {field.encode_name for field in msgspec.structs.fields(Shard)}
    assert set(re.findall(r"matrix\.([\w-]+)", text)) <= fields
    called = workflow["on"].get("workflow_call", {}).get("inputs", {})
    asked = set(re.findall(r"inputs\.([\w-]+)", f"{text} {workflow.get('env')} {workflow.get('concurrency')}"))
    assert asked <= called.keys()


@pytest.mark.parametrize("name", ["scan", "nightly"])
def test_a_workflow_takes_the_same_whether_it_is_called_or_started(name):
    triggers = workflows()[name]["on"]
    assert triggers["workflow_dispatch"]["inputs"] == triggers["workflow_call"]["inputs"]


@pytest.mark.parametrize("name", sorted(workflows()))
def test_the_jobs_of_a_workflow_do_not_wait_in_a_circle(name):
    jobs = workflows()[name]["jobs"]
    done = set()
    while len(done) < len(jobs):
        ready = {job for job in jobs if job not in done and set(needs_of(jobs[job])) <= done}
        assert ready, jobs.keys() - done
        done |= ready


def test_the_merge_runs_whatever_became_of_the_shards():
    jobs = workflows()["scan"]["jobs"]
    assert needs_of(jobs["merge"]) == ["plan", "exports", "cells"]
    assert "always()" in jobs["merge"]["if"]
    assert "!cancelled()" in jobs["merge"]["if"]
    for name in ("exports", "cells"):
        assert jobs[name]["strategy"]["fail-fast"] is False
        assert "max-parallel" in jobs[name]["strategy"]
        kept = [step for step in jobs[name]["steps"] if "upload-artifact" in step.get("uses", "")]
        assert kept
        assert all(step["if"] == "${{ !cancelled() }}" for step in kept)
        # With one path the folders in the archive would begin below it, and could not be put into one checkout.
        assert len([step for step in kept if len(step["with"]["path"].split("\n")) > 2]) == 1
        measure = next(step for step in jobs[name]["steps"] if step.get("name") == "Measure")
        assert measure["timeout-minutes"] < jobs[name]["timeout-minutes"]
        assert measure["run"].index("matrixscan forget") < measure["run"].index("nox ")
    names = [step.get("name") for step in jobs["merge"]["steps"]]
    assert names.index("Forget what an earlier scan published") < names.index("Take what was measured")


def test_expressions_are_only_those_that_github_knows():
    contexts = "github|inputs|needs|matrix|steps|runner|vars|secrets|jobs"
    for file in FILES:
        for expression in expressions(file.read_text()):
            words = re.sub(r"'[^']*'", "", expression)
            for word in re.findall(r"[A-Za-z_][\w.-]*", words):
                known = re.fullmatch(rf"(?:{contexts})\.[\w.-]+|always|cancelled|fromJSON", word)
                assert known, (file.name, word)


def test_zizmor_finds_nothing():
    command = [program("zizmor"), "--offline", "--no-progress", "--pedantic", "--no-config", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("where", RUNS)
def test_shellcheck_finds_nothing(where):
    command = [program("shellcheck"), "--shell=bash", "-"]
    script = f"set -eo pipefail\n{RUNS[where]}"
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_lint_session_checks_the_workflows():
    assert '"zizmor"' in (ROOT / "noxfile.py").read_text()
