from pathlib import Path

import pytest
from test_events import HELLO, IMPORTED, LANE, START, at, crashed, done, request, started

from matrixscan.errors import DamagedFileError, RecordVersionError
from matrixscan.records.diagnosis import (
    SCHEMA_VERSION,
    decode_diagnoses,
    encode_diagnoses,
    fold_diagnoses,
)
from matrixscan.records.events import Fold

GOLDEN = Path(__file__).parent / "golden" / f"diagnosis{SCHEMA_VERSION}.json"
BEGIN = [request(), START, HELLO, IMPORTED]
SEEN = {"passed": False, "reason": "mismatch", "max_abs": 0.5, "error": None}


def step(asked, **fields):
    return {"event": "diagnosis", "case": asked["id"], "t": 1.0} | fields


def failed(asked, reason="mismatch"):
    return done(asked, outcome="failed", stage="compare", reason=reason)


def test_the_golden_file_is_written_as_it_is_read():
    record = decode_diagnoses(GOLDEN.read_bytes(), GOLDEN)
    assert encode_diagnoses(record) == GOLDEN.read_bytes()
    diagnosis = record.diagnoses[0]
    assert diagnosis.first.module == "xvector.block1.tdnnd1.cam_layer"
    assert diagnosis.first.arguments["ceil_mode"] is True
    assert diagnosis.runs[0].node.attributes["kernel_shape"] == [100]
    assert [point.call for point in diagnosis.curve] == [52, 53]
    assert record.diagnoses[1].reproduced is False


def test_a_node_a_run_and_a_point_take_one_line():
    lines = GOLDEN.read_text().splitlines()
    assert sum('"runner_torch"' in line for line in lines) == 1
    assert sum('"label"' in line for line in lines) == 2


def test_a_newer_file_and_a_damaged_one_are_refused():
    with pytest.raises(RecordVersionError, match="update matrixscan"):
        decode_diagnoses(b'{"schema_version": 99}', Path("d.json"))
    for text in (b"", b"{", b"{}", b'{"schema_version": 1}', b"\xff"):
        with pytest.raises(DamagedFileError, match="diagnose again"):
            decode_diagnoses(text, Path("d.json"))


def test_steps_of_a_case_are_put_together():
    asked = LANE[0]
    events = [
        *BEGIN,
        started(asked),
        step(asked, reproduced=True, stage="compare", reason="mismatch"),
        step(asked, levels={"disabled": SEEN}),
        step(asked, error={"type": "Nowhere", "message": "one"}),
        step(asked, reference=SEEN, error={"type": "Other", "message": "two"}),
        failed(asked),
    ]
    (found,) = fold_diagnoses(events, LANE)
    assert (found.case, found.reproduced, found.stage) == (asked["id"], True, "compare")
    assert (found.levels["disabled"].passed, found.reference.max_abs) == (False, 0.5)
    assert (found.error.type, found.error.message) == ("Nowhere", "one; two")


def test_what_dies_keeps_what_was_found_before_and_says_so():
    asked = LANE[0]
    events = [*BEGIN, started(asked), step(asked, reproduced=True, stage="compare"), step(asked, levels={"all": SEEN})]
    events += [at(asked, "diagnose")]
    death = Fold.of(events).attribute(crashed(), LANE, again=False)
    assert death["stage"] == "diagnose"
    events += [death, START, HELLO, IMPORTED, started(LANE[1]), step(LANE[1], reproduced=False), done(LANE[1])]
    dead, other = fold_diagnoses(events, LANE)
    assert (dead.reproduced, dead.stage, dead.levels["all"].passed, dead.error.type) == (
        True,
        "compare",
        False,
        "SIGSEGV",
    )
    assert (other.case, other.reproduced) == (LANE[1]["id"], False)


def test_a_case_that_dies_by_itself_fails_again():
    asked = LANE[0]
    events = [*BEGIN, started(asked), at(asked, "run")]
    events.append(Fold.of(events).attribute(crashed(), LANE, again=False))
    (found,) = fold_diagnoses(events, LANE)
    assert (found.reproduced, found.stage, found.error.type) == (True, "run", "SIGSEGV")


def test_a_case_begun_again_is_not_told_twice():
    asked = LANE[0]
    first = [step(asked, reproduced=True, stage="compare"), step(asked, error={"type": "Nowhere", "message": "one"})]
    events = [*BEGIN, started(asked), *first, START, HELLO, IMPORTED, started(asked), *first, failed(asked)]
    assert fold_diagnoses(events, LANE)[0].error.message == "one"


def test_cases_for_which_there_was_no_time_have_no_diagnosis():
    events = [*BEGIN, started(LANE[0]), done(LANE[0], outcome="skipped", reason="given_up")]
    assert fold_diagnoses(events, LANE) == ()
