"""Joint plans: exports that are used again, and spot checks of factored matrices."""

import shutil

import msgspec
import pytest

from matrixscan import commands
from matrixscan.commands.request import load_plans
from matrixscan.errors import NothingSelectedError
from matrixscan.execution.task import Task

FIRST, SECOND = "py38-torch900.1-onnx900.1-ort900.1", "py38-torch900.1-onnx900.1-ort900.2"
OTHER = "py38-torch900.2-onnx900.1-ort900.1"
ONE_TORCH = {"python": ["3.8"], "torch": ["900.1"], "onnx": ["900.1"], "onnxruntime": ["900.1", "900.2"]}


def exports(place, cell, matrix="joint"):
    """Return where the exports of a combination came from, by case."""
    return [case.facts.get("export", "made") for case in place.record(cell, matrix).cases if case.outcome == "passed"]


def printed(place, cell, matrix="joint"):
    log = place.root / "reports" / matrix / "logs" / f"{cell}.log"
    return log.read_text().count("EXPORTED") if log.is_file() else 0


def test_rows_that_differ_in_their_runner_export_once_and_the_record_says_so(scanned):
    assert set(exports(scanned, FIRST)) == {"made"}
    assert set(exports(scanned, SECOND)) == {"from the store"}
    assert set(exports(scanned, OTHER)) == {"made"}
    # What fails leaves nothing to be used again, so it is tried in each.
    assert (printed(scanned, FIRST), printed(scanned, SECOND)) == (5, 1)
    artifacts = {
        cell: {case.id: case.facts.get("artifact") for case in scanned.record(cell, "joint").cases}
        for cell in (FIRST, SECOND)
    }
    assert artifacts[FIRST] == artifacts[SECOND]
    assert scanned.record(SECOND, "joint").evidence == "joint"


def test_a_fresh_scan_exports_in_each(scanned):
    scanned.scan("joint", fresh=True, cells=(FIRST, SECOND))
    assert set(exports(scanned, SECOND)) == {"made"}
    assert printed(scanned, SECOND) == 5


def test_a_changed_probe_exports_again(scanned):
    scanned.probe("good", comment="changed")
    scanned.scan("joint", cells=(SECOND,), probes=("good",))
    # One row alone shares with nobody; the two of them do.
    scanned.scan("joint", cells=(FIRST, SECOND))
    record = scanned.record(FIRST, "joint")
    assert {case.facts.get("export", "made") for case in record.cases if case.probe == "good"} == {"made"}


def test_an_artifact_that_the_store_lost_is_exported_again(scanned):
    for path in scanned.store("joint").glob("artifacts/*/*.onnx"):
        path.unlink()
    for cell in (FIRST, SECOND):
        (scanned.root / f".matrixscan/joint/{cell}/done.json").unlink()
        (scanned.root / f"reports/joint/records/{cell}.json").unlink()
    before = scanned.results("joint")
    scanned.scan("joint", cells=(FIRST, SECOND))
    assert set(exports(scanned, FIRST)) == {"made"}
    assert set(exports(scanned, SECOND)) == {"from the store"}
    assert [cell["verdicts"] for cell in scanned.results("joint")["cells"]] == [c["verdicts"] for c in before["cells"]]


def test_a_joint_sample_is_the_same_for_the_same_seed_and_large_enough(workplace):
    def chosen(share, seed, **more):
        request = workplace.request(joint=True, sample=share, seed=seed, **more)
        return [cell.id for cell in load_plans(request).selected.cells]

    for share in (0.1, 0.25, 0.26, 0.5, 0.75, 1.0):
        assert chosen(share, 7) == chosen(share, 7)
        assert len(chosen(share, 7)) >= share * 4
    assert [len(chosen(share, 7)) for share in (0.0, 0.1, 0.25, 0.26, 0.5, 1.0)] == [1, 1, 1, 2, 2, 4]
    assert len({tuple(chosen(0.5, seed)) for seed in range(20)}) > 1
    whole = set(chosen(0.5, 3))
    # A selection is part of the sample, not another one.
    assert set(chosen(0.5, 3, probes=("good",))) == whole
    for name in whole:
        assert set(chosen(0.5, 3, exclude=(name,))) == whole - {name}
    with pytest.raises(NothingSelectedError, match="no combination of the sample is left"):
        chosen(0.5, 3, exclude=tuple(whole))


def test_a_joint_spot_check_has_reports_of_its_own(scanned):
    before = (scanned.root / "reports/tiny/results.json").read_bytes()
    outcome = scanned.scan(joint=True, sample=0.25, seed=1)
    assert outcome.exit_code == 0
    assert "reports/tiny_joint/" in outcome.text
    (cell,) = scanned.results("tiny_joint")["cells"]
    assert (cell["evidence"], cell["verdict"]) == ("joint", "good")
    assert not list((scanned.root / "reports/tiny_joint").glob("recommended.*"))
    assert (scanned.root / "reports/tiny/results.json").read_bytes() == before
    code, output, words = scanned.call("scan", "tiny", "--joint", "--sample", "0.25", "--seed", "1")
    assert code == 0, words
    assert "nothing to do" in output


@pytest.mark.parametrize(("axes", "mode"), [(ONE_TORCH, "once"), (ONE_TORCH | {"onnxruntime": ["900.1"]}, "run")])
def test_only_rows_that_can_share_have_a_store(workplace, axes, mode):
    workplace.matrix("joint", plan="joint", axes=axes)
    request = workplace.request("joint")
    assert {task.mode for task in commands.tasks(request, load_plans(request))} == {mode}
    fresh = msgspec.structs.replace(request, options=msgspec.structs.replace(request.options, fresh=True))
    tasks: list[Task] = commands.tasks(fresh, load_plans(fresh))
    assert {(task.mode, task.store) for task in tasks} == {("run", None)}


def test_a_search_for_boundaries_ends_where_nothing_can_be_measured(workplace, monkeypatch):
    """Rows that leave no record are not asked for again and again."""
    axes = ONE_TORCH | {"onnxruntime": ["900.1", "900.2"], "torch": ["900.1", "900.2"]}
    workplace.matrix(
        "joint", plan="joint", head='strategy = "boundary"\n', tables="[reduction]\nbudget = 4\n", axes=axes
    )
    rounds = []
    monkeypatch.setattr("matrixscan.commands.scanning.execute", lambda tasks, *_: rounds.append(len(tasks)))
    assert workplace.scan("joint").exit_code == 4
    assert len(rounds) <= 4


def test_a_sample_that_is_not_joint_is_refused(workplace):
    with pytest.raises(NothingSelectedError, match="add --joint"):
        load_plans(workplace.request(sample=0.5))


def test_published_records_become_a_table_when_there_are_many(scanned, monkeypatch):
    folder = scanned.root / "reports" / "joint"
    shutil.rmtree(scanned.root / ".matrixscan")
    commands.report(scanned.request("joint"))
    before = {name: (folder / name).read_bytes() for name in ("results.json", "table.md", "verdicts.json")}
    monkeypatch.setattr("matrixscan.commands.wide.MANY_CASES", 1)
    commands.report(scanned.request("joint"))
    assert (folder / "cases.parquet").is_file()
    assert not (folder / "records").exists()
    assert {name: (folder / name).read_bytes() for name in before} == before
