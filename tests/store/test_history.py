"""The history database, the same on SQLite and on a real PostgreSQL server."""

import subprocess
import sys
import threading

import msgspec
import pytest
import sqlalchemy as sa

from matrixscan.records.types import CaseRecord, Error, Lock, OutputMetrics, ProbeRecord, Record, StageRecord
from matrixscan.store import history_schema
from matrixscan.store.history import History
from matrixscan.store.history_nights import Nights
from matrixscan.store.history_rows import rows_of, setup_of
from matrixscan.store.history_schema import HistoryVersionError
from matrixscan.store.history_url import HistoryUnreachableError, HistoryUrlError, history_url, shown

OUTPUT = OutputMetrics("y", True, None, (1,), "float32", (1,), "float32", max_abs=1e-6, margin=12.5)


def case(outcome="passed", number=1, **more):
    fields = {
        "id": f"tone/plain/torchscript/opset13/fp32/onnxruntime-cpu/n{number}",
        "probe": "tone",
        "variant": "plain",
        "exporter": "torchscript",
        "opset": 13,
        "precision": "fp32",
        "runner": "onnxruntime-cpu",
        "size": {"n": number},
        "stage": None if outcome == "passed" else "compare",
        "outcome": outcome,
        "outputs": (OUTPUT,) if outcome == "passed" else (),
        "seconds": {"run": 0.25},
        "facts": {"runner_ms": 3.5, "eager_ms": 1.25, "peak_memory": 1000},
    }
    return CaseRecord(**(fields | more))


def record(*cases, day=1, stages=None, **more):
    passed = tuple(StageRecord(stage, "passed", 1.0) for stage in ("resolve", "install", "import"))
    fields = {
        "schema_version": 3,
        "id": "py38-torch1.11.0-ort1.16.1",
        "matrix": "tiny",
        "matrixscan": "0.1.0",
        "key": "k",
        "axes": {"python": "3.8", "torch": "1.11.0", "onnxruntime": "1.16.1"},
        "resolved": {},
        "evidence": "joint",
        "judged": ("tone",),
        "started": f"2026-01-{day:02}T00:00:00+00:00",
        "finished": f"2026-01-{day:02}T00:01:00+00:00",
        "harness": "h",
        "platform": {"system": "Linux", "cpus": 2},
        "limits": {},
        "lock": Lock("a" * 64, "r.txt", "cpu", {}),
        "probes": {"tone": ProbeRecord("p1", "a tone", "")},
        "stages": passed if stages is None else stages,
        "cases": tuple(cases) or (case(), case(number=2)),
        "timings": {},
    }
    return Record(**(fields | more))


@pytest.fixture
def history(address, tmp_path):
    with History.open(address, tmp_path) as opened:
        yield opened


def test_the_same_record_twice_adds_nothing(history):
    assert history.add([record()]) == (1, 3)  # two cases and the environment
    assert history.add([record(), record()]) == (0, 0)
    (held,) = history.held()
    assert (held.records, held.combinations, held.cases, held.platforms) == (1, 1, 3, 1)
    assert (held.first, held.last) == ("2026-01-01T00:00:00+00:00", "2026-01-01T00:01:00+00:00")


def test_a_second_measurement_is_further_evidence(history):
    again = record(case(seconds={"run": 0.5}), day=2)
    assert history.add([record(case()), again]) == (2, 4)
    assert history.conflicts() == ()


def test_a_record_that_was_completed_later_measures_nothing_twice(history):
    history.add([record(case())])
    whole = record(case(), case(number=2), day=2)
    assert history.add([whole]) == (1, 2)  # the new case, and the environment that was built again
    assert len(history.points("tone")) == 2


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"matrix": "other"}, True),  # one combination, whichever matrix asked for it
        ({"platform": {"system": "Linux", "cpus": 64}}, True),
        ({"lock": Lock("b" * 64, "r.txt", "cpu", {})}, False),
        ({"platform": {"system": "Darwin"}}, False),
        ({"harness": "i"}, False),
        ({"key": "l"}, False),
        ({"evidence": "factored"}, False),
        ({"probes": {"tone": ProbeRecord("p2", "a tone", "")}}, False),
        ({"axes": {"python": "3.8", "torch": "1.12.0", "onnxruntime": "1.16.1"}}, False),
    ],
)
def test_conflicting_evidence_is_kept_and_shown_where_everything_that_decides_is_the_same(history, other, same):
    first, second = record(case()), record(case("failed", reason="mismatch"), day=2, **other)
    assert history.add([first, second]).records == 2
    found = history.conflicts()
    assert len(found) == same
    if same:
        (seen,) = found
        assert (seen.outcomes, seen.flaky, seen.case) == ({"passed": 1, "failed": 1}, True, case().id)
        assert seen.lane == ("tone", "plain", "torchscript", 13, "fp32", "onnxruntime-cpu")
        assert history.conflicts([setup_of(first)]) == found
        assert history.conflicts(["another"]) == ()


def test_two_ways_to_fail_contradict_each_other_and_are_not_flaky(history):
    history.add([record(case("failed")), record(case("crashed"), day=2)])
    (seen,) = history.conflicts()
    assert (seen.outcomes, seen.flaky) == ({"failed": 1, "crashed": 1}, False)


def test_trouble_with_the_machine_contradicts_nothing(history):
    history.add([record(case()), record(case("infra"), day=2), record(case("skipped"), day=3)])
    assert history.conflicts() == ()


def test_an_environment_that_comes_up_now_and_then_is_found(history):
    broken = (StageRecord("resolve", "passed", 1.0), StageRecord("install", "failed", 2.0, Error("InstallError", "x")))
    # One that does not come up knows no platform.
    history.add([record(), record(stages=broken, cases=(), platform={}, day=2)])
    (seen,) = history.conflicts()
    assert (seen.case, seen.outcomes) == ("environment", {"passed": 1, "failed": 1})


def test_points_are_those_that_passed_oldest_first(history):
    late, early = record(case(), day=9), record(case(facts={"runner_ms": 2}), day=3)
    history.add([late, early, record(case("failed", number=2), case(number=3, witness=True), day=4)])
    points = history.points("tone")
    assert [(point.finished[:10], point.latency_ms, point.margin) for point in points] == [
        ("2026-01-03", 2.0, 12.5),
        ("2026-01-09", 3.5, 12.5),
    ]
    assert points[0].axes["torch"] == "1.11.0"
    assert history.points("another") == ()
    assert history.probes() == ("environment", "tone")


def test_text_that_a_database_would_refuse_is_taken(history):
    odd = record(case("failed", reason="a\0b", error=Error("X", "\0")), platform={"cpu": "a\0'; DROP TABLE cases;--"})
    assert history.add([odd]).records == 1
    assert history.held()[0].records == 1


WRITER = """
import sys, msgspec
from pathlib import Path
from matrixscan.records.upgrade import decode_record
from matrixscan.store.history import History

folder, address, start = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
records = [decode_record(path.read_bytes(), path) for path in sorted(folder.glob("*.json"))]
records = records[start:] + records[:start]
with History.open(address, folder) as history:
    print(*history.add(records))
"""


def test_several_processes_write_at_once(address, tmp_path):
    folder = tmp_path / "records"
    folder.mkdir()
    days = range(1, 21)
    for day in days:
        # Each has a case of its own and one that others have too.
        made = record(case(number=1), case(number=day + 1), day=day)
        (folder / f"{day:02}.json").write_bytes(msgspec.json.encode(made))
    # The tables are made at once too.
    command = [sys.executable, "-c", WRITER, str(folder), address]
    started = [
        subprocess.Popen([*command, str(5 * number)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    ends = [(*child.communicate(timeout=120), child.returncode) for child in started]
    assert [end[2] for end in ends] == [0] * 4, ends
    added = [tuple(map(int, end[0].split())) for end in ends]
    assert tuple(map(sum, zip(*added, strict=True))) == (20, 20 + 20 + 1)
    with History.open(address, tmp_path) as history:
        assert (history.held()[0].records, history.held()[0].cases) == (20, 41)


def test_threads_share_one_history(history):
    threads = [
        threading.Thread(target=lambda day=day: history.add([record(case(), case(number=day), day=day)]))
        for day in range(2, 10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert history.held()[0].records == 8


def test_a_newer_history_says_to_update(history, address, tmp_path):
    history.engine.write(lambda connection: connection.execute(history_schema.VERSION.update().values(version=99)))
    with pytest.raises(HistoryVersionError, match="version 99, this matrixscan knows up to 1: update matrixscan"):
        History.open(address, tmp_path)


def test_an_older_history_is_brought_up_to_date(history, address, tmp_path, monkeypatch):
    history.add([record()])
    monkeypatch.setattr(history_schema, "SCHEMA_VERSION", 3)
    steps = {1: ("ALTER TABLE records ADD COLUMN extra TEXT",), 2: ("UPDATE records SET extra = 'x'",)}
    monkeypatch.setattr(history_schema, "STEPS", steps)
    for _ in range(2):
        with History.open(address, tmp_path) as again:
            assert again.engine.read(history_schema.read_version) == 3
            query = sa.text("SELECT extra FROM records")
            assert again.engine.read(lambda connection: list(connection.execute(query).scalars())) == ["x"]  # noqa: B023


def test_every_version_has_its_step():
    assert set(history_schema.STEPS) == set(range(1, history_schema.SCHEMA_VERSION))


def test_nights_are_remembered_by_project_and_matrix(history):
    nights, others = Nights(history.engine, "here", "tiny"), Nights(history.engine, "there", "tiny")
    assert (nights.last(), nights.unfinished()) == (None, None)
    first = nights.begin("2026-01-01", b"\0before")
    assert nights.unfinished() == first
    assert first.before == b"\0before"
    assert others.unfinished() is None
    nights.finish(first, "2026-01-02", b"after")
    assert nights.unfinished() is None
    assert (nights.last().after, nights.last().began) == (b"after", "2026-01-01")
    for day in range(3, 9):
        nights.finish(nights.begin(f"2026-01-0{day}", b"x"), "later", str(day).encode())
    assert nights.last().after == b"8"
    query = sa.select(sa.func.count()).where(history_schema.NIGHTS.c.after.is_not(None))
    assert history.engine.read(lambda connection: connection.execute(query).scalar()) == 3


def test_a_night_that_was_given_up_is_forgotten_once_a_later_one_is_done(history):
    nights = Nights(history.engine, "here", "tiny")
    nights.begin("1", b"x")
    nights.finish(nights.begin("2", b"y"), "3", b"z")
    assert nights.unfinished() is None


def test_rows_come_in_an_order_that_all_writers_share():
    one = rows_of(record(case(), case(number=2)))
    other = rows_of(record(case(number=2), case()))
    assert one == other


@pytest.mark.parametrize(
    ("given", "means"),
    [
        (None, "sqlite:///{work}/history.sqlite"),
        ("mine.sqlite", "sqlite:///mine.sqlite"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
        ("postgres://me:secret@host/db", "postgresql+psycopg://me:***@host/db"),
        ("postgresql://host/db?password=secret&sslmode=require", "postgresql+psycopg://host/db?sslmode=require"),
    ],
)
def test_addresses_are_shown_without_passwords(tmp_path, monkeypatch, given, means):
    monkeypatch.delenv("MATRIXSCAN_HISTORY", raising=False)
    assert shown(history_url(given, tmp_path)) == means.format(work=tmp_path)


def test_the_environment_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("MATRIXSCAN_HISTORY", "postgresql://host/db")
    assert history_url(None, tmp_path).get_backend_name() == "postgresql"
    assert history_url("x.sqlite", tmp_path).get_backend_name() == "sqlite"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mysql://me:secret@host/db", "mysql is not supported"),
        ("sqlite://", "a database in memory keeps nothing"),
        ("postgresql://me:secret@host:port/db", "this is no address of a database"),
    ],
)
def test_an_address_that_cannot_be_used_is_said_and_not_repeated(tmp_path, given, said):
    with pytest.raises(HistoryUrlError, match=said) as caught:
        history_url(given, tmp_path)
    assert "secret" not in str(caught.value)


def test_a_server_that_refuses_is_said_without_the_password(postgres, tmp_path):
    with pytest.raises(HistoryUnreachableError) as caught:
        History.open(postgres.url("wrong%2Fsecret"), tmp_path)
    assert "password authentication failed" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / "x.sqlite").write_text("no database at all, and longer than the head of one " * 10)
    with pytest.raises(HistoryUnreachableError, match="file is not a database"):
        History.open(str(tmp_path / "x.sqlite"), tmp_path)
