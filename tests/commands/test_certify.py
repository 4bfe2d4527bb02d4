"""Recommend and certify through whole commands: stand-in packages, real environments, harness, store and reports."""

import datetime as dt
import json
import shutil

import msgspec
import pytest

from matrixscan import commands
from matrixscan.analysis.recommended import Recommended
from matrixscan.errors import (
    EXIT_INFRASTRUCTURE,
    EXIT_UNEXPECTED,
    MatrixscanError,
    NothingSelectedError,
    UnknownNameError,
)

CELLS = [f"py38-torch{torch}-onnx900.1-ort{ort}" for torch in ("900.1", "900.2") for ort in ("900.1", "900.2")]
BEST = CELLS[3]
GOOD = ("good/plain", "mixed/plain")


class Place:
    """A scanned workplace, what is certified in it, and what is written about it."""

    def __init__(self, workplace, matrix="joint"):
        self.workplace, self.matrix = workplace, matrix
        self.folder = workplace.root / "reports" / matrix

    def certify(self, *cells, **more):
        self.workplace.notices.clear()
        given = {name: more.pop(name) for name in ("count", "today") if name in more}
        asked = self.workplace.request(self.matrix, cells=cells, **more)
        return commands.certify(asked, self.workplace.notices.append, **given)

    @property
    def rebuilt(self):
        return [notice.cell for notice in self.workplace.notices if "fresh environment" in notice.text]

    def read(self):
        return msgspec.json.decode((self.folder / "recommended.json").read_bytes(), type=Recommended)

    def names(self):
        patterns = ("recommended.*", "badge.json", "lock-*", "constraints-*")
        return sorted(path.name for pattern in patterns for path in self.folder.glob(pattern))

    def record(self, cell=BEST):
        path = self.folder / "records" / f"{cell}.json"
        return path, json.loads(path.read_text())


@pytest.fixture
def place(scanned):
    return Place(scanned)


@pytest.fixture(scope="session")
def _certified(tmp_path_factory, _scanned):
    """Where the best combination of each matrix is certified; look, do not touch."""
    root = tmp_path_factory.mktemp("certified") / "project"
    shutil.copytree(_scanned.root, root)
    made = type(_scanned).__new__(type(_scanned))
    made.root, made.notices, made.wheels = root, [], _scanned.wheels
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("UV_FIND_LINKS", str(made.wheels))
        made.outcomes = {name: Place(made, name).certify() for name in ("joint", "tiny")}
    return made


@pytest.fixture
def certified(_certified, tmp_path, monkeypatch):
    """A copy of it."""
    made = type(_certified).__new__(type(_certified))
    made.root, made.notices, made.wheels = tmp_path / "certified", [], _certified.wheels
    made.outcomes = _certified.outcomes
    shutil.copytree(_certified.root, made.root)
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("UV_FIND_LINKS", str(made.wheels))
    return Place(made)


def test_what_comes_first_is_rebuilt_from_its_lock_and_published(certified):
    outcome = certified.workplace.outcomes["joint"]
    assert outcome.exit_code == 0
    assert f"{BEST}: certified on" in outcome.text
    assert certified.names() == sorted(
        ["badge.json", "recommended.json", "recommended.md", f"constraints-{BEST}.txt", f"lock-{BEST}.txt"]
    )
    found = certified.read()
    assert [each.id for each in found.combinations] == [BEST]
    assert found.combinations[0].good_for[:2] == GOOD
    assert {each.combinations for each in found.audiences} == {(BEST,)}
    lock = (certified.folder / f"lock-{BEST}.txt").read_text()
    published = (certified.folder / "locks" / f"{BEST}.txt").read_text()
    hashes = [line.strip(" \\") for line in published.splitlines() if "--hash" in line]
    assert hashes
    assert all(line in lock for line in hashes)
    assert "http" not in lock
    record = json.loads((certified.folder / "certified" / f"{BEST}.json").read_text())
    assert {case["facts"].get("export", "made") for case in record["cases"] if case["outcome"] == "passed"} == {"made"}
    assert not list((certified.workplace.root / ".matrixscan/certifying/joint").glob("*/env"))


def test_a_second_time_nothing_is_done(certified):
    before = {path.name: path.read_bytes() for path in certified.folder.glob("*.*")}
    outcome = certified.certify()
    assert (outcome.exit_code, certified.rebuilt) == (0, [])
    assert "certified on" in outcome.text
    assert {path.name: path.read_bytes() for path in certified.folder.glob("*.*")} == before


def test_a_report_writes_the_same_from_what_is_stored(certified):
    before = {name: (certified.folder / name).read_bytes() for name in certified.names()}
    for name in before:
        (certified.folder / name).unlink()
    text = commands.report(certified.workplace.request("joint"), scanned=False).text
    assert {name: (certified.folder / name).read_bytes() for name in certified.names()} == before
    assert "(certified, stale after" in text


def test_a_stale_certification_is_made_again_and_the_earlier_one_is_kept(certified):
    late = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=400)
    text = commands.recommend(certified.workplace.request("joint"), today=late).text
    assert "- stale since" in text
    assert certified.certify(today=late).exit_code == 0
    assert certified.rebuilt == [BEST]
    assert (certified.folder / "certified" / f"{BEST}~1.json").is_file()
    assert certified.read().combinations[0].certifications == 2


def test_a_factored_combination_is_certified_jointly(certified):
    assert certified.workplace.outcomes["tiny"].exit_code == 0
    factored = Place(certified.workplace, "tiny")
    (best,) = factored.read().combinations
    assert (best.id, best.evidence) == (BEST, "factored")
    record = json.loads((factored.folder / "certified" / f"{BEST}.json").read_text())
    assert record["evidence"] == "joint"
    assert set(record["lock"]["packages"]) == {"numpy", "onnx", "onnxruntime", "torch"}
    assert "the scan had measured export and run apart" in (factored.folder / "recommended.md").read_text()


def test_what_factored_and_joint_evidence_do_not_agree_on_is_shown(scanned):
    factored = Place(scanned, "tiny")
    path, record = factored.record()
    wrong = next(case for case in record["cases"] if case["variant"] == "bad-run" and case["outcome"] == "failed")
    wrong |= {"outcome": "passed", "stage": None, "reason": None}
    wrong["outputs"] = [output | {"passed": True, "reason": None} for output in wrong["outputs"]]
    path.write_text(json.dumps(record))
    for side in (scanned.root / ".matrixscan/measured/tiny").glob("records/*.json"):
        side.unlink()  # what is published was measured elsewhere
    outcome = factored.certify(BEST)
    assert outcome.exit_code == 0
    assert f"{wrong['id']}: scan ok, certification compare: mismatch" in outcome.text
    assert wrong["id"] in (factored.folder / "recommended.md").read_text()


def test_a_tampered_lock_is_refused_before_anything_is_installed(place):
    path = place.folder / "locks" / f"{BEST}.txt"
    text = path.read_text()
    at = text.index("--hash=sha256:") + len("--hash=sha256:")
    path.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])
    outcome = place.certify(BEST)
    assert outcome.exit_code == EXIT_UNEXPECTED
    assert "is not the lock that was scanned (another SHA-256): some pin or hash in it was changed" in outcome.text
    assert (place.rebuilt, place.names()) == ([], [])


def tamper_both(place, name="torch"):
    """Change every hash of a package in the lock, and let the record say that this is the lock."""
    import hashlib
    import re

    path = place.folder / "locks" / f"{BEST}.txt"
    text = path.read_text()
    changed = re.sub(rf"(?<=\n){name}==(?:[^\n]*\\\n)*[^\n]*\n", lambda m: re.sub("sha256:..", "sha256:00", m[0]), text)
    assert changed != text
    path.write_text(changed)
    file, record = place.record()
    record["lock"]["sha256"] = hashlib.sha256(changed.encode()).hexdigest()
    file.write_text(json.dumps(record))


def test_a_hash_that_no_file_has_is_refused_by_the_installer_and_published_as_a_finding(place):
    tamper_both(place)
    outcome = place.certify(BEST)
    assert outcome.exit_code == EXIT_UNEXPECTED
    assert f"{BEST}: not certified" in outcome.text
    assert "install: failed" in outcome.text
    assert outcome.text.endswith("\n\nRecommendations: reports/joint/recommended.md\n")
    assert "hash" in outcome.text.lower()
    (refused,) = place.read().not_certified
    assert (refused.id, place.read().combinations) == (BEST, ())
    assert place.names() == ["badge.json", "recommended.json", "recommended.md"]
    assert "nothing certified" in (place.folder / "badge.json").read_text()


def test_where_the_best_is_refused_the_next_best_is_tried(place):
    tamper_both(place)
    outcome = place.certify()
    assert outcome.exit_code == 0
    assert place.rebuilt == [BEST, CELLS[2]]
    found = place.read()
    assert [each.id for each in found.combinations] == [CELLS[2]]
    assert found.audiences[0].waiting == (BEST,)
    # Known to be refused: it is not tried again, and neither is what is certified.
    assert place.certify().exit_code == 0
    assert place.rebuilt == []


def test_a_tampered_record_of_a_certification_withdraws_it(certified):
    path = certified.folder / "certified" / f"{BEST}.json"
    record = json.loads(path.read_text())
    record["lock"]["sha256"] = "0" * 64
    path.write_text(json.dumps(record))
    commands.report(certified.workplace.request("joint"), scanned=False)
    (refused,) = certified.read().not_certified
    assert any("is not the lock it was installed from" in reason for reason in refused.reasons)
    assert not list(certified.folder.glob("lock-*"))


def test_a_tampered_lock_of_a_certification_withdraws_it(certified):
    path = certified.folder / "certified" / f"{BEST}.txt"
    path.write_text(path.read_text().replace("900.2", "900.1", 1))
    commands.report(certified.workplace.request("joint"), scanned=False)
    assert certified.read().combinations == ()


def test_a_changed_probe_withdraws_what_was_certified(certified):
    certified.workplace.probe("good", comment="changed")
    commands.report(certified.workplace.request("joint"), scanned=False)
    found = certified.read()
    assert [each.good_for for each in found.combinations if each.complete] == []
    assert not list(certified.folder.glob("lock-*"))


def test_another_harness_has_to_scan_first(place):
    path, record = place.record()
    record["harness"] = "another"
    path.write_text(json.dumps(record))
    outcome = place.certify(BEST)
    assert outcome.exit_code == EXIT_UNEXPECTED
    assert "scanned with another harness" in outcome.text
    assert outcome.text.endswith("\n\nNothing is recommended.\n")
    assert not (place.folder / "recommended.md").exists()


def test_without_an_index_nothing_is_said_about_the_combination(place, monkeypatch, tmp_path):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_FIND_LINKS", "")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    outcome = place.certify(BEST)
    assert outcome.exit_code == EXIT_INFRASTRUCTURE
    assert "could not be tried" in outcome.text
    assert (place.names(), (place.folder / "certified").exists()) == ([], False)


def test_only_what_is_good_can_be_certified(scanned):
    place = Place(scanned)
    with pytest.raises(UnknownNameError, match="unknown scanned combination 'py38'"):
        place.certify("py38")
    scanned.matrix("empty", plan="joint")
    with pytest.raises(NothingSelectedError, match="empty has no results"):
        Place(scanned, "empty").certify()


def test_a_ranking_needs_no_network_and_says_its_reasons(scanned, monkeypatch):
    monkeypatch.setenv("UV_OFFLINE", "1")
    code, output, words = scanned.call("recommend", "joint", "--count", "2")
    assert code == 0, words
    block = output.split("for everything that decides")[1].split("\n\n")[0]
    assert f"1. {BEST}  confidence: medium" in block
    assert f"2. {CELLS[2]}" in block
    assert "~ measured once, everything in one environment; not certified" in block
    assert "+ 2 of 2 tested neighbours (one step on one axis) are good too" in block
    (scanned.root / "pins.txt").write_text("torch==900.1\nonnxruntime==900.2\n")
    code, output, _ = scanned.call("recommend", "joint", "--pins", "pins.txt", "--probe", "good")
    assert f"closest that works\n    1. {CELLS[1]}" in output
    assert "= moves none of yours" in output
    assert scanned.call("recommend", "joint", "--order", "closest")[0] == 2
    assert scanned.call("recommend", "joint", "--order", "closset")[2].startswith("unknown order 'closset'")
    code, _, words = scanned.call("recommend", "joint", "--python", "3.9")
    assert (code, words) == (3, "nothing selected: not scanned on 3.9; scanned: 3.8\n")
    code, _, words = scanned.call("recommend", "joint", "--python", "abc")
    assert (code, words) == (2, "--python abc: write a version such as 3.11\n")
    assert scanned.call("recommend", "joint", "--python", "3.8.1")[0] == 0
    assert (
        scanned.call("recommend", "joint", "--probe", "mixed/bad-run", "--count", "9")[1].count("ort900.1  conf") == 2
    )


def test_certified_combinations_are_pinned_and_others_are_not(certified):
    def pin(cell, kind="requirements", probes=()):
        return commands.pin(commands.Request("joint", probes=probes, cells=(cell,)), kind, None).text

    assert pin(BEST) == (certified.folder / f"lock-{BEST}.txt").read_text()
    assert pin(BEST, "constraints") == (certified.folder / f"constraints-{BEST}.txt").read_text()
    assert pin(BEST, probes=("mixed/refused",)) == pin(BEST)
    with pytest.raises(MatrixscanError, match=f"{CELLS[0]} is not certified; do that first"):
        pin(CELLS[0])
    with pytest.raises(UnknownNameError, match="unknown combination 'py38'"):
        pin("py38")
    with pytest.raises(UnknownNameError, match="unknown probe that it is certified for 'mixed/bad-run'"):
        pin(BEST, probes=("mixed/bad-run",))
    code, output, words = certified.workplace.call("pin", BEST, "--matrix", "joint", "--format", "pyproject")
    assert (code, words) == (0, "")
    assert 'requires-python = "==3.8.*"' in output


def test_a_scan_too_wide_for_records_is_ranked_by_its_tables_and_certified_jointly(scanned, monkeypatch):
    monkeypatch.setattr("matrixscan.commands.wide.WIDE", 1)
    place = Place(scanned, "tiny")
    assert "certified" not in commands.report(scanned.request("tiny"), scanned=False).text
    shutil.rmtree(place.folder / "records")
    text = commands.recommend(scanned.request("tiny")).text
    assert f"1. {BEST}  confidence: low" in text
    assert "~ margins were not kept" in text
    assert place.certify().exit_code == 0
    (best,) = place.read().combinations
    assert (best.id, best.evidence, best.complete) == (BEST, "factored", True)
    assert (best.neighbours.good, best.neighbours.bad) == (2, 0)
    assert "1 certified\n" in commands.report(scanned.request("tiny"), scanned=False).text
