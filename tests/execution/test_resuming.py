"""What is done again, what is kept, and what a record then says."""

import json
import signal
import subprocess
import sys
import time

import pytest

from matrixscan.analysis.judge import judge_record
from matrixscan.environment import process
from matrixscan.execution.executors import serial, threads

EVERYTHING = ["resolve", "install", "import"]


def test_a_cell_is_measured_once(project):
    record = project.scan()
    assert project.worked_on == EVERYTHING
    assert [(stage.stage, stage.outcome) for stage in record.stages] == [(stage, "passed") for stage in EVERYTHING]
    assert {case.outcome for case in record.cases} == {"failed"}
    assert {case.error.type for case in record.cases} == {"RuntimeError"}
    assert [case.size for case in record.cases] == [{"n": 2}, {"n": 3}]
    assert record.resolved["python"].startswith("3.8.")
    assert (record.resolved["numpy"], record.lock.torch_index) == ("1.24.4", "pypi")
    assert project.scan() == record
    assert project.worked_on == []


def test_nothing_is_left_behind_but_what_was_asked_for(project):
    project.scan()
    assert not (project.work / "env").exists()
    assert not list(project.work.glob("runs/*/artifacts"))
    project.scan(fresh=True, keep_env=True)
    assert (project.work / "env/bin/python").exists()


def test_reports_hold_nothing_of_this_machine(project):
    project.probe("one", build="print(__file__); raise OSError(__file__)")
    project.scan()
    for path in (project.root / "reports").rglob("*"):
        if path.is_file():
            assert str(project.root) not in path.read_text(), path
    assert "OSError" in project.record_path.read_text()


def test_a_deleted_record_redoes_the_cell(project):
    project.scan()
    project.record_path.unlink()
    project.scan()
    assert project.worked_on == EVERYTHING
    assert project.record_path.is_file()


@pytest.mark.parametrize(
    "edit", [lambda text: text.replace('"failed"', '"passed"'), lambda _: "{", lambda _: "", lambda text: text + " "]
)
def test_an_edited_record_redoes_the_cell(project, edit):
    first = project.scan()
    project.record_path.write_text(edit(project.record_path.read_text()))
    again = project.scan()
    assert project.worked_on == EVERYTHING
    assert [case.outcome for case in again.cases] == [case.outcome for case in first.cases]
    assert project.record_path.read_text().count('"failed"') >= 2


def test_a_record_that_came_with_a_clone_is_measured_for_oneself(project):
    project.scan()
    (project.root / ".matrixscan").rename(project.root / "elsewhere")
    project.scan()
    assert project.worked_on == EVERYTHING


def test_fresh_redoes_the_cell_with_the_same_lock(project):
    first = project.scan()
    again = project.scan(fresh=True)
    assert project.worked_on == EVERYTHING
    assert again.lock == first.lock


def test_a_lock_is_used_again_and_relock_asks_anew(project, monkeypatch):
    project.scan()
    asked = []
    real = process.run

    def run(command, **more):
        asked.extend(["compile"] if "compile" in command else [])
        return real(command, **more)

    monkeypatch.setattr(process, "run", run)
    project.scan(fresh=True)
    assert asked == []
    project.scan(relock=True)
    assert asked == ["compile"]
    assert project.worked_on == EVERYTHING


def test_a_lock_of_another_question_is_not_used(project):
    project.scan()
    path = project.lock_path
    good = path.read_text()
    path.write_text(good.replace("matrixscan-inputs: ", "matrixscan-inputs: 0"))
    project.scan()
    assert path.read_text() == good


def test_a_damaged_lock_is_resolved_again(project):
    project.scan()
    path = project.lock_path
    good = path.read_text()
    for bad in (good[:-1], good[: good.index("\niniconfig") + 1], good.replace("sha256:", "sha256:x")):
        path.write_text(bad)
        project.scan()
        assert path.read_text() == good


@pytest.mark.parametrize("table", ["[limits]\ncase-seconds = 99\n", "[tolerances]\natol = 0.5\n"])
def test_other_limits_or_tolerances_are_another_question(project, table):
    project.scan()
    project.matrix(tables=table)
    project.scan()
    assert project.worked_on == EVERYTHING


def test_a_changed_probe_is_measured_again_and_the_other_is_not(project):
    project.probe("two")
    project.matrix(probes=("one", "two"))
    before = {case.id: case for case in project.scan().cases}
    project.probe("two", build="raise ArithmeticError('new')")
    after = {case.id: case for case in project.scan().cases}
    assert before.keys() == after.keys()
    assert {case.error.type for case in after.values() if case.probe == "two"} == {"ArithmeticError"}
    assert all(after[name] == case for name, case in before.items() if case.probe == "one")


def test_selecting_other_probes_carries_earlier_cases_over(project):
    project.probe("two")
    project.matrix(probes=("one", "two"))
    first = project.scan(probes=["one"])
    assert {case.probe for case in first.cases} == {"one"}
    assert judge_record(first).verdict == "bad"
    second = project.scan(probes=["two"])
    assert [case for case in second.cases if case.probe == "one"] == list(first.cases)
    assert {case.probe for case in second.cases} == {"one", "two"}
    project.scan()
    assert project.worked_on == []


def test_a_probe_without_its_packages_is_skipped_and_the_others_go_on(project):
    project.probe("two", dependencies=["numpy<1.20"])
    project.wheel("scanhelper")
    project.probe("three", dependencies=["scanhelper==99.0"])
    project.probe("four", more="# no-deps = true\n", dependencies=["numpy>=1.99"])
    project.matrix(probes=("one", "two", "three", "four"))
    record = project.scan()
    found = {case.probe: (case.stage, case.outcome, case.reason) for case in record.cases}
    assert found.pop("one") == ("build", "failed", "error")
    assert found == dict.fromkeys(("two", "three", "four"), ("build", "skipped", "requirement"))
    kinds = {case.probe: case.error.type for case in record.cases if case.probe != "one"}
    assert kinds.pop("three") in {"ResolverConflict", "NoSuchRelease"}
    assert kinds == {"two": "AxisConflict", "four": "AxisConflict"}
    words = {case.error.message for case in record.cases if case.probe == "two"}
    assert words == {"the probe asks for numpy<1.20, this combination has numpy 1.24.4"}
    project.scan()
    assert project.worked_on == []


def test_a_probe_gets_the_packages_that_are_meant_for_its_python(project):
    for version in ("1.0", "2.0"):
        project.wheel("scanhelper", version, source=f"WORD = 'helped by {version}'")
    asked = ["scanhelper==1.0; python_version < '3.9'", "scanhelper==2.0; python_version >= '3.9'"]
    project.probe("one", build="import scanhelper; raise RuntimeError(scanhelper.WORD)", dependencies=asked)
    path = project.root / "probes/one.py"
    lines = f"# dependencies = {json.dumps(asked)}"
    text = path.read_text().splitlines()
    path.write_text("\n".join(lines if line.startswith("# dependencies") else line for line in text) + "\n")
    record = project.scan()
    assert {(case.outcome, case.error.message) for case in record.cases} == {("failed", "helped by 1.0")}
    assert record.probes["one"].requirements == ("scanhelper==1.0",)


def test_the_only_probe_without_its_packages_is_a_finding_too(project):
    project.probe("one", dependencies=["iniconfig==99.0"])
    project.matrix(numpy="1.24.4")
    record = project.scan()
    assert all(stage.outcome == "passed" for stage in record.stages)
    assert [(case.stage, case.outcome, case.reason) for case in record.cases] == [
        ("build", "skipped", "requirement")
    ] * 2
    assert judge_record(record).verdict == "unknown"


def test_a_probes_python_is_a_requirement(project):
    path = project.root / "probes/one.py"
    path.write_text(path.read_text().replace(">=3.8", ">=3.12"))
    record = project.scan()
    assert {(case.outcome, case.reason, case.error.type) for case in record.cases} == {
        ("skipped", "requirement", "RequiresPython")
    }


def test_a_network_that_comes_back_gives_a_probe_its_packages(project, monkeypatch):
    project.wheel("scanhelper", source="WORD = 'helped'")
    project.probe("one", build="import scanhelper; raise RuntimeError(scanhelper.WORD)", dependencies=["scanhelper"])
    real = process.run

    def unreachable(command, **more):
        if "compile" in command and more["text"] == "scanhelper\n":
            return process.Finished(2, "", "error: Failed to fetch: `https://x`", 1.0, timed_out=False)
        return real(command, **more)

    with monkeypatch.context() as patch:
        patch.setattr(process, "run", unreachable)
        record = project.scan()
    assert {(case.outcome, case.reason) for case in record.cases} == {("infra", "requirement")}
    again = project.scan()
    assert {(case.outcome, case.error.message) for case in again.cases} == {("failed", "helped")}
    assert again.probes["one"].requirements == ("scanhelper==1.0",)
    assert again.resolved["numpy"] == "1.24.4"
    # A scan of another probe does not forget what these cases were measured with.
    project.probe("two")
    project.matrix(probes=("one", "two"))
    assert project.scan(probes=["two"]).probes["one"].requirements == ("scanhelper==1.0",)


def test_a_probe_that_kills_or_hangs_its_process_costs_its_own_cases(project):
    project.probe("two", build="import os; os.kill(os.getpid(), 11)")
    project.probe("three", build="import time; time.sleep(60)", more="# case-seconds = 2\n")
    project.probe("four", build="import os; os._exit(0)")
    project.matrix(probes=("two", "three", "four", "one"))
    record = project.scan()
    found = {case.probe: (case.stage, case.outcome, case.error.type) for case in record.cases}
    assert found == {
        "one": ("build", "failed", "RuntimeError"),
        "two": ("build", "crashed", "SIGSEGV"),
        "three": ("build", "timed_out", "Timeout"),
        "four": ("build", "crashed", "ProcessExit"),
    }
    assert len(record.cases) == 8


def test_a_scan_that_was_interrupted_goes_on_where_it_stopped(project):
    project.probe("two", build="raise KeyError(2)")
    project.matrix(probes=("one", "two"))
    task = project.task()

    class Interrupt(BaseException):
        pass

    def interrupt(notice):
        if "one/" in notice.text:
            raise Interrupt

    from matrixscan.execution.run_task import run_task

    with pytest.raises(Interrupt):
        run_task(task, interrupt)
    (events,) = project.work.glob("runs/*/events.jsonl")
    with events.open("ab") as stream:
        stream.write(b'{"event": "case", "sta')
    record = project.scan()
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    started = [line["case"] for line in lines if line["event"] == "case" and line["state"] == "started"]
    assert len(started) <= len(record.cases) + 1
    assert {case.outcome for case in record.cases} == {"failed"}
    assert len(record.cases) == 4


@pytest.mark.parametrize("executor", [serial, threads])
def test_a_cell_that_cannot_be_recorded_does_not_end_the_others(project, monkeypatch, executor):
    project.matrix(iniconfig="99.0", first={"python": "3.8", "iniconfig": "98.0"})
    from matrixscan import commands
    from matrixscan.execution import run_task

    def assemble(run):
        if run.task.cell.id.endswith("98.0"):
            raise ZeroDivisionError("a bug of matrixscan")
        return real(run)

    real = run_task.assemble
    monkeypatch.setattr(run_task, "assemble", assemble)
    request = commands.Request("cheap")
    tasks = commands.tasks(request, commands.load_plans(request))
    records = executor(tasks, project.notices.append, 2)
    assert [record.id for record in records] == ["py38-iniconfig99.0"]
    (notice,) = (notice for notice in project.notices if notice.stage == "infra")
    assert (notice.cell, notice.text) == ("py38-iniconfig98.0", "ZeroDivisionError: a bug of matrixscan")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_a_scan_of_several_cells_at_once(project, number):
    project.probe("one", build="import time; time.sleep(600)")
    project.matrix(first={"python": "3.8", "iniconfig": "1.1.1", "numpy": "1.24.4", "faketensors": "1.0"})
    command = [sys.executable, "-m", "matrixscan", "scan", "cheap", "-j", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as scan:
        until = time.monotonic() + 60

        def building():
            logs = project.root.glob(".matrixscan/cheap/*/runs/*/events.jsonl")
            return len([log for log in logs if '"stage":"build"' in log.read_text().replace(" ", "")]) == 2

        while not building():
            assert time.monotonic() < until
            time.sleep(0.05)
        began = time.monotonic()
        scan.send_signal(number)
        words = scan.communicate(timeout=20)[1]
    assert time.monotonic() - began < 3
    assert (scan.returncode, words) == (130, "interrupted; the same command continues where this stopped\n")
    assert not list(project.root.glob("reports/*/records/*"))


def test_executors_return_records_in_the_order_of_the_tasks(project):
    project.matrix(iniconfig="99.0", first={"python": "3.8", "iniconfig": "98.0"})
    from matrixscan import commands

    request = commands.Request("cheap")
    tasks = commands.tasks(request, commands.load_plans(request))
    names = [task.cell.id for task in tasks]
    assert len(names) == 2
    assert [record.id for record in threads(tasks, lambda _: None, 2)] == names
    assert [record.id for record in serial(tasks, lambda _: None, 1)] == names
