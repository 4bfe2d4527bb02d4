"""The whole way to the release that broke a combination: a dated index, real environments, stand-in packages."""

import fake_packages
import pytest
from dated_index import DatedPackages
from fake_index import FakeIndex

from matrixscan import commands
from matrixscan.store.packaging import PackagingReports

CELL = "py38-torch900.1-onnx900.1-ort900.1"
AXES = {"python": ["3.8"], "torch": ["900.1"], "onnx": ["900.1"], "onnxruntime": ["900.1"]}
NUMPY = f"numpy=={fake_packages.NUMPY}"
ERA = "2023-08-31"  # thirty days after the axes came
TODAY = "2024-06-01"
GOOD = "word = 1\nversion = {version!r}\n"
BAD = "version = {version!r}\n"
#: Releases of a package that loses its word with 1.5.0.
TABLET = (
    ("1.3", "2023-05-01", GOOD),
    ("1.4.0", "2023-08-10", GOOD),
    ("1.4.1", "2024-01-01", GOOD),
    ("1.5.0", "2024-02-01", BAD),
    ("1.6.0", "2024-03-01", BAD),
    ("1.7.0", TODAY, BAD),
)
SLATE = (("1.0", "2023-05-01", GOOD), ("2.0", "2023-12-01", GOOD), ("3.0", "2024-01-05", GOOD), ("4.0", TODAY, GOOD))
USES_WORD = "import tablet\n\ntablet.word\n"


@pytest.fixture
def index(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    fake = FakeIndex()
    fake.serve()
    monkeypatch.setenv("UV_INDEX", f"{fake.root}/simple/")
    yield fake
    fake.stop()


@pytest.fixture
def place(workplace, index, monkeypatch, tmp_path):
    """A workplace whose packages all have dates."""
    monkeypatch.delenv("UV_FIND_LINKS")
    workplace.packages = DatedPackages(index, tmp_path / "dated")
    # A scan does not look by itself then.
    workplace.matrix(plan="joint", probes=("good",), axes=AXES, tables="[limits]\ndiagnose-seconds = 0\n")
    return workplace


def publish(place, before_export="", before_import="", packages=("tablet", "slate"), releases=None, ort="2023-08-01"):
    """Publish the axes, which require packages and do something before an export, or when onnx is imported."""
    for name, requires, files in fake_packages.sources(before_export, before_import):
        needs = [NUMPY, *(packages if name == "torch" else ()), *requires]
        uploaded = ort if name == "onnxruntime" else "2023-08-01"
        place.packages.release(name, "900.1", uploaded, files=files, requires=needs)
    for name, listed in (releases or {"tablet": TABLET, "slate": SLATE}).items():
        for version, uploaded, source, *more in listed:
            extra = more[0] if more else {}
            place.packages.release(name, version, uploaded, source.format(version=version), **extra)


def examine(place, **more):
    """Scan, examine, and return the record of that."""
    place.scan()
    return again(place, **more)


def again(place, **more):
    place.notices.clear()
    place.outcome = commands.packaging(place.request(), place.notices.append, **more)
    return PackagingReports(place.root / "reports", "tiny").read(CELL)


def flips(examination):
    return [(finding.package, finding.works, finding.breaks, finding.together) for finding in examination.findings]


def tried(place):
    """Return how many environments were run in this call."""
    return sum(notice.stage == "trial" and ": " in notice.text for notice in place.notices)


def test_the_release_that_breaks_an_export_is_named(place):
    publish(place, USES_WORD)
    record = examine(place)
    (found,) = record.examinations
    assert (found.stage, found.suspects, found.result) == ("export", ("tablet",), "found")
    assert found.case.startswith("good/plain/torchscript/opset13/fp32/onnxruntime-cpu/")
    assert flips(found) == [("tablet", "1.4.1", "1.5.0", {})]
    (finding,) = found.findings
    assert (finding.confirmed, finding.exact, finding.rest, finding.era_as_of) == (2, True, True, ERA)
    assert finding.error.message == "module 'tablet' has no attribute 'word'"
    assert found.era_as_of == ERA
    assert (found.era["tablet"], record.today["tablet"]) == ("1.4.0", "1.7.0")
    assert (found.era["slate"], record.today["slate"]) == ("1.0", "4.0")
    assert f"works with tablet 1.4.1, breaks from tablet 1.5.0 ({finding.tested} trials)" in place.outcome.text
    assert [(trial.purpose, trial.moved, trial.outcome) for trial in found.trials][:3] == [
        ("today", {"slate": "4.0", "tablet": "1.7.0"}, "failed"),
        ("era", {}, "passed"),
        ("moved", {"tablet": "1.7.0"}, "failed"),
    ]
    assert all(trial.lock for trial in found.trials)
    # What is there is not done again, and nothing of this machine is in it.
    assert again(place) == record
    assert place.notices == []
    text = PackagingReports(place.root / "reports", "tiny").path(CELL).read_text()
    assert str(place.root) not in text
    assert place.packages.index.root not in text
    assert not (place.root / f".matrixscan/packaging/tiny/{CELL}/env").exists()


def test_two_packages_that_break_it_together_are_both_named(place):
    source = (
        "import slate\nimport tablet\n\nif tablet.version >= '1.5' and slate.version >= '3':\n"
        "    raise RuntimeError('tablet and slate disagree')\n"
    )
    publish(place, source)
    (found,) = examine(place).examinations
    assert found.suspects == ("slate", "tablet")
    assert flips(found) == [
        ("slate", "2.0", "3.0", {"tablet": "1.7.0"}),
        ("tablet", "1.4.1", "1.5.0", {"slate": "4.0"}),
    ]
    assert [finding.rest for finding in found.findings] == [True, True]


def test_releases_that_cannot_be_had_are_skipped_and_named(place):
    tablet = [
        *TABLET[:3],
        ("1.4.2", "2024-01-02", GOOD, {"digest": "0" * 64}),
        ("1.4.3", "2024-01-03", GOOD, {"requires": ["slate>=99"]}),
        ("1.4.4", "2024-01-04", BAD, {"yanked": "broken"}),
        ("1.4.5rc1", "2024-01-05", BAD),
        ("1.4.6", "2024-01-05", BAD, {"requires-python": ">=3.12"}),
        *TABLET[3:],
    ]
    publish(place, USES_WORD, releases={"tablet": tablet, "slate": SLATE})
    (found,) = examine(place).examinations
    assert flips(found) == [("tablet", "1.4.1", "1.5.0", {})]
    (finding,) = found.findings
    assert (finding.skipped, finding.exact) == (("1.4.2", "1.4.3"), True)
    ends = {trial.moved["tablet"]: (trial.stage, trial.outcome) for trial in found.trials if trial.moved.get("tablet")}
    assert ends["1.4.2"] == ("install", "failed")
    assert ends["1.4.3"][0] == "resolve"


def test_a_package_that_stopped_bringing_another_is_named(place):
    bringing = [(*entry, {"requires": ["slate"]}) for entry in TABLET[:3]]
    without = [(version, day, GOOD) for version, day, _ in TABLET[3:]]
    publish(
        place,
        before_import="import slate\n",
        packages=("tablet",),
        releases={"tablet": [*bringing, *without], "slate": SLATE},
    )
    (found,) = examine(place).examinations
    assert found.suspects == ("slate",)
    assert flips(found) == [("tablet", "1.4.1", "1.5.0", {})]


def test_a_scan_looks_by_itself_and_its_table_says_what_broke(place):
    place.matrix(plan="joint", probes=("good",), axes=AXES)
    publish(place, USES_WORD)
    place.scan()
    table = (place.root / "reports/tiny/table.md").read_text()
    assert "whose: packaging (named-package: works with tablet 1.4.1, breaks from tablet 1.5.0" in table


def test_an_interrupted_search_goes_on_where_it_was(place, monkeypatch):
    from matrixscan.execution import packaging_trials

    publish(place, USES_WORD)
    place.scan()
    measured = []
    real = packaging_trials.measure

    def measure(run):
        if len(measured) == 4:
            measured.append("interrupted")
            raise KeyboardInterrupt
        measured.append(run)
        real(run)

    monkeypatch.setattr(packaging_trials, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        commands.packaging(place.request(), place.notices.append)
    measured.clear()
    record = again(place)
    assert flips(record.examinations[0]) == [("tablet", "1.4.1", "1.5.0", {})]
    runs = [trial for trial in record.examinations[0].trials if trial.lock]
    assert len(measured) == len(runs) - 4


def test_a_young_axis_beside_an_old_one_hides_nothing(place):
    place.matrix(plan="joint", probes=("good",), axes=AXES, tables='[releases]\ntransitive = "era"\n')
    publish(place, USES_WORD, ort="2024-05-15")
    (found,) = examine(place).examinations
    assert flips(found) == [("tablet", "1.4.1", "1.5.0", {})]
    assert found.era_as_of == ERA
    # The packages of its era are what the matrix took, so they are not tried again.
    assert [trial.purpose for trial in found.trials][:3] == ["today", "era", "moved"]
    assert found.trials[0].moved == {"slate": "4.0", "tablet": "1.7.0"}


def test_a_matrix_that_is_well_is_left_alone(place):
    publish(place)
    place.scan()
    stale = PackagingReports(place.root / "reports", "tiny").path(CELL)
    stale.parent.mkdir()
    stale.write_text("of a failure that is gone")
    assert again(place) is None
    assert place.outcome.text == "No failure smells of packaging.\n"


def test_a_factored_matrix_is_told_of_both_commands(workplace):
    text = commands.packaging(workplace.request(), workplace.notices.append).text
    assert "matrixscan scan tiny --joint, then matrixscan packaging tiny --joint" in text


def test_the_command_says_what_it_found(place):
    publish(place, USES_WORD)
    code, output, words = place.call("scan", "tiny")
    assert code in {0, 1}, words
    code, output, words = place.call("packaging", "tiny", "--trials", "12")
    assert code == 0, words
    assert "works with tablet 1.4.1, breaks from tablet 1.5.0" in output
    assert place.call("packaging", "tiny", "--cell", "nosuch")[0] == 2
