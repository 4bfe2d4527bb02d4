from pathlib import Path

import pytest

from matrixscan.errors import DamagedFileError
from matrixscan.records.packaging import PackagingTrial, decode_packaging
from matrixscan.store.packaging import KeptTrials, PackagingReports

GOLDEN = Path(__file__).parents[1] / "records" / "golden" / "packaging2.json"


def test_what_is_written_is_read_again(tmp_path):
    reports = PackagingReports(tmp_path / "reports", "mine")
    record = decode_packaging(GOLDEN.read_bytes(), GOLDEN)
    assert reports.read(record.id) is None
    assert reports.read_all() == {}
    reports.write(record)
    assert reports.path(record.id) == tmp_path / f"reports/mine/packaging/{record.id}.json"
    assert reports.read(record.id) == record
    assert reports.read_all() == {record.id: record}
    assert reports.path(record.id).read_bytes() == GOLDEN.read_bytes()
    reports.forget(record.id)
    reports.forget(record.id)
    assert reports.read_all() == {}


def test_a_damaged_file_names_its_path(tmp_path):
    reports = PackagingReports(tmp_path, "mine")
    reports.folder.mkdir(parents=True)
    reports.path("c1.0").write_bytes(b"{")
    for read in (lambda: reports.read("c1.0"), reports.read_all):
        with pytest.raises(DamagedFileError, match=r"mine/packaging/c1\.0\.json"):
            read()


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b'{"purpose": 1}'])
def test_a_trial_that_cannot_be_read_is_none(tmp_path, damage):
    kept = KeptTrials(tmp_path / "trials")
    trial = PackagingTrial("moved", {"tablet": "1.5", "slate": None}, "failed", "import", seconds=1.5)
    assert kept.read("a") is None
    kept.write("a", trial)
    assert kept.read("a") == trial
    (tmp_path / "trials/a.json").write_bytes(damage)
    assert kept.read("a") is None
