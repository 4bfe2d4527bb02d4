from pathlib import Path

import pytest

from matrixscan.errors import DamagedFileError
from matrixscan.records.upgrade import decode_record
from matrixscan.store.reports import Reports

GOLDEN = Path(__file__).parents[1] / "records" / "golden" / "version1.json"


@pytest.fixture
def reports(tmp_path):
    return Reports(tmp_path / "reports", "mine")


def test_what_is_written_is_read_again_and_the_bytes_are_those_on_disk(reports):
    record = decode_record(GOLDEN.read_bytes(), GOLDEN)
    data = reports.write(record)
    assert reports.record_path(record.id).read_bytes() == data
    assert reports.read(record.id) == record


def test_no_record_is_none_and_a_damaged_one_names_its_path(reports):
    assert reports.read("py38") is None
    reports.record_path("py38").parent.mkdir(parents=True)
    reports.record_path("py38").write_bytes(b"{")
    with pytest.raises(DamagedFileError, match=r"reports/mine/records/py38\.json"):
        reports.read("py38")


def test_places_are_named_by_combination_and_probe(reports, tmp_path):
    places = [reports.record_path("c1.0"), reports.lock_path("c1.0"), reports.lock_path("c1.0", "p")]
    places.append(reports.log_path("c1.0"))
    names = [path.relative_to(tmp_path / "reports" / "mine").as_posix() for path in places]
    assert names == ["records/c1.0.json", "locks/c1.0.txt", "locks/c1.0.p.txt", "logs/c1.0.log"]


def test_recommendations_that_hold_no_more_go(reports):
    names = ["badge.json", "constraints-a.txt", "constraints-b.txt", "lock-a.txt", "lock-b.txt", "recommended.json"]
    reports.write_texts(dict.fromkeys([*names, "recommended.md", "table.md"], "text"))
    (reports.folder / "locks").mkdir()
    reports.prune_recommended({"constraints-a.txt", "lock-a.txt", "recommended.md"})
    left = ["constraints-a.txt", "lock-a.txt", "locks", "recommended.md", "table.md"]
    assert sorted(path.name for path in reports.folder.iterdir()) == left
    reports.prune_recommended(())
    assert sorted(path.name for path in reports.folder.iterdir()) == ["locks", "table.md"]


def test_a_long_log_is_handed_over_without_its_middle(reports, tmp_path):
    other = Reports(tmp_path / "published", "m")
    for cell, lines in (("short", 10), ("long", 20_000)):
        path = reports.log_path(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"line {number}\n" for number in range(lines)))
    reports.hand_over(["short", "long"], other)
    assert other.log_path("short").read_bytes() == reports.log_path("short").read_bytes()
    told = other.log_path("long").read_text().splitlines()
    (gap,) = [number for number, line in enumerate(told) if line.startswith("... ")]
    assert (told[0], told[-1]) == ("line 0", "line 19999")
    assert told[gap - 1] == f"line {gap - 1}"
    left_out = sum(len(f"line {number}\n") for number in range(gap, int(told[gap + 1].split()[1])))
    assert int(told[gap].split()[1]) == pytest.approx(left_out, abs=1)
    assert other.log_path("long").stat().st_size < 34_000
