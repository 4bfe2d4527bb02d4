"""What ends an environment: each cause is its own stage, outcome and words, and only proof makes a verdict."""

import json
import re

import pytest

from matrixscan.analysis.judge import judge_record
from matrixscan.environment import process
from matrixscan.execution import stages


def last(record):
    return record.stages[-1]


def assert_tried_again(project):
    """Show that the cell is not vouched for and is worked on again."""
    project.scan()
    assert "resolve" in project.worked_on


def assert_settled(project):
    """Show that the cell is vouched for and nothing is done a second time."""
    before = project.record_path.read_bytes()
    project.scan()
    assert project.worked_on == []
    assert project.record_path.read_bytes() == before


def test_a_missing_interpreter_proves_nothing_about_the_combination(project):
    project.matrix(python="3.99")
    record = project.scan()
    assert [(stage.stage, stage.outcome) for stage in record.stages] == [("resolve", "skipped")]
    assert "No download found" in last(record).error.message
    assert judge_record(record).verdict == "unknown"
    assert_tried_again(project)


@pytest.mark.parametrize(
    ("axes", "kind", "words"),
    [
        ({"iniconfig": "99.0.0"}, "NoSuchRelease", "there is no version of iniconfig==99.0.0"),
        ({"requests": "2.31.0", "urllib3": "1.20"}, "ResolverConflict", "requests==2.31.0 depends on urllib3>=1.21.1"),
        ({"docopt": "0.6.2"}, "NoWheel", "docopt==0.6.2 has no usable wheels"),
    ],
)
def test_what_cannot_be_installed_together_is_bad_in_the_resolvers_words(project, axes, kind, words):
    project.matrix(**axes)
    record = project.scan()
    assert (last(record).stage, last(record).outcome, last(record).error.type) == ("resolve", "infeasible", kind)
    assert words in last(record).error.message
    assert (judge_record(record).verdict, judge_record(record).stage) == ("bad", "resolve")
    assert record.lock is None
    assert record.cases == ()
    assert_settled(project)


@pytest.mark.parametrize("setting", [("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple"), ("UV_OFFLINE", "1")])
def test_without_a_network_nothing_is_proven_and_nothing_vouched_for(project, monkeypatch, tmp_path, setting):
    with monkeypatch.context() as patch:
        patch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        patch.setenv("UV_HTTP_RETRIES", "0")
        patch.setenv(*setting)
        record = project.scan()
    assert (last(record).stage, last(record).outcome) == ("resolve", "infra")
    assert judge_record(record).verdict == "unknown"
    assert "127.0.0.1" not in project.record_path.read_text()
    again = project.scan()
    assert [(stage.stage, stage.outcome) for stage in again.stages][-1] == ("import", "passed")


def test_a_tampered_lock_is_refused_by_the_installation(project, monkeypatch, tmp_path):
    project.scan()
    path = project.lock_path
    path.write_text(re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, path.read_text()))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    record = project.scan()
    assert (last(record).stage, last(record).outcome, last(record).error.type) == ("install", "failed", "InstallError")
    assert "Hash mismatch" in last(record).error.message
    assert judge_record(record).verdict == "bad"


@pytest.mark.parametrize(
    ("words", "timed_out", "outcome"),
    [
        ("error: Failed to fetch: `https://x/y.whl`", False, "infra"),
        ("error: No space left on device (os error 28)", False, "infra"),
        ("error: Permission denied (os error 13)", False, "infra"),
        ("", True, "infra"),
        ("error: the wheel is invalid", False, "failed"),
    ],
)
def test_trouble_with_disk_or_network_while_installing_is_infrastructure(
    project, monkeypatch, words, timed_out, outcome
):
    project.scan()
    project.record_path.unlink()
    real = process.run

    def run(command, **more):
        if "sync" in command:
            return process.Finished(2, "", words, 1.0, timed_out=timed_out)
        return real(command, **more)

    with monkeypatch.context() as patch:
        patch.setattr(process, "run", run)
        record = project.scan()
    assert (last(record).stage, last(record).outcome) == ("install", outcome)
    assert judge_record(record).verdict == ("unknown" if outcome == "infra" else "bad")
    again = project.scan()
    assert (last(again).stage == "import") == (outcome == "infra")


def test_an_error_of_our_own_is_infrastructure_with_its_traceback(project, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("a bug of matrixscan")

    with monkeypatch.context() as patch:
        patch.setattr(stages, "find_interpreter", fail)
        record = project.scan()
    assert (last(record).outcome, last(record).error.type) == ("infra", "ZeroDivisionError")
    assert "Traceback" in last(record).log
    assert str(project.root) not in project.record_path.read_text()
    assert_tried_again(project)


@pytest.mark.parametrize(
    ("source", "outcome", "kind", "words"),
    [
        ("raise ImportError('libcudart.so.10 is missing')", "failed", "ImportError", "broken: libcudart.so.10"),
        ("__version__ = '7.7'", "failed", "VersionMismatch", "broken: asked for 1.0, imported 7.7"),
        ("import os; os.kill(os.getpid(), 11)", "crashed", "SIGSEGV", "ended by SIGSEGV"),
        ("import os; os._exit(0)", "crashed", "ProcessExit", "exit code 0"),
        ("import sys; sys.exit('bye')", "crashed", "ProcessExit", "exit code"),
        ("import time; time.sleep(60)", "timed_out", "Timeout", "gave up after 15 s"),
    ],
)
def test_packages_that_cannot_be_imported_fail_at_import(project, source, outcome, kind, words):
    project.wheel("broken", source=f"print('a word from the package', flush=True)\n{source}\n")
    # Long enough for a busy machine to start the process; only the one that hangs waits for it.
    project.matrix(numpy="1.24.4", broken="1.0", tables="[limits]\ncase-seconds = 15\n")
    record = project.scan()
    assert (last(record).stage, last(record).outcome, last(record).error.type) == ("import", outcome, kind)
    assert words in last(record).error.message
    assert "a word from the package" in last(record).log
    assert record.cases == ()
    assert judge_record(record).verdict == "bad"
    assert (judge_record(record).stage, judge_record(record).outcome) == ("import", outcome)
    assert_settled(project)


def test_a_harness_that_cannot_start_is_infrastructure_and_is_started_again(project):
    project.matrix(iniconfig="2.0.0")  # no numpy, which the harness needs
    for attempt in (1, 2):
        record = project.scan()
        assert (last(record).stage, last(record).outcome) == ("import", "infra")
        assert "numpy" in last(record).log
        (events,) = project.work.glob("runs/*/events.jsonl")
        starts = [line for line in events.read_text().splitlines() if json.loads(line)["event"] == "start"]
        assert len(starts) == attempt
    assert judge_record(record).verdict == "unknown"
