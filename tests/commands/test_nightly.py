"""Nights over an index on this machine: real environments, stand-in packages, releases that come in between."""

import hashlib
import json
import re
import shutil
import xml.etree.ElementTree as ET

import fake_packages
import pytest
from dated_index import DatedPackages
from fake_index import FakeIndex

from matrixscan import commands
from matrixscan.catalog.index import Index
from matrixscan.store.history import History

AXES = {"python": ["3.8"], "torch": ["latest"], "onnx": ["900.1"], "onnxruntime": ["latest"]}
NUMPY = f"numpy=={fake_packages.NUMPY}"
OLD, NEW = "py38-torch900.1-onnx900.1-ort900.1", "py38-torch900.2-onnx900.1-ort900.1"


@pytest.fixture
def index(monkeypatch, tmp_path):
    for name, value in {
        "NO_PROXY": "127.0.0.1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "UV_NO_CONFIG": "1",
        "UV_HTTP_TIMEOUT": "10",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MATRIXSCAN_HISTORY", raising=False)
    monkeypatch.setitem(Index.__init__.__kwdefaults__, "backoff", 0.01)
    fake = FakeIndex()
    fake.serve()
    monkeypatch.setenv("UV_INDEX", f"{fake.root}/simple/")
    yield fake
    fake.stop()


class Watch:
    """A workplace whose packages come from the index, and its nights."""

    def __init__(self, place, index, folder):
        self.place, self.index = place, index
        self.packages = DatedPackages(index, folder)
        for name, versions in {"torch": ("900.1",), "onnx": ("900.1",), "onnxruntime": ("900.1",)}.items():
            for version in versions:
                self.release(name, version)
        self.matrix()

    def matrix(self, tables="[limits]\ndiagnose-seconds = 0\n", **more):
        fields = {"plan": "joint", "probes": ("mixed",), "axes": AXES} | more
        self.place.matrix(tables=tables, **fields)

    def release(self, name, version):
        files = fake_packages.files_of(name, version)
        self.packages.release(name, version, "2024-01-01", files=files, requires=[NUMPY])

    def night(self, **more):
        self.place.notices.clear()
        self.outcome = commands.nightly(self.place.request(), self.place.notices.append, **more)
        return self.outcome

    @property
    def folder(self):
        return self.place.root / "reports/tiny"

    @property
    def digest(self):
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    @property
    def page(self):
        return (self.folder / "changes.md").read_text()

    @property
    def entries(self):
        return json.loads((self.folder / "changes.json").read_text())["entries"]

    def changes(self, kind):
        return [change for change in self.entries[0]["changes"] if change["kind"] == kind]


@pytest.fixture
def watch(workplace, index, monkeypatch, tmp_path):
    monkeypatch.delenv("UV_FIND_LINKS")
    workplace.probe("mixed", variants=("plain", "bad-export", "bad-run"))
    # The models are different ones, and each of them decides.
    path = workplace.root / "probes/mixed.py"
    path.write_text(path.read_text().replace("# outputs", "# family = true\n# outputs"))
    return Watch(workplace, index, tmp_path / "dated")


def test_a_second_night_does_nothing(watch):
    assert watch.night().exit_code == 0, watch.outcome.text
    assert watch.place.worked_on == [OLD]
    assert "first night" in watch.outcome.text
    before = watch.digest
    lock = (watch.place.root / "matrices/tiny.lock.json").read_bytes()
    assert watch.night().exit_code == 0
    assert watch.outcome.text == "tiny: nothing new: every combination of the matrix is measured, and nothing changed\n"
    assert watch.place.notices == []
    assert watch.digest == before
    assert (watch.place.root / "matrices/tiny.lock.json").read_bytes() == lock


def test_a_new_release_that_breaks_a_probe_is_named(watch):
    watch.night()
    watch.release("torch", "900.2")
    assert watch.night().exit_code == 1
    said = "torch 900.2 breaks mixed/bad-export: compare: mismatch; torch 900.1 was good"
    for text in (watch.outcome.text, watch.page, (watch.folder / "feed.xml").read_text()):
        assert said in text
    assert "confirmed by a second run" in watch.page
    (change,) = watch.changes("regression")
    assert (change["combination"], change["neighbour"], change["runs"]) == (NEW, OLD, 1)
    assert "torch: new on the index: 900.2" in watch.outcome.text
    # The run that confirmed it left nothing behind but its record in the history.
    assert not list((watch.place.root / ".matrixscan/nightly/tiny").iterdir())
    with History.open(None, watch.place.root / ".matrixscan") as history:
        assert history.held()[0].records == 3
    before = watch.digest
    assert watch.night().exit_code == 0
    assert watch.digest == before
    check_feed(watch.folder / "feed.xml")
    assert str(watch.place.root) not in watch.page


def test_two_releases_in_one_night_are_told_apart(watch):
    watch.matrix(axes=AXES | {"torch": ["latest:2"], "onnxruntime": ["latest:2"]})
    watch.night()
    watch.release("torch", "900.2")
    watch.release("onnxruntime", "900.2")
    assert watch.night().exit_code == 1
    found = {
        (change["subject"], change["combination"], *(move["axis"] for move in change["moved"]))
        for change in watch.changes("regression")
    }
    both, other = "py38-torch900.2-onnx900.1-ort900.2", "py38-torch900.1-onnx900.1-ort900.2"
    assert found == {
        ("mixed/bad-export", NEW, "torch"),
        ("mixed/bad-export", both, "torch"),
        ("mixed/bad-run", other, "onnxruntime"),
        ("mixed/bad-run", both, "onnxruntime"),
    }


FLAKY = """\
def build(variant):
    import os

    import torch

    path = {path!r}
    with open(path, "a+") as file:
        file.seek(0)
        runs = file.read().split()
        mine = str(os.getpid())
        if mine not in runs:
            runs.append(mine)
            file.write(mine + " ")
    return torch.Scale("wrong" if runs.index(mine) in {wrong} else "plain")
"""


def flaky_probe(watch, wrong):
    """Let the probe go wrong in runs of these numbers."""
    path = watch.place.root / "probes/mixed.py"
    watch.place.probe("mixed")
    text = path.read_text()
    begin, end = text.index("def build"), text.index("def inputs")
    source = FLAKY.format(path=str(watch.place.root / "runs.txt"), wrong=set(wrong))
    path.write_text(f"{text[:begin]}{source}\n\n{text[end:]}")


def test_a_flaky_probe_is_flaky_and_no_regression(watch):
    flaky_probe(watch, {1})
    assert watch.night().exit_code == 0
    watch.release("torch", "900.2")
    assert watch.night().exit_code == 0
    assert "mixed/plain: passes and fails with nothing changed; now compare: mismatch" in watch.outcome.text
    assert "a second run did not agree" in watch.page
    assert watch.changes("regression") == []
    (change,) = watch.changes("flaky")
    assert change["combination"] == NEW
    before = watch.digest
    assert watch.night().exit_code == 0
    assert watch.digest == before
    shown = commands.show_history().text
    assert "Flaky" in shown
    assert "1 x failed, 1 x passed" in shown


def test_what_history_knows_to_be_flaky_is_neither_fixed_nor_broken(watch):
    flaky_probe(watch, {1})
    watch.night()
    watch.release("torch", "900.2")
    watch.night()
    # Measured once more it passes.
    watch.place.scan(fresh=True, cells=(NEW,))
    assert watch.night().exit_code == 0
    assert "nothing new" in watch.outcome.text


def test_more_runs_may_be_asked_for(watch):
    flaky_probe(watch, {1, 2})
    watch.matrix(tables="[limits]\ndiagnose-seconds = 0\n[nightly]\nconfirm = 2\n")
    watch.night()
    watch.release("torch", "900.2")
    assert watch.night().exit_code == 0
    assert "2 further runs did not agree" in watch.page


def test_what_the_budget_leaves_is_said_and_done_the_next_night(watch):
    watch.matrix(axes=AXES | {"torch": ["latest:2"]})
    watch.release("torch", "900.2")
    assert watch.night(budget="0s").exit_code == 0
    assert f"left for the next night: {OLD}, {NEW}" in watch.outcome.text
    assert not (watch.folder / "records").exists()
    watch.night(budget="0.001s")
    assert watch.place.worked_on == [OLD]
    assert f"left for the next night: {NEW}" in watch.page
    # What broke is compared with the night before, although the release is no news any more.
    assert watch.night(budget="1h").exit_code == 1
    assert "torch 900.2 breaks mixed/bad-export" in watch.page
    assert len(watch.entries) == 2


def test_a_release_that_waited_while_its_predecessor_left_is_still_compared_with_it(watch):
    watch.night()
    watch.release("torch", "900.2")
    watch.night(budget="0s")
    assert watch.night().exit_code == 1
    assert "torch 900.2 breaks mixed/bad-export: compare: mismatch; torch 900.1 was good" in watch.page


def test_an_index_that_does_not_answer_is_said_and_the_night_goes_on(watch, monkeypatch, tmp_path):
    watch.matrix(axes=AXES | {"torch": ["latest:2"]})
    watch.release("torch", "900.2")
    watch.night(budget="0.001s")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    for name in ("torch", "onnx", "onnxruntime"):
        watch.index.failing[f"/simple/{name}/"] = 100
    monkeypatch.setenv("UV_OFFLINE", "1")
    before = (watch.place.root / "matrices/tiny.lock.json").read_bytes()
    outcome = watch.night()
    assert "the package index does not answer: the lock of" in outcome.text
    assert (watch.place.root / "matrices/tiny.lock.json").read_bytes() == before
    assert watch.index.root not in outcome.text


def test_an_interrupted_night_goes_on_and_is_compared_with_what_was_known_before_it(watch, monkeypatch):
    from matrixscan.commands import night

    watch.night()
    watch.release("torch", "900.2")

    def interrupted(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(night, "report", interrupted)
        with pytest.raises(KeyboardInterrupt):
            watch.night()
    with monkeypatch.context() as patch:
        patch.setattr(night, "confirm", interrupted)
        with pytest.raises(KeyboardInterrupt):
            watch.night()
    assert watch.night().exit_code == 1
    assert watch.place.worked_on == [NEW]  # once more, to confirm it
    assert len(watch.entries) == 2
    assert watch.night().exit_code == 0


def test_a_scan_by_hand_in_between_hides_nothing(watch):
    watch.night()
    watch.release("torch", "900.2")
    commands.lock("tiny")
    watch.place.scan()
    assert watch.night().exit_code == 1
    assert "torch 900.2 breaks mixed/bad-export" in watch.page


def test_published_records_of_others_count(watch):
    watch.night()
    before = watch.digest
    shutil.rmtree(watch.place.root / ".matrixscan")
    assert watch.night().exit_code == 0
    assert "nothing new" in watch.outcome.text
    assert watch.digest == before


def test_a_factored_plan_measures_new_sides_and_confirms_both(watch):
    watch.matrix(plan="factored")
    assert watch.night().exit_code == 0
    watch.release("torch", "900.2")
    assert watch.night().exit_code == 1, watch.outcome.text
    assert "torch 900.2 breaks mixed/bad-export" in watch.page
    assert "confirmed by a second run" in watch.page
    before = watch.digest
    assert watch.night().exit_code == 0
    assert watch.digest == before


def test_a_wide_plan_does_the_same(watch, monkeypatch):
    from matrixscan.commands import wide

    monkeypatch.setattr(wide, "WIDE", 0)
    watch.matrix(plan="factored")
    assert watch.night().exit_code == 0
    watch.release("torch", "900.2")
    assert watch.night().exit_code == 1, watch.outcome.text
    assert "torch 900.2 breaks mixed/bad-export" in watch.page
    before = watch.digest
    assert watch.night().exit_code == 0
    assert watch.digest == before


def test_the_command_line_does_it_too(watch):
    code, output, words = watch.place.call("nightly", "tiny", "--history", "mine.sqlite", "--feed", "public/feed.xml")
    assert code == 0, words
    assert "first night" in output
    check_feed(watch.place.root / "public/feed.xml")
    assert not (watch.folder / "feed.xml").exists()
    assert (watch.place.root / "mine.sqlite").is_file()
    watch.release("torch", "900.2")
    code, output, words = watch.place.call("nightly", "tiny", "--history", "mine.sqlite")
    assert (code, "torch 900.2 breaks mixed/bad-export" in output) == (1, True), words
    code, output, words = watch.place.call("history", "show", "--history", "mine.sqlite")
    assert code == 0, words
    assert "tiny" in output
    code, output, words = watch.place.call("history", "trends", "--probe", "mixed", "--history", "mine.sqlite")
    assert code == 0, words
    assert "900.1" in output
    assert watch.place.call("history", "trends", "--probe", "mixt", "--history", "mine.sqlite")[0] == 2
    assert watch.place.call("nightly", "tiny", "--budget", "soon")[0] == 2
    assert watch.place.call("nightly", "tiny", "--history", "mysql://me:secret@x/y")[0] == 2


ATOM = "{http://www.w3.org/2005/Atom}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
TAG = r"tag:[a-z0-9.-]+,\d{4}(-\d\d(-\d\d)?)?:[A-Za-z0-9./%_~-]+"


def check_feed(path):
    """Assert what RFC 4287 asks of a feed of this sort."""
    root = ET.parse(path).getroot()  # noqa: S314  our own
    assert root.tag == f"{ATOM}feed"
    once = ("id", "title", "updated")
    entries = root.findall(f"{ATOM}entry")
    for node in (root, *entries):
        assert all(len(node.findall(f"{ATOM}{name}")) == 1 for name in once)
        assert re.fullmatch(TAG, node.findtext(f"{ATOM}id"))
        assert re.fullmatch(TIME, node.findtext(f"{ATOM}updated"))
        assert node.findtext(f"{ATOM}title").strip()
    assert [child.tag for child in root.find(f"{ATOM}author")] == [f"{ATOM}name"]
    known = {"id", "title", "updated", "author", "generator", "entry"}
    assert {child.tag.removeprefix(ATOM) for child in root} <= known
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries) > 0
    for entry in entries:
        (content,) = entry.findall(f"{ATOM}content")
        assert content.get("type") == "html"
        assert not list(content)
        assert {child.tag.removeprefix(ATOM) for child in entry} == {"id", "title", "published", "updated", "content"}
