import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest
from fake_source import NOW, FakeSource, release
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.catalog.expand import Meaning, rows_of
from matrixscan.catalog.lock import (
    command,
    inputs_digest,
    lock_path,
    lock_text,
    make_lock,
    news,
    policy_of,
    read_lock,
)
from matrixscan.catalog.types import Asked, CatalogLock, Release, Wheel
from matrixscan.errors import DamagedFileError, RecordVersionError, SelectionError

PRODUCT = {
    "python": ("3.11",),
    "torch": ("minors >=1.13", "2.0.0"),
    "onnx": ("era:torch",),
    "onnxscript": ("era:onnx optional",),
}
ASKED = Asked((PRODUCT,), also=("scipy", "torch", "unknown"))


def test_a_lock_says_what_was_chosen_and_describes_what_rows_can_use():
    lock = make_lock(ASKED, FakeSource(), NOW)
    assert lock.made == dt.datetime(2026, 11, 21, 12, 30, 15, tzinfo=dt.UTC)
    assert lock.index == "custom-0"
    assert lock.chosen == {
        "torch": {"minors >=1.13": ("1.13.1", "2.0.1", "2.1.0")},
        "onnx": {"era:torch": ("1.13.0", "1.14.1")},
        "onnxscript": {"era:onnx optional": ("0.2.0",)},
    }
    torch = {found.version: found for found in lock.packages["torch"]}
    assert list(torch) == ["1.13.0", "1.13.1", "2.0.0", "2.0.1", "2.1.0"]
    assert torch["1.13.0"] == Release("1.13.0", dt.datetime(2022, 10, 28, tzinfo=dt.UTC))
    assert {version for version, found in torch.items() if found.wheels} == {"1.13.1", "2.0.0", "2.0.1", "2.1.0"}
    assert torch["2.1.0"].requires == FakeSource.requirements["torch"]


def test_packages_that_several_axes_require_are_listed_without_their_wheels():
    lock = make_lock(ASKED, FakeSource(), NOW)
    assert set(lock.packages) == {"torch", "onnx", "onnxscript", "numpy", "typing-extensions", "scipy"}
    assert [found.version for found in lock.packages["numpy"]] == ["1.26.0", "2.0.0"]
    assert all(found.requires_python and not found.wheels for found in lock.packages["numpy"])


def test_only_what_rows_can_use_is_asked_in_detail():
    source = FakeSource()
    make_lock(
        Asked(({"python": ("3.11",), "torch": ("latest", "2.0")},), rows=({"python": "3", "onnx": "9"},)), source, NOW
    )
    assert source.asked == [{"torch": {"2.1.0", "2.0.0"}, "onnx": set()}]


def test_every_selector_that_means_nothing_is_named():
    asked = Asked(({"python": ("3",), "torch": (">9",)}, {"python": ("3",), "onnx": ("latest <1",)}))
    with pytest.raises(SelectionError) as caught:
        make_lock(asked, FakeSource(), NOW)
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        "'>9' means no release of torch",
        "'latest <1' means no release of onnx",
    ]


def test_the_policy_reaches_the_selectors():
    lock = make_lock(msgspec.structs.replace(ASKED, exclude_newer=dt.date(2023, 9, 1)), FakeSource(), NOW)
    assert lock.chosen["torch"]["minors >=1.13"] == ("1.13.1", "2.0.1")


def test_the_digest_is_of_all_that_is_asked_whatever_the_order_of_axes():
    turned = msgspec.structs.replace(ASKED, products=(dict(reversed(PRODUCT.items())),))
    assert inputs_digest(turned) == inputs_digest(ASKED)
    others = [
        msgspec.structs.replace(ASKED, **{name: value})
        for name, value in {
            "products": ({**PRODUCT, "torch": ("minors",)},),
            "rows": ({"python": "3.8"},),
            "also": (),
            "exclude_newer": dt.date(2024, 1, 1),
            "min_age": 1.0,
            "era_grace": 1.0,
        }.items()
    ]
    assert len({inputs_digest(asked) for asked in [ASKED, *others]}) == 7


def test_a_lock_lies_beside_its_matrix_and_is_made_by_its_name():
    assert lock_path(Path("matrices/a.b.toml")) == Path("matrices/a.b.lock.json")
    assert command(Path("matrices/a.b.toml")) == "nox -s lock -- a.b"


def test_the_same_answers_make_the_same_text_and_a_release_is_a_line():
    one, two = (lock_text(make_lock(ASKED, FakeSource(), NOW)) for _ in range(2))
    assert one == two
    later = lock_text(make_lock(ASKED, FakeSource(), NOW + dt.timedelta(hours=1)))
    assert [line for line in later.splitlines() if line not in one.splitlines()] == [
        '  "made": "2026-11-21T13:30:15Z",'
    ]
    assert sum('"version":"2.0.1"' in line for line in one.splitlines()) == 1


def test_what_is_written_is_read_again(tmp_path):
    lock = make_lock(ASKED, FakeSource(), NOW)
    (tmp_path / "m.lock.json").write_text(lock_text(lock))
    again = read_lock(tmp_path / "m.lock.json")
    assert again == lock
    rows = [list(rows_of(PRODUCT, Meaning(one.packages, policy_of(ASKED, one.made)))) for one in (lock, again)]
    assert rows[0] == rows[1]
    assert rows[0] == list(rows_of(PRODUCT, Meaning(FakeSource.known, policy_of(ASKED, NOW))))


MOMENTS = st.integers(1_400_000_000, 1_900_000_000).map(lambda found: dt.datetime.fromtimestamp(found, dt.UTC))
TEXT = st.text(max_size=8)
RELEASES = st.builds(
    Release,
    TEXT,
    st.one_of(st.none(), MOMENTS),
    st.booleans(),
    TEXT,
    st.lists(st.builds(Wheel, TEXT, st.one_of(st.none(), st.integers(0, 2**40))), max_size=2).map(tuple),
    st.one_of(st.none(), st.lists(TEXT, max_size=2).map(tuple)),
)
LOCKS = st.builds(
    CatalogLock,
    st.just(1),
    MOMENTS,
    TEXT,
    TEXT,
    st.dictionaries(TEXT, st.dictionaries(TEXT, st.lists(TEXT, max_size=2).map(tuple), max_size=2), max_size=2),
    st.dictionaries(TEXT, st.lists(RELEASES, max_size=2).map(tuple), max_size=2),
)


@given(LOCKS)
def test_any_lock_survives_the_file(lock):
    assert msgspec.json.decode(lock_text(lock), type=CatalogLock) == lock
    assert json.loads(lock_text(lock))["schema_version"] == 1


def test_no_lock_is_none(tmp_path):
    assert read_lock(tmp_path / "none.lock.json") is None


def test_a_newer_lock_asks_for_an_update(tmp_path):
    (tmp_path / "m.lock.json").write_text('{"schema_version": 2, "all": "different"}')
    with pytest.raises(RecordVersionError, match=r"schema_version 2.*update matrixscan"):
        read_lock(tmp_path / "m.lock.json")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"schema_version": 1}', b'{"schema_version": "1"}', b"\xff\xfe"])
def test_a_damaged_lock_names_the_command_that_makes_it_again(tmp_path, body):
    (tmp_path / "m.lock.json").write_bytes(body)
    with pytest.raises(DamagedFileError, match=r"m\.lock\.json cannot be read: .*nox -s lock -- m$"):
        read_lock(tmp_path / "m.lock.json")


def test_news_name_what_came_what_went_and_what_was_yanked():
    torch = FakeSource.known["torch"]
    old = make_lock(ASKED, FakeSource(), NOW)
    changed = (
        torch[0],
        release("2.0.0", "2023-03-15", yanked=True),
        torch[3],
        torch[4],
        release("2.2.0", "2024-01-30"),
    )
    new = make_lock(ASKED, FakeSource(torch=changed, numpy=()), NOW)
    assert news(old, new) == (
        "torch: new on the index: 2.2.0",
        "torch 1.13.1 is gone from the index; the lock before used it",
        "torch 2.0.0 was yanked; the lock before used it",
        "onnx 'era:torch': now also 1.12.0",
        "torch 'minors >=1.13': now also 1.13.0, 2.2.0; no longer 1.13.1",
    )
    assert "torch 2.0.0 is no longer yanked" in news(new, old)
    assert news(new, new) == ()
