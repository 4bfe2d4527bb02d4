import signal

import pytest

from matrixscan.harness.protocol import share_key
from matrixscan.records.events import Fold, append_event, read_events

SIZES = ({"n": 2}, {"n": 3}, {"n": 5})
HELLO = {"event": "hello"}
IMPORTED = {"event": "stage", "stage": "import", "outcome": "passed", "seconds": 1.0}
START = {"event": "start"}


def case(probe="model", exporter="torchscript", size=None, variant="only"):
    size = size or SIZES[0]
    lane = {"probe": probe, "variant": variant, "exporter": exporter, "opset": 13, "precision": "fp32"}
    return lane | {"runner": "onnxruntime-cpu", "size": size, "id": f"{probe}/{variant}/{exporter}/n{size['n']}"}


LANE = [case(size=size) for size in SIZES]
OTHER = [case(exporter="dynamo", size=size) for size in SIZES]


def request(**probes):
    return {"event": "request", "probes": probes or {"model": "d1"}}


def started(asked):
    return {"event": "case", "case": asked["id"], "state": "started"}


def at(asked, stage):
    return {"event": "stage", "case": asked["id"], "stage": stage, "state": "started"}


def done(asked, outcome="passed", **more):
    return {"event": "case", "case": asked["id"], "state": "done", "outcome": outcome, "stage": None} | more


def crashed(code=-signal.SIGSEGV):
    return {"outcome": "crashed", "returncode": code, "spent": 1.5}


def outcomes(fold, cases):
    return [end and end["outcome"] for end in map(fold.outcome_of, cases)]


def test_a_finished_case_has_its_own_outcome_and_the_rest_none():
    fold = Fold.of([request(), START, HELLO, IMPORTED, started(LANE[0]), done(LANE[0])])
    assert outcomes(fold, LANE) == ["passed", None, None]


@pytest.mark.parametrize(
    ("end", "outcome", "reason", "kind"),
    [
        (crashed(), "crashed", None, "SIGSEGV"),
        (crashed(-200), "crashed", None, "signal 200"),
        (crashed(0), "crashed", None, "ProcessExit"),
        ({"outcome": "timed_out", "allowed": 3.0, "spent": 3.1}, "timed_out", None, "Timeout"),
        ({"outcome": "crashed", "memory_gib": 2.0, "spent": 9.0}, "crashed", "memory", "OutOfMemory"),
    ],
)
def test_a_death_in_export_is_that_of_all_sizes_of_the_lane_and_of_no_other_lane(end, outcome, reason, kind):
    events = [request(), START, HELLO, IMPORTED, started(LANE[0]), at(LANE[0], "build"), at(LANE[0], "export")]
    died = Fold.of(events).attribute(end, [*LANE, *OTHER], again=False)
    assert (died["case"], died["stage"], died["outcome"], died["reason"]) == (LANE[0]["id"], "export", outcome, reason)
    assert died["error"]["type"] == kind
    assert died["seconds"] == {"export": end["spent"]}

    fold = Fold.of([*events, died])
    assert outcomes(fold, LANE) == [outcome] * 3
    assert outcomes(fold, OTHER) == [None] * 3
    # The time was spent once.
    assert [fold.outcome_of(asked)["seconds"] for asked in LANE[1:]] == [{}, {}]


def test_a_death_while_one_size_runs_costs_that_size_alone():
    events = [request(), START, HELLO, IMPORTED, started(LANE[1]), at(LANE[1], "run")]
    died = Fold.of(events).attribute(crashed(), LANE[1:], again=False)
    assert died["share"] == share_key(LANE[1], "run")
    assert outcomes(Fold.of([*events, died]), LANE) == [None, "crashed", None]


def test_a_death_in_eager_is_shared_by_both_exporters_at_that_size():
    events = [request(), START, HELLO, IMPORTED, started(LANE[0]), at(LANE[0], "eager")]
    died = Fold.of(events).attribute(crashed(), [*LANE, *OTHER], again=False)
    fold = Fold.of([*events, died])
    assert outcomes(fold, LANE) == ["crashed", None, None]
    assert outcomes(fold, OTHER) == ["crashed", None, None]


def test_a_death_never_overrules_what_had_passed_before():
    events = [request(), START, HELLO, IMPORTED, started(LANE[0]), done(LANE[0]), started(LANE[1]), at(LANE[1], "load")]
    died = Fold.of(events).attribute(crashed(), LANE[1:], again=False)
    assert outcomes(Fold.of([*events, died]), LANE) == ["passed", "crashed", "crashed"]


def test_a_harness_that_never_said_hello_is_infrastructure():
    event = Fold.of([request(), START]).attribute(crashed(1), LANE, again=False)
    assert (event["event"], event["stage"], event["outcome"]) == ("stage", "import", "infra")
    assert Fold.of([request(), START, event]).import_failed


@pytest.mark.parametrize(
    ("end", "outcome"), [(crashed(), "crashed"), ({"outcome": "timed_out", "allowed": 1.0, "spent": 1.0}, "timed_out")]
)
def test_dying_between_hello_and_the_end_of_imports_is_a_failed_import(end, outcome):
    event = Fold.of([request(), START, HELLO]).attribute(end, LANE, again=False)
    assert (event["stage"], event["outcome"]) == ("import", outcome)
    assert Fold.of([request(), START, HELLO, event]).import_failed


def test_an_orderly_end_blames_nobody():
    events = [request(), START, HELLO, IMPORTED, *[step for c in LANE for step in (started(c), done(c))]]
    assert Fold.of([*events, {"event": "bye"}]).attribute(crashed(0), LANE, again=False) is None


def test_a_process_that_dies_twice_before_its_first_case_costs_the_first_case_only():
    events = [request(), START, HELLO, IMPORTED]
    assert Fold.of(events).attribute(crashed(), LANE, again=False) is None
    died = Fold.of([*events, *events[1:]]).attribute(crashed(), LANE, again=True)
    assert (died["case"], died["stage"]) == (LANE[0]["id"], "build")
    # `build` is shared, so the whole model goes; another model would go on.
    assert outcomes(Fold.of([*events, died]), [*LANE, case("second")]) == ["crashed"] * 3 + [None]


def test_the_stage_of_an_earlier_process_is_not_blamed():
    events = [request(), START, HELLO, IMPORTED, started(LANE[0]), at(LANE[0], "export"), START, HELLO, IMPORTED]
    assert Fold.of(events).attribute(crashed(), LANE, again=False) is None


def test_a_changed_probe_forgets_its_cases_and_deaths_and_nobody_elses():
    second = case("second")
    events = [request(model="d1", second="s1"), START, HELLO, IMPORTED, started(LANE[0]), done(LANE[0])]
    events += [started(second), done(second), started(LANE[1]), at(LANE[1], "run")]
    events.append(Fold.of(events).attribute(crashed(), LANE[1:], again=False))
    again = Fold.of([*events, request(model="d2", second="s1")])
    assert outcomes(again, [*LANE, second]) == [None, None, None, "passed"]
    assert again.measured("model") == "d2"
    assert outcomes(Fold.of([*events, request(model="d1")]), LANE[:2]) == ["passed", "crashed"]


def test_a_probe_whose_name_begins_like_another_is_another():
    longer = case("model_en")
    events = [request(model="d1", model_en="e1"), START, HELLO, IMPORTED, started(longer), done(longer)]
    assert outcomes(Fold.of([*events, request(model="d2")]), [longer]) == ["passed"]


def test_another_attempt_forgets_infrastructure_and_keeps_findings():
    infra = {"event": "stage", "stage": "import", "outcome": "infra", "seconds": 0.1}
    events = [request(), done(LANE[0], "infra"), done(LANE[1], "failed"), infra, {"event": "retry"}]
    fold = Fold.of(events)
    assert not fold.import_failed
    assert outcomes(fold, LANE[:2]) == [None, "failed"]
    crash = infra | {"outcome": "crashed"}
    assert Fold.of([request(), crash, {"event": "retry"}]).import_failed


def test_unknown_events_are_passed_over():
    assert outcomes(Fold.of([{"event": "news"}, request(), done(LANE[0])]), LANE[:1]) == ["passed"]


def test_a_line_cut_short_by_a_kill_is_left_out_and_then_cut_off(tmp_path):
    file = tmp_path / "events.jsonl"
    append_event(file, HELLO)
    with file.open("ab") as stream:
        stream.write(b'{"event": "case", "ca')
    assert read_events(file) == [HELLO]
    append_event(file, START)
    assert file.read_bytes() == b'{"event":"hello"}\n{"event":"start"}\n'
    assert read_events(file) == [HELLO, START]


@pytest.mark.parametrize("damage", [b"\0\0\0", b"", b"[1]", b"{}", b'{"event": 1}', b"\xff", b"[" * 5000])
def test_a_damaged_line_ends_what_is_known_and_is_cut_off(tmp_path, damage):
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"event":"hello"}\n' + damage + b'\n{"event":"bye"}\n')
    assert read_events(file) == [HELLO]
    append_event(file, START)
    assert file.read_bytes() == b'{"event":"hello"}\n{"event":"start"}\n'


def test_no_file_is_no_events(tmp_path):
    assert read_events(tmp_path / "absent.jsonl") == []


def hang(events, asked, stage):
    events += [START, HELLO, IMPORTED, started(asked), at(asked, stage)]
    end = {"outcome": "timed_out", "allowed": 3.0, "spent": 3.1}
    events.append(Fold.of(events).attribute(end, [asked], again=False))


def test_a_variant_that_hangs_twice_is_given_up_and_its_hangs_stay_findings():
    other = [case(variant="second"), case("model_en")]
    events = [request()]
    hang(events, LANE[0], "run")
    assert outcomes(Fold.of(events), [*LANE, *OTHER, *other]) == ["timed_out"] + [None] * 7
    hang(events, LANE[1], "run")
    assert outcomes(Fold.of(events), LANE) == ["timed_out", "timed_out", "skipped"]
    assert outcomes(Fold.of(events), [*OTHER, *other]) == ["skipped"] * 3 + [None, None]
    assert Fold.of(events).outcome_of(LANE[2])["error"]["type"] == "GivenUp"
    # A changed model gets its chance again.
    assert outcomes(Fold.of([*events, request(model="d2")]), LANE) == [None] * 3


def test_a_witness_that_hangs_is_given_up_alone():
    witnesses = [dict(asked, runner="onnx-reference", witness=True, id=asked["id"] + "/w") for asked in LANE]
    events = [request()]
    hang(events, witnesses[0], "run")
    hang(events, witnesses[1], "compare")
    assert outcomes(Fold.of(events), [witnesses[2], *LANE, *OTHER]) == ["skipped"] + [None] * 6
    # What it shares with the others is theirs as well.
    hang(events, witnesses[2], "export")
    hang(events, OTHER[0], "run")
    assert outcomes(Fold.of(events), OTHER) == ["timed_out", "skipped", "skipped"]


def test_what_passed_before_a_variant_is_given_up_stays_passed():
    events = [request(), START, HELLO, IMPORTED, started(OTHER[0]), done(OTHER[0])]
    hang(events, LANE[0], "run")
    hang(events, LANE[1], "run")
    assert outcomes(Fold.of(events), OTHER) == ["passed", "skipped", "skipped"]


def test_what_is_found_out_after_the_end_of_a_case_is_added_to_its_facts():
    end = done(LANE[0], "failed") | {"facts": {"runner_ms": 1.0}}
    note = {"event": "note", "case": LANE[0]["id"], "facts": {"unoptimized": {"passed": True}}}
    fold = Fold.of([request(), end, note])
    assert fold.outcome_of(LANE[0])["facts"] == {"runner_ms": 1.0, "unoptimized": {"passed": True}}
    assert end["facts"] == {"runner_ms": 1.0}
    assert outcomes(Fold.of([request(), note]), LANE[:1]) == [None]


def test_a_second_look_that_takes_the_process_down_costs_no_case():
    events = [request(), START, HELLO, IMPORTED, started(LANE[0]), done(LANE[0], "failed")]
    assert Fold.of(events).attribute(crashed(), LANE[1:], again=False) is None
    assert outcomes(Fold.of(events), LANE[:2]) == ["failed", None]
