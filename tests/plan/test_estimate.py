import datetime as dt

import msgspec
import pytest

from matrixscan.catalog.types import CatalogLock, Release, Wheel
from matrixscan.plan.estimate import Estimate, disk_problem, estimate, gigabytes, hours, words
from matrixscan.plan.ids import combination_id
from matrixscan.plan.wheels import Platform

LINUX = Platform("linux", "x86_64", ("manylinux2014_x86_64", "linux_x86_64"), {})
SMALL, LARGE = 10_000_000, 800_000_000


def wheel(python, size):
    return Wheel(f"cp{python}-cp{python}-manylinux2014_x86_64", size)


CATALOG = CatalogLock(
    1,
    dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
    "default",
    "0",
    {},
    {
        "torch": (Release("2.4.0", wheels=(wheel(38, LARGE), wheel(39, LARGE + 1)), requires=("nvidia-x==1",)),),
        "onnx": (
            Release("1.14.1", wheels=(wheel(38, SMALL), Wheel("cp38-cp38-win_amd64", 7)), requires=()),
            Release("1.16.0", wheels=(wheel(38, None),), requires=()),
        ),
    },
)
OTHERS = {"torch==2.4.0": {"nvidia-x==1": LARGE}}


def row(python="3.8", torch="2.4.0", onnx="1.14.1"):
    return {"python": python, "torch": torch, "onnx": onnx}


def figures(rows, **options):
    options = {"spent": {}, "others": OTHERS} | options
    return estimate(rows, CATALOG, LINUX, **options)


def test_every_wheel_counts_once():
    one, two = figures([row()]), figures([row(), row()])
    assert one.download_bytes == two.download_bytes == 2 * LARGE + SMALL
    assert one.unknown == ()


def test_the_wheel_of_another_python_is_another_wheel():
    found = figures([row(), {"python": "3.9", "torch": "2.4.0"}])
    assert found.download_bytes == 3 * LARGE + 1 + SMALL


def test_the_disk_holds_unpacked_wheels_and_something_for_each_environment():
    one, two = figures([row()]), figures([row(), row()])
    assert 2.0 < one.disk_bytes / one.download_bytes < 3.6
    assert 0 < two.disk_bytes - one.disk_bytes < 50_000_000
    assert one.largest_bytes == one.disk_bytes


def test_environments_that_are_copies_hold_everything_again():
    one, two = figures([row()], linked=False), figures([row(), row()], linked=False)
    assert two.disk_bytes - one.disk_bytes > 2 * LARGE
    assert one.disk_bytes > 1.9 * figures([row()]).disk_bytes


def test_what_is_there_already_costs_neither_download_nor_disk():
    found = figures([row()], present=[row()])
    assert found.download_bytes == 0
    assert found.disk_bytes < 50_000_000
    assert found.largest_bytes > LARGE


@pytest.mark.parametrize(
    ("rows", "others", "unknown"),
    [
        ([row(onnx="1.16.0")], OTHERS, "onnx==1.16.0"),  # no size
        ([row()], {}, "torch==2.4.0"),  # needs what nobody has seen
        ([row(onnx="9.9.9")], OTHERS, "onnx==9.9.9"),
    ],
)
def test_what_is_unknown_is_named_and_makes_the_figure_a_least(rows, others, unknown):
    found = figures(rows, others=others)
    assert found.unknown == (unknown,)
    assert words(found).startswith("at least ")


def test_time_is_what_a_combination_took_and_the_median_for_others():
    rows = [row(), row(onnx="1.16.0"), {"python": "3.9", "torch": "2.4.0"}]
    spent = {combination_id(rows[0]): 100.0, "elsewhere": 500.0, "another": 300.0}
    assert figures(rows, spent=spent).seconds == 100 + 300 + 300
    assert figures(rows, spent=spent, jobs=2).seconds == 350
    assert figures(rows).seconds is None


def test_an_estimate_is_said_in_figures():
    found = Estimate(38, 12_340_000_000, 41_000_000_000, 5_000_000_000, 12_000.0, ())
    assert words(found) == "12.4 GB to download, 41.0 GB of disk, about 3:20 h for 38 combinations"
    assert words(msgspec.structs.replace(found, seconds=None, combinations=1)).endswith(
        "time unknown for 1 combination"
    )


def test_figures_are_rounded_up():
    assert (gigabytes(1), gigabytes(0), hours(61), hours(36_000)) == ("0.1 GB", "0.0 GB", "0:02", "10:00")


def test_a_disk_that_will_not_hold_it_is_refused_with_the_figure():
    found = Estimate(38, 1, 41_000_000_000, 5_000_000_000, None, ())
    assert disk_problem(found, 41_000_000_000) is None
    short = disk_problem(found, 40_990_000_000)
    assert short.startswith("needs about 41.0 GB of disk, 40.9 GB are free; removing each environment")
    assert "5.0 GB at a time" in short
    assert "the largest combination alone takes about 5.0 GB" in disk_problem(found, 4_000_000_000)
    assert "at least 41.0 GB" in disk_problem(msgspec.structs.replace(found, unknown=("torch==2.4.0",)), 0)


def test_no_rows_need_nothing():
    found = estimate([], CATALOG, LINUX, spent={"x": 3.0})
    assert (found.combinations, found.download_bytes, found.disk_bytes, found.seconds) == (0, 0, 0, 0)
