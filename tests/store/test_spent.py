"""How long environments took: an estimate is made from it."""

from matrixscan.store.spent import seconds_spent
from matrixscan.store.work import CellWork


def test_seconds_are_those_of_environments_that_were_measured_here(tmp_path):
    for name, seconds in {"py38-a1": 12.5, "py38-b1.0": 3.0, "py38-c1": 0.0}.items():
        CellWork(tmp_path, "m", name).finish("key", b"{}", "1", (), seconds)
    (tmp_path / "m/py38-d1").mkdir()
    (tmp_path / "m/store/artifacts").mkdir(parents=True)
    (tmp_path / "m/py38-e1").mkdir()
    (tmp_path / "m/py38-e1/done.json").write_text("{")
    CellWork(tmp_path, "other", "py38-a1").finish("key", b"{}", "1", (), 99.0)
    assert seconds_spent(tmp_path, "m") == {"py38-a1": 12.5, "py38-b1.0": 3.0}


def test_nothing_is_known_before_the_first_scan(tmp_path):
    assert seconds_spent(tmp_path, "m") == {}


def test_a_voucher_of_an_older_version_says_no_time(tmp_path):
    work = CellWork(tmp_path, "m", "py38-a1")
    work.folder.mkdir(parents=True)
    (work.folder / "done.json").write_text('{"key":"k","record_sha256":"s","scan":"1","cases":[]}')
    assert work.done() is not None
    assert seconds_spent(tmp_path, "m") == {}
