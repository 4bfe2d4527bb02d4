import pytest

from matrixscan.store.work import CellWork

RECORD = b'{"id": "py38"}\n'


@pytest.fixture
def finished(tmp_path):
    """A cell whose record was written and vouched for, and that record's path."""
    record = tmp_path / "reports" / "py38.json"
    record.parent.mkdir()
    record.write_bytes(RECORD)
    work = CellWork(tmp_path / "work", "smoke", "py38")
    work.finish("key", RECORD, "scan 1", ("a", "b"))
    return work, record


def test_an_intact_record_is_vouched_for_also_by_another_process(finished, tmp_path):
    _, record = finished
    done = CellWork(tmp_path / "work", "smoke", "py38").vouches_for(record)
    assert (done.key, done.scan, done.cases) == ("key", "scan 1", ("a", "b"))


def test_nothing_was_measured_here_in_a_fresh_clone(tmp_path, finished):
    _, record = finished
    assert CellWork(tmp_path / "elsewhere", "smoke", "py38").vouches_for(record) is None


@pytest.mark.parametrize("change", ["delete", "edit"])
def test_a_record_that_was_touched_is_not_vouched_for(finished, change):
    work, record = finished
    if change == "delete":
        record.unlink()
    else:
        record.write_bytes(RECORD.replace(b"38", b"39"))
    assert work.vouches_for(record) is None
    assert work.done() is not None


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b"\xff"])
def test_a_damaged_voucher_vouches_for_nothing(finished, text):
    work, record = finished
    (work.folder / "done.json").write_bytes(text)
    assert work.vouches_for(record) is None


def test_forgetting(finished):
    work, record = finished
    for key in ("one", "two"):
        (work.run(key) / "artifacts").mkdir(parents=True)
    work.forget_runs(keep="two")
    assert [path.name for path in work.runs.iterdir()] == ["two"]
    work.forget_runs()
    assert not list(work.runs.iterdir())
    work.forget_done()
    work.forget_done()
    assert work.vouches_for(record) is None


def test_cells_whose_ids_hold_dots_have_their_own_places(tmp_path):
    one, two = (CellWork(tmp_path, "m", f"py38-torch1.11.{patch}") for patch in (0, 1))
    assert one.lock != two.lock
    assert one.lock.parent == one.folder.parent
    assert one.lock.name == "py38-torch1.11.0.lock"
