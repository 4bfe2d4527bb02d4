import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest

from matrixscan.errors import DamagedFileError, RecordVersionError
from matrixscan.records.types import SCHEMA_VERSION
from matrixscan.records.upgrade import decode_record, encode_record

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_every_version_ever_written_can_be_read(version):
    path = GOLDEN / f"version{version}.json"
    record = decode_record(path.read_bytes(), path)
    assert record.schema_version == SCHEMA_VERSION or version < SCHEMA_VERSION
    assert record.id == "py38-torch1.11.0-onnx1.14.1-ort1.16.1"
    assert [case.outcome for case in record.cases] == ["passed", "failed"]
    assert record.cases[0].outputs[0].max_abs == 1.5e-07
    assert record.lock.packages["torch"] == "1.11.0+cpu"


def test_the_newest_version_is_written_as_it_is_read():
    path = GOLDEN / f"version{SCHEMA_VERSION}.json"
    assert encode_record(decode_record(path.read_bytes(), path)) == path.read_bytes()


def test_what_version_2_added_is_kept_and_version_1_had_none_of_it():
    old, new = (decode_record((GOLDEN / f"version{version}.json").read_bytes(), GOLDEN) for version in (1, 2))
    assert old.schema_version == SCHEMA_VERSION
    assert [case.witness for case in old.cases] == [False, False]
    assert [(output.part, output.sample, output.agreement) for output in old.cases[0].outputs] == [(None, 0, None)]
    assert (old.probes["campplus"].family, old.probes["campplus"].expected) == (False, ())
    assert [case.witness for case in new.cases] == [False, True]
    found = [(output.name, output.part, output.sample, output.agreement) for output in new.cases[0].outputs]
    assert found[1:] == [("encoder.embedding", "encoder", 1, None), ("tokens", None, 0, 0.975)]
    probe = new.probes["campplus"]
    assert (probe.family, probe.inputs) == (True, {"published t200": "i1"})
    assert probe.expected[0].until == dt.date(2027, 6, 1)
    assert probe.expected[0].when == {"torch": "<2.0", "opset": 13, "t": ">200"}


def test_what_version_3_added_is_kept_and_version_2_had_none_of_it():
    old, new = (decode_record((GOLDEN / f"version{version}.json").read_bytes(), GOLDEN) for version in (2, 3))
    assert [(output.floor, output.envelope) for output in old.cases[0].outputs] == [(None, ())] * 3
    assert (new.cases[0].outputs[0].floor, new.cases[0].outputs[0].envelope) == (1e-6, ((0.5, 1.5e-7),))
    assert old.probes["campplus"].eager == {}
    assert new.probes["campplus"].eager == {"published t200": {"embedding": (1.0, 0.25, -0.5)}}


def test_a_record_of_a_newer_matrixscan_is_refused_with_what_to_do():
    path = GOLDEN / f"version{SCHEMA_VERSION}.json"
    data = json.loads(path.read_bytes()) | {"schema_version": SCHEMA_VERSION + 1, "unheard": "of"}
    with pytest.raises(RecordVersionError, match="update matrixscan") as caught:
        decode_record(json.dumps(data).encode(), Path("reports/m/records/c.json"))
    assert "reports/m/records/c.json" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b'{"schema_version": "1"}', b'{"schema_version": 0}', b'{"schema_version": 1}']
)
def test_a_damaged_record_names_the_file_and_the_fix(text):
    with pytest.raises(DamagedFileError) as caught:
        decode_record(text, Path("reports/m/records/c.json"))
    assert str(caught.value).startswith("reports/m/records/c.json cannot be read: ")
    assert "delete it and scan again" in str(caught.value)


def test_bytes_that_are_no_text_are_damage_too():
    with pytest.raises(DamagedFileError):
        decode_record(b'{"schema_version": 1, "id": "\xff"}', Path("c.json"))


def test_a_case_takes_one_line():
    path = GOLDEN / f"version{SCHEMA_VERSION}.json"
    lines = [line for line in path.read_text().splitlines() if '"exporter"' in line]
    assert len(lines) == 2
    assert all(msgspec.json.decode(line.strip().rstrip(",")) for line in lines)
