import json
from pathlib import Path

import pytest

from matrixscan.errors import DamagedFileError, RecordVersionError
from matrixscan.records.packaging import RESULTS, SCHEMA_VERSION, decode_packaging, encode_packaging

GOLDEN = Path(__file__).parent / "golden" / f"packaging{SCHEMA_VERSION}.json"


def test_what_was_written_can_be_read_and_is_written_the_same():
    record = decode_packaging(GOLDEN.read_bytes(), GOLDEN)
    assert record.id == "py38-torch1.11.0-onnx1.11.0-ort1.11.0"
    (examination,) = record.examinations
    (finding,) = examination.findings
    assert examination.result in RESULTS
    assert (finding.package, finding.works, finding.breaks) == ("protobuf", "3.20.3", "4.21.1")
    assert [trial.purpose for trial in examination.trials] == ["today", "era", "moved", "release", "release"]
    assert encode_packaging(record) == GOLDEN.read_bytes()


def test_the_first_version_had_one_era_for_all():
    old = GOLDEN.with_name("packaging1.json")
    record = decode_packaging(old.read_bytes(), old)
    assert record.schema_version == SCHEMA_VERSION
    assert record.examinations[0].era["protobuf"] == "3.20.1"
    assert encode_packaging(record) == GOLDEN.read_bytes()


def test_a_trial_takes_one_line():
    lines = GOLDEN.read_text().splitlines()
    assert sum('"purpose"' in line for line in lines) == 5
    assert all(line.count('"purpose"') <= 1 for line in lines)


def test_a_newer_one_is_refused_with_what_to_do():
    data = json.loads(GOLDEN.read_bytes()) | {"schema_version": SCHEMA_VERSION + 1, "unheard": "of"}
    with pytest.raises(RecordVersionError, match="update matrixscan"):
        decode_packaging(json.dumps(data).encode(), Path("reports/m/packaging/c.json"))


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b"\xff", b'{"schema_version": 1}', b'{"schema_version":1,"examinations":3}']
)
def test_a_damaged_one_names_the_file_and_the_fix(text):
    with pytest.raises(DamagedFileError, match="examined again"):
        decode_packaging(text, Path("reports/m/packaging/c.json"))
