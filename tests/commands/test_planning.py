"""What a plan says, without a network and before anything is installed."""

import datetime as dt
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from matrixscan import commands
from matrixscan.catalog.lock import lock_path, lock_text, make_lock
from matrixscan.catalog.types import Release, Wheel
from matrixscan.commands import planning
from matrixscan.commands.planning import DiskTooSmallError
from matrixscan.errors import NothingSelectedError
from matrixscan.matrix.reader import read_asked

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"
OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), NOWHERE)
DAY = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
SELECTING = {"python": ["3.8"], "torch": ["latest:3"], "onnx": ["900.1"], "onnxruntime": ["latest:2"]}
CELLS = [f"py38-torch{torch}-onnx900.1-ort{ort}" for torch in ("900.1", "900.2") for ort in ("900.1", "900.2")]


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


class Source:
    """An index that has the wheels of the stand-ins, and torch 900.3, which is for another Python only."""

    name = "default"

    def __init__(self, size=3_000_000_000):
        self.size = size

    def releases(self, names, *, absent=False):
        del absent
        versions = {"torch": ("900.1", "900.2", "900.3"), "onnx": ("900.1",), "onnxruntime": ("900.1", "900.2")}
        return {
            name: tuple(Release(version, DAY, wheels=(self.wheel(version),)) for version in versions[name])
            for name in names
            if name in versions
        }

    def wheel(self, version):
        return Wheel("cp313-cp313-any" if version == "900.3" else "py3-none-any", self.size)

    def requires(self, wanted):
        return {name: dict.fromkeys(some, ("numpy==1.24.4",)) for name, some in wanted.items()}


def lock(place, matrix="tiny", source=None):
    file = place.root / "matrices" / f"{matrix}.toml"
    lock_path(file).write_text(lock_text(make_lock(read_asked(file), source or Source(), DAY)))


@pytest.fixture
def selecting(workplace):
    workplace.matrix(axes=SELECTING)
    lock(workplace)
    return workplace


@pytest.fixture
def free(monkeypatch):
    def set_free(count):
        monkeypatch.setattr(planning.shutil, "disk_usage", lambda _: _Usage(10**15, 0, count))

    set_free(10**15)
    return set_free


@pytest.mark.usefixtures("free")
def test_a_plan_counts_what_cannot_be_by_its_rule_and_says_what_the_rest_costs(selecting):
    text = commands.describe_plan(selecting.request())
    assert "2 infeasible by wheel-tags:\n  2 x no wheel of torch 900.3 for Python 3.8 on linux" in text
    assert "4 combinations x 10 cases of 2 probes\n" in text
    assert "factored: 2 export sides and 2 run sides\n" in text
    # torch 900.1 and 900.2, onnx, and two of onnxruntime
    assert "15.0 GB to download" in text
    assert "of disk, time unknown for 4 combinations\n" in text
    assert "too much" not in text
    assert not (selecting.root / ".matrixscan").exists()


def test_a_disk_that_is_too_small_refuses_with_the_figure_and_reclaim_lifts_that(selecting, free, monkeypatch):
    free(20 * 10**9)
    assert "too much for this disk: it needs" in commands.describe_plan(selecting.request())
    with pytest.raises(DiskTooSmallError, match=r"the scan needs .* of disk, 20\.0 GB are free; .* add --reclaim"):
        selecting.scan()
    assert selecting.notices == []
    assert not (selecting.root / ".matrixscan").exists()
    with pytest.raises(DiskTooSmallError):
        commands.scan_cell(selecting.request(), "py38-ort900.1", selecting.notices.append)
    reached = []
    monkeypatch.setattr("matrixscan.commands.scanning.scan_sides", lambda *_: reached.append(1))
    selecting.scan(reclaim=True)
    assert reached == [1]


def test_what_this_scan_has_downloaded_already_does_not_count_against_it(selecting, free):
    """Sessions of Nox each look at the disk: what the first of them put there must not refuse the others."""
    request = selecting.request()
    commands.scan_cell(request, "py38-torch900.1-onnx900.1", selecting.notices.append)
    free(10**9)
    commands.scan_cell(request, "py38-torch900.2-onnx900.1", selecting.notices.append)
    assert selecting.side("py38-torch900.2-onnx900.1") is not None
    with pytest.raises(DiskTooSmallError):
        commands.scan_cell(selecting.request(scan="1.0"), "py38-ort900.1", selecting.notices.append)


@pytest.mark.usefixtures("free")
def test_what_was_measured_gives_the_time(scanned):
    scanned.matrix(axes=SELECTING)
    lock(scanned)
    text = commands.describe_plan(scanned.request())
    assert "0.0 GB to download" in text
    assert "for 0 combinations" in text
    shutil.rmtree(scanned.root / ".matrixscan/tiny/py38-ort900.1")
    assert "about 0:01 h for 1 combination\n" in commands.describe_plan(scanned.request())


def test_an_infeasible_combination_that_is_named_says_why(selecting):
    code, output, words = selecting.call("plan", "tiny", "--cell", "py38-torch900.3-onnx900.1-ort900.1", **OFFLINE)
    assert (code, output) == (3, "")
    assert "is infeasible (wheel-tags); no wheel of torch 900.3 for Python 3.8" in words
    with pytest.raises(NothingSelectedError):
        selecting.scan(cells=("py38-torch900.3-onnx900.1-ort900.2",))


def test_the_combinations_of_a_factored_matrix_are_listed(selecting):
    code, output, words = selecting.call("list", "tiny", **OFFLINE)
    assert (code, output.split()) == (0, CELLS), words


@pytest.mark.usefixtures("free")
def test_infeasible_rows_are_in_the_table(selecting):
    selecting.scan(cells=(CELLS[0],))
    cells = {cell["id"]: cell for cell in selecting.results()["cells"]}
    gone = cells["py38-torch900.3-onnx900.1-ort900.1"]
    assert (gone["verdict"], gone["stage"], gone["outcome"]) == ("bad", "resolve", "infeasible")
    assert "no wheel of torch 900.3" in gone["error"]["message"]
    assert (cells[CELLS[0]]["verdict"], cells[CELLS[3]]["verdict"]) == ("good", "unknown")


@pytest.mark.usefixtures("free")
def test_a_release_that_vanished_since_the_lock_is_a_finding_and_the_others_are_scanned(selecting):
    (selecting.wheels / "torch-900.2-py3-none-any.whl").unlink()
    (selecting.wheels / "onnxruntime-900.2-py3-none-any.whl").unlink()
    outcome = selecting.scan()
    assert outcome.exit_code == 0
    cells = {cell["id"]: cell for cell in selecting.results()["cells"]}
    assert cells[CELLS[0]]["verdict"] == "good"
    for name in CELLS[1:]:
        assert (cells[name]["verdict"], cells[name]["stage"], cells[name]["outcome"]) == (
            "bad",
            "resolve",
            "infeasible",
        )
    assert cells[CELLS[2]]["error"]["type"] == "NoSuchRelease"
    assert "torch==900.2" in cells[CELLS[2]]["error"]["message"]
    assert "onnxruntime==900.2" in cells[CELLS[1]]["error"]["message"]


def test_the_published_matrix_is_planned_offline_in_seconds(workplace):
    shutil.copytree(ROOT / "matrices", workplace.root / "matrices", dirs_exist_ok=True)
    began = time.monotonic()
    code, output, words = workplace.call(
        "plan", "eras", **OFFLINE, UV_DEFAULT_INDEX=f"{NOWHERE}/simple", UV_OFFLINE="1"
    )
    assert code == 0, words
    assert time.monotonic() - began < 10
    assert " export sides and " in output
    assert " infeasible by wheel-tags:\n" in output
    assert "GB to download" in output
