"""Diagnoses of one combination: what is asked again, what is kept, what is drawn. The harness is played."""

import msgspec
import numpy as np
import pytest

from matrixscan.execution import diagnose as module
from matrixscan.execution.diagnose import diagnose_cases
from matrixscan.harness.protocol import EVENTS_FILE
from matrixscan.records.events import append_event, read_events
from matrixscan.store.diagnoses import Diagnoses

FIRST = {"module": "block", "module_type": "Block", "operation": "avg_pool1d", "arguments": {"ceil_mode": True}}
FIRST |= {"call": 1, "nodes": [], "node": None, "error_before": 0.0, "error_after": 0.5}
CURVE = [{"label": "relu", "call": 0, "error": 0.0}, {"label": "avg_pool1d", "call": 1, "error": 0.5}]


class Harness:
    """Plays the harness: fails every case at the comparison and keeps what it was asked."""

    def __init__(self):
        self.asked, self.limits = [], []

    def __call__(self, *given):
        _, _, request, folder, limits, _, _ = given
        self.asked.append([case["id"] for case in request["cases"]])
        self.limits.append((limits.case_seconds, request["mode"], request["store"]))
        events = folder / EVENTS_FILE
        append_event(events, {"event": "start"})
        append_event(events, {"event": "hello"})
        passed = {"outcome": "passed", "seconds": 0.1, "resolved": {"numpy": "1.24.4"}, "platform": {}}
        append_event(events, {"event": "stage", "stage": "import"} | passed)
        for case in request["cases"]:
            self._one(events, folder, case["id"])

    def _one(self, events, folder, case):
        append_event(events, {"event": "case", "case": case, "state": "started"})
        error = {"type": "Nowhere", "message": f"look at {folder}/x.onnx"}
        step = {"reproduced": True, "stage": "compare", "first": FIRST, "curve": CURVE, "error": error}
        append_event(events, {"event": "diagnosis", "case": case} | step)
        arrays = folder / "diagnosis" / (case.replace("/", "~") + ".npz")
        arrays.parent.mkdir(exist_ok=True)
        np.savez(arrays, expected=np.arange(24.0).reshape(2, 3, 4), actual=np.arange(24.0).reshape(2, 3, 4) + 1)
        end = {"state": "done", "outcome": "failed", "stage": "compare", "reason": "mismatch"}
        append_event(events, {"event": "case", "case": case} | end)


@pytest.fixture(autouse=True)
def harness(monkeypatch):
    played = Harness()
    monkeypatch.setattr(module, "run_harness", played)
    return played


def diagnose(project, **options):
    task = project.task(**options)
    task = msgspec.structs.replace(task, selected=tuple(case for case in task.selected if case.probe == "one"))
    return diagnose_cases(task, project.root / "reports", project.notices.append)


def test_each_case_is_diagnosed_once(project, harness):
    record = diagnose(project)
    assert [len(asked) for asked in harness.asked] == [2]
    assert harness.limits == [(600.0, "diagnose", None)]
    assert [diagnosis.first.operation for diagnosis in record.diagnoses] == ["avg_pool1d"] * 2
    assert record.resolved == {"numpy": "1.24.4"}
    assert diagnose(project) == record
    assert len(harness.asked) == 1
    assert not (project.work / "env").exists()
    assert not list(project.work.glob("diagnoses/*"))


def test_a_changed_probe_is_diagnosed_again_and_so_is_what_is_asked_for(project, harness):
    diagnose(project)
    diagnose(project, fresh=True)
    project.probe("one", build="raise RuntimeError('another model')")
    diagnose(project)
    assert [len(asked) for asked in harness.asked] == [2, 2, 2]


def test_what_is_missing_is_added_to_what_is_known(project, harness):
    record = diagnose(project)
    published = Diagnoses(project.root / "reports", "cheap")
    published.write(type(record)(**{**_fields(record), "diagnoses": record.diagnoses[1:]}))
    assert diagnose(project).diagnoses == record.diagnoses
    assert harness.asked[1] == [record.diagnoses[0].case]


def test_where_the_time_is_over_nothing_is_begun(project, harness, monkeypatch):
    monkeypatch.setattr(module.time, "time", iter([0.0, 1e6]).__next__)
    assert diagnose(project).diagnoses == ()
    assert harness.asked == []


def test_pictures_are_named_and_nothing_names_this_machine(project):
    record = diagnose(project)
    pictures = record.diagnoses[0].pictures
    assert sorted(pictures) == ["curve", "histogram", "values"]
    assert record.diagnoses[1].pictures == {}  # the other size of the same model shows the same
    for name in pictures.values():
        assert (project.root / "reports/cheap" / name).stat().st_size > 100
    text = (project.root / "reports/cheap/diagnoses" / f"{record.id}.json").read_text()
    assert str(project.root) not in text
    assert "look at <work>" in text


def test_an_environment_that_cannot_be_had_leaves_what_is_known(project, harness):
    project.matrix(numpy="1.24.4", nosuchpackage="1.0")
    assert diagnose(project) is None
    assert harness.asked == []


def test_a_process_that_died_while_it_kept_arrays_costs_the_picture(project, monkeypatch):
    monkeypatch.setattr(np, "savez", lambda path, **_: path.write_bytes(b"PK"))
    assert sorted(diagnose(project).diagnoses[0].pictures) == ["curve"]


def test_a_probe_comes_again_after_the_others(project):
    case = project.task().selected[0]
    cases = [type(case)(**{**_fields(case), "probe": name}) for name in "abcabbca"]
    rounds = [[one.probe for one in group] for group in module._rounds(cases)]
    assert rounds == [["a", "b", "c"], ["a", "b", "b", "c"], ["a"]]


def test_no_event_is_left_for_the_next_time(project):
    diagnose(project)
    assert read_events(project.work / "diagnoses" / EVENTS_FILE) == []


def _fields(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
