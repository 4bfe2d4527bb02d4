"""The page and the feed of nights."""

import xml.etree.ElementTree as ET

import msgspec
import pytest

from matrixscan.errors import DamagedFileError, RecordVersionError
from matrixscan.records.night import Change, Entry, Log, Move, decode_log, encode_log
from matrixscan.reporters._changes import headline
from matrixscan.reporters._changes_md import render_changes
from matrixscan.reporters._feed_atom import feed_id, render_feed
from matrixscan.store.changes_log import LENGTH, read_log, with_entry, write_log

TORCH = (Move("torch", "2.15.1", "2.16.0"),)
FOUND = {"subject": "campplus/published", "lane": "torchscript, opset 13", "after": "compare: mismatch", "before": "ok"}
TOGETHER = (Move("torch", "2.15", "2.16"), Move("onnx", "1.1", "1.2"))
CONFIRMED = "; confirmed by a second run"
IN_B = " (torchscript, opset 13) in b"
BROKEN = Change("regression", "b", **FOUND, neighbour="a", moved=TORCH, runs=1)


def entry(*changes, day=2, **more):
    times = {"began": f"2026-01-{day:02}T03:00:00+00:00", "finished": f"2026-01-{day:02}T04:05:00+00:00"}
    return Entry(**times, changes=changes, **more)


def log(*entries):
    return Log(1, "tiny", feed_id("tiny", "2026-01-01T03:00:00+00:00"), entries)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            BROKEN,
            "torch 2.16.0 breaks campplus/published: compare: mismatch; torch 2.15.1 was good"
            + IN_B
            + "; confirmed by a second run",
        ),
        (
            msgspec.structs.replace(BROKEN, moved=(), decides=False, runs=2),
            "campplus/published: compare: mismatch; was ok" + IN_B + "; confirmed by 2 further runs; decides nothing",
        ),
        (
            msgspec.structs.replace(BROKEN, moved=TOGETHER, subject="", lane="", after="error"),
            "torch 2.16 with onnx 1.2 breaks the environment: error; torch 2.15 with onnx 1.1 was good in b"
            + CONFIRMED,
        ),
        (
            msgspec.structs.replace(BROKEN, kind="flaky"),
            "campplus/published: passes and fails with nothing changed; now compare: mismatch"
            + IN_B
            + "; a second run did not agree",
        ),
        (
            Change("fixed", "b", "x/y", "dynamo, opset 18", "export: error", "ok"),
            "x/y: passes; was export: error (dynamo, opset 18) in b",
        ),
        (Change("new", "b", after="3 good, 1 bad"), "3 good, 1 bad in b"),
        (Change("gone", "b", before="3 good"), "last known: 3 good in b"),
    ],
)
def test_a_change_is_one_line(change, line):
    assert f"\n- {line}\n" in render_changes(log(entry(change)))


def test_changes_that_differ_in_place_alone_are_one_line():
    many = [msgspec.structs.replace(BROKEN, combination=f"c{number}") for number in range(5)]
    text = render_changes(log(entry(*many)))
    assert text.count("breaks") == 1
    assert "in c0, c1, c2 and 2 more" in text
    assert headline(entry(*many)) == "1 regression"


def test_the_page_is_newest_first_and_says_what_is_left():
    text = render_changes(log(entry(BROKEN, day=3, left=("x",), notes=("the index sleeps",), measured=2), entry(day=2)))
    assert text.index("2026-01-03 04:05 UTC") < text.index("2026-01-02 04:05 UTC")
    for line in ("measured 2 environments", "left for the next night: x", "the index sleeps"):
        assert f"\n- {line}\n" in text


NASTY = "a]]>b & <script> \x1b[0m \x00 \ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def test_a_feed_holds_whatever_tools_say():
    text = render_feed(log(entry(msgspec.structs.replace(BROKEN, after=NASTY))))
    root = ET.fromstring(text.encode())  # noqa: S314  our own
    (content,) = root.iter("{http://www.w3.org/2005/Atom}content")
    assert "&lt;script&gt;" in content.text
    assert "\x1b" not in content.text


def test_identifiers_stay_when_nights_are_added():
    first, second = entry(BROKEN, day=2), entry(BROKEN, day=3)

    def ids(text):
        return [node.text for node in ET.fromstring(text.encode()).iter("{http://www.w3.org/2005/Atom}id")]  # noqa: S314

    one, two = ids(render_feed(log(first))), ids(render_feed(log(second, first)))
    assert one == ["tag:matrixscan,2026-01-01:tiny/030000", "tag:matrixscan,2026-01-01:tiny/030000/20260102030000"]
    assert two[0] == one[0]
    assert one[1] in two
    assert len(set(two)) == 3


def test_rendering_is_pure():
    made = log(entry(BROKEN))
    assert (render_feed(made), render_changes(made)) == (render_feed(made), render_changes(made))


def test_a_log_is_bounded_and_tells_a_night_once(tmp_path):
    kept = None
    for day in range(LENGTH + 20):
        times = {"began": f"{day:03}", "finished": "2026-01-01T00:00:00+00:00"}
        kept = with_entry(kept, "tiny", "tag:x", Entry(**times))
    kept = with_entry(kept, "tiny", "tag:y", Entry(f"{LENGTH + 19:03}", "2026-01-02T00:00:00+00:00", (BROKEN,)))
    assert (len(kept.entries), kept.feed, kept.entries[0].changes) == (LENGTH, "tag:x", (BROKEN,))
    assert read_log(tmp_path) is None
    write_log(tmp_path, kept)
    assert read_log(tmp_path) == kept


def test_a_log_that_is_damaged_or_newer_is_said(tmp_path):
    path = tmp_path / "changes.json"
    newer = msgspec.structs.replace(log(), schema_version=99)
    with pytest.raises(RecordVersionError, match="update matrixscan"):
        decode_log(encode_log(newer), path)
    with pytest.raises(DamagedFileError, match="the log begins anew"):
        decode_log(b"{}", path)
