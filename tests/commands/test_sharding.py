"""What machines of a sharded scan begin with, and the site: on the folder, nothing is measured."""

import json
import shutil

import pytest

from matrixscan import commands
from matrixscan.commands.showing import NotASiteError
from matrixscan.errors import DamagedFileError, NothingSelectedError, UnknownNameError

FIRST, SECOND = "py38-torch900.1-onnx900.1-ort900.1", "py38-torch900.1-onnx900.1-ort900.2"


@pytest.fixture
def published(workplace):
    workplace.matrix("joint", plan="joint")
    for path in (f"records/{FIRST}.json", f"logs/{FIRST}.log", f"pictures/{FIRST}/a.png", "cases.parquet", "table.md"):
        workplace.write(f"reports/joint/{path}", "x")
    for name in (FIRST, f"{FIRST}.good", f"{FIRST}.post1", SECOND):
        workplace.write(f"reports/joint/locks/{name}.txt", "x")
    return workplace.root / "reports/joint"


def left(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_forgetting_leaves_locks_and_what_is_derived(published, workplace):
    outcome = commands.forget(workplace.request("joint"))
    assert left(published) == sorted(
        [*(f"locks/{n}.txt" for n in (FIRST, f"{FIRST}.good", f"{FIRST}.post1", SECOND)), "table.md"]
    )
    assert outcome.text == "deleted: joint/records, joint/logs, joint/pictures, joint/cases.parquet\n"
    assert commands.forget(workplace.request("joint")).text == "deleted: nothing\n"


def test_a_machine_keeps_the_locks_of_its_own_environments_alone(published, workplace):
    outcome = commands.forget(workplace.request("joint"), [FIRST])
    assert left(published) == sorted([f"locks/{FIRST}.txt", f"locks/{FIRST}.good.txt", "table.md"])
    assert "2 locks of others" in outcome.text


def test_forgetting_what_was_never_published_deletes_nothing(workplace):
    assert commands.forget(workplace.request("tiny")).text == "deleted: nothing\n"


def sharded(workplace, matrix="tiny", count=2, listing=None, **more):
    return json.loads(commands.shards(workplace.request(matrix, **more), count, listing).text)


def test_sessions_are_called_as_the_noxfile_calls_them(workplace):
    workplace.matrix("joint", plan="joint")
    found = sharded(workplace, "joint", 1)
    assert [len(found["exports"]), len(found["cells"])] == [0, 1]
    assert found["cells"][0]["sessions"].split()[0] == f"cell({FIRST})"
    found = sharded(workplace)
    assert [shard["sessions"] for shard in found["exports"]] == [
        f"export_side(py38-torch{torch}-onnx900.1)" for torch in ("900.1", "900.2")
    ]
    assert [shard["sessions"] for shard in found["cells"]] == [f"run_side(py38-ort{ort})" for ort in ("900.1", "900.2")]


def test_a_listing_says_which_sessions_there_are_whatever_they_are_called(workplace):
    workplace.matrix("joint", plan="joint")
    listing = workplace.root / "sessions.json"
    named = [
        {"session": f"mine-cell({FIRST})", "name": "mine-cell", "call_spec": {"combination": FIRST}, "tags": []},
        {"session": "mine-cell(other)", "name": "mine-cell", "call_spec": {"combination": "other"}},
        {"session": f"about({SECOND})", "name": "about", "call_spec": {"combination": SECOND}},
        {"session": "tests", "name": "tests", "call_spec": {}},
    ]
    listing.write_text(json.dumps(named))
    found = sharded(workplace, "joint", 4, listing)
    assert [shard["sessions"] for shard in found["cells"]] == [f"mine-cell({FIRST})"]
    listing.write_text(json.dumps(named[1:]))
    with pytest.raises(NothingSelectedError, match="no session of joint is listed"):
        sharded(workplace, "joint", 4, listing)
    listing.write_text("no")
    with pytest.raises(DamagedFileError, match="nox -l --json"):
        sharded(workplace, "joint", 4, listing)


def test_outputs_of_a_job_are_one_line_each_and_empty_where_there_is_nothing(workplace):
    workplace.matrix("joint", plan="joint")
    lines = commands.shards(workplace.request("joint"), 2, form="github").text.splitlines()
    assert [line.partition("=")[0] for line in lines] == ["name", "exports", "cells"]
    assert lines[:2] == ["name=joint", "exports="]
    assert len(json.loads(lines[2].partition("=")[2])["include"]) == 2
    with pytest.raises(UnknownNameError, match="did you mean 'github'"):
        commands.shards(workplace.request("joint"), 2, form="gihub")


def test_a_wide_matrix_names_what_was_not_run(scanned, monkeypatch):
    monkeypatch.setattr("matrixscan.commands.wide.WIDE", 0)
    commands.report(scanned.request())
    found = commands.annotate(scanned.request())
    assert found.commands == ""
    assert found.summary.startswith("**4 combinations of tiny: 0 not run**")
    (scanned.root / ".matrixscan/measured/tiny/records/py38-ort900.2.json").unlink()
    commands.forget(scanned.request())
    assert "4 combinations of tiny: 4 not run" in commands.annotate(scanned.request()).summary
    commands.report(scanned.request())
    found = commands.annotate(scanned.request())
    assert found.commands.count("::warning file=matrices/tiny.toml,title=") == 2
    assert "onnx900.1-ort900.2 is unknown::not run" in found.commands
    assert "2 not run" in found.summary


def test_a_site_holds_every_published_matrix_and_replaces_only_a_site(published, workplace):
    del published
    folder = workplace.root / "site"
    assert commands.site(folder, "mine").exit_code == 0
    assert (folder / "joint/table.md").is_file()
    workplace.write("site/joint/old.md", "x")
    commands.site(folder, "mine")
    assert not (folder / "joint/old.md").exists()
    workplace.write("precious/file", "x")
    workplace.write("precious/index.html", "<title>somebody's own</title>")
    with pytest.raises(NotASiteError, match="is no site"):
        commands.site(workplace.root / "precious", "mine")
    assert (workplace.root / "precious/file").is_file()
    shutil.rmtree(workplace.root / "reports")
    with pytest.raises(NothingSelectedError):
        commands.site(folder, "mine")
