from pathlib import Path

import pytest
from msgspec.structs import replace

from matrixscan.errors import DamagedFileError
from matrixscan.records.upgrade import decode_record
from matrixscan.store.certified import Certified

GOLDEN = Path(__file__).parents[1] / "records" / "golden" / "version1.json"
RECORD = decode_record(GOLDEN.read_bytes(), GOLDEN)
PASSED = RECORD.id
LONGER = f"{PASSED}.1"


@pytest.fixture
def store(tmp_path):
    return Certified(tmp_path, "mine")


def test_there_is_nothing_where_nothing_was_certified(store):
    assert (store.ids(), store.read(PASSED), store.lock(PASSED)) == ((), (), None)


def test_an_earlier_certification_is_kept_in_order(store):
    made = [replace(RECORD, finished=f"2025-01-{day:02d}T00:00:00Z") for day in range(1, 13)]
    for number, each in enumerate(made):
        store.write(each, f"lock {number}\n")
    assert [each.finished for each in store.read(PASSED)] == [each.finished for each in made]
    assert store.lock(PASSED) == "lock 11\n"
    assert store.ids() == (PASSED,)


def test_an_id_that_begins_like_another_is_another(store):
    store.write(RECORD, "a\n")
    store.write(replace(RECORD, id=LONGER), "b\n")
    store.write(replace(RECORD, id=LONGER), "c\n")
    assert [len(store.read(name)) for name in (PASSED, LONGER)] == [1, 2]
    assert store.ids() == (PASSED, LONGER)


def test_a_damaged_file_is_named(store):
    store.write(RECORD, "a\n")
    store.record_path(PASSED).write_text("{")
    with pytest.raises(DamagedFileError, match=PASSED):
        store.read(PASSED)
