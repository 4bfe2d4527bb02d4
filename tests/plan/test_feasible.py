import datetime as dt
import itertools
import time

import pytest

from matrixscan.catalog.types import CatalogLock, Release, Wheel
from matrixscan.plan.feasible import check_row, check_rows
from matrixscan.plan.wheels import Platform, best_wheel, this_platform

LINUX = Platform(
    system="linux",
    machine="x86_64",
    tags=(
        *("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
        *("manylinux1_x86_64", "linux_x86_64"),
    ),
    markers={
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_release": "6.1",
        "platform_system": "Linux",
        "platform_version": "#1",
        "sys_platform": "linux",
    },
)
MANYLINUX = "manylinux_2_17_x86_64.manylinux2014_x86_64"


def wheels(*pythons, platform=MANYLINUX):
    return tuple(Wheel(f"cp{python}-cp{python}-{platform}", 1) for python in pythons)


def catalog(**packages):
    named = {name.replace("_", "-"): tuple(releases) for name, releases in packages.items()}
    return CatalogLock(1, dt.datetime(2026, 11, 1, tzinfo=dt.UTC), "default", "0", {}, named)


TORCH = Release("1.11.0", wheels=wheels(37, 38, 39, 310), requires=("typing-extensions",))
ONNX = Release("1.23.2", requires_python=">=3.10", wheels=wheels(310, 313), requires=("numpy>=1.23.2",))
RUNTIME = Release("1.16.1", wheels=wheels(38, 39, 310, 311), requires=("numpy>=1.21.6", "protobuf"))
NUMPY = [Release("1.24.4", requires_python=">=3.8"), Release("2.1.0", requires_python=">=3.10")]
PROTOBUF = [Release("3.20.3", requires_python=">=3.7"), Release("4.25.3", requires_python=">=3.8")]
KNOWN = catalog(torch=[TORCH], onnx=[ONNX], onnxruntime=[RUNTIME], numpy=NUMPY, protobuf=PROTOBUF)


def check(row, requirements=None, known=KNOWN, where=LINUX):
    return check_row(row, requirements or {}, known, where)


def test_a_combination_that_can_be_has_no_problem():
    assert check({"python": "3.8", "torch": "1.11.0", "onnxruntime": "1.16.1"}) is None


def test_a_release_that_the_index_no_longer_has_is_named():
    found = check({"python": "3.8", "torch": "1.11.1"})
    assert (found.rule, found.words) == ("yanked-or-gone", "the index has no wheel of torch 1.11.1")


@pytest.mark.parametrize("row", [{"timm": "1.0.0"}, {"torch": "1.11.1+cpu"}])
def test_what_the_catalog_never_saw_may_be(row):
    assert check({"python": "3.8"} | row) is None


def test_another_spelling_of_a_version_is_the_same_release():
    known = catalog(sympy=[Release("1.4", wheels=wheels(38))])
    assert check({"python": "3.8", "sympy": "1.4.0"}, known=known) is None
    assert check({"python": "3.9", "sympy": "1.4.0"}, known=known).rule == "wheel-tags"


def test_a_yanked_release_that_is_there_may_be():
    known = catalog(torch=[Release("1.11.0", yanked=True, wheels=wheels(38))])
    assert check({"python": "3.8", "torch": "1.11.0"}, known=known) is None


def test_requires_python_names_both_sides():
    found = check({"python": "3.8", "onnx": "1.23.2"})
    assert (found.rule, found.words) == ("requires-python", "onnx 1.23.2 asks for Python >=3.10, this row has 3.8")


@pytest.mark.parametrize(
    ("asked", "python", "feasible"),
    [
        (">=3.8.1", "3.8", True),  # some patch of 3.8 is new enough
        (">=3.8.1", "3.8.0", False),
        (">=3.8,!=3.8.0", "3.8", True),
        ("<3.8", "3.8", False),
        ("==3.8.*", "3.8.18", True),
        (">=3.6.*", "3.5", True),  # not PEP 440: forbids nothing
        ("", "3.8", True),
    ],
)
def test_a_minor_python_stands_for_each_of_its_patches(asked, python, feasible):
    known = catalog(sympy=[Release("1.4", requires_python=asked, wheels=(Wheel("py3-none-any"),))])
    assert (check({"python": python, "sympy": "1.4"}, known=known) is None) == feasible


def test_a_python_without_a_wheel_says_which_there_are():
    found = check({"python": "3.13", "torch": "1.11.0"})
    assert found.rule == "wheel-tags"
    assert found.words == "no wheel of torch 1.11.0 for Python 3.13 on linux x86_64 (there are cp37 to cp310)"


@pytest.mark.parametrize(
    ("tags", "python", "feasible"),
    [
        ("cp38-cp38-manylinux1_x86_64", "3.8.18", True),
        ("cp37-cp37m-manylinux1_x86_64", "3.7", True),
        ("cp38-abi3-manylinux_2_27_x86_64", "3.13", True),
        ("cp38-abi3-manylinux_2_27_x86_64", "3.7", False),
        ("py2.py3-none-any", "3.13", True),
        ("py3-none-manylinux2014_x86_64", "3.8", True),
        ("cp313-cp313t-manylinux_2_28_x86_64", "3.13", False),  # for Python without a lock
        ("cp38-cp38-manylinux_2_31_x86_64", "3.8", False),  # newer libc
        ("cp38-cp38-manylinux2014_aarch64", "3.8", False),
        ("cp38-cp38-win_amd64", "3.8", False),
        ("cp38-cp38-musllinux_1_1_x86_64", "3.8", False),
        ("pp38-pypy38_pp73-manylinux2014_x86_64", "3.8", False),
    ],
)
def test_wheels_are_judged_for_the_python_of_the_row_and_not_for_ours(tags, python, feasible):
    known = catalog(onnx=[Release("1.14.1", wheels=(Wheel(tags),))])
    assert (check({"python": python, "onnx": "1.14.1"}, known=known) is None) == feasible


def test_wheels_for_other_systems_only_are_named():
    known = catalog(onnx=[Release("1.14.1", wheels=(*wheels(38, platform="win_amd64"), *wheels(39, platform="win32")))])
    assert check({"python": "3.8", "onnx": "1.14.1"}, known=known).words.endswith(
        "(there are some for win32, win_amd64)"
    )


def test_a_release_whose_wheels_nobody_looked_up_may_be():
    assert check({"python": "3.13", "onnx": "1.14.1"}, known=catalog(onnx=[Release("1.14.1")])) is None


def test_the_best_wheel_is_the_one_an_installer_takes():
    plain, any_python = Wheel("cp38-cp38-manylinux1_x86_64"), Wheel("py3-none-any")
    newest = Wheel("cp38-cp38-manylinux_2_27_x86_64")
    assert best_wheel((any_python, plain, newest), "3.8", LINUX) == newest
    assert best_wheel((plain, any_python), "3.9", LINUX) == any_python
    assert best_wheel((plain,), "3.9", LINUX) is None


def test_a_wheel_for_this_machine_is_found_on_this_machine():
    here = this_platform()
    assert best_wheel((Wheel(f"cp311-cp311-{here.tags[-1]}"),), "3.11", here) is not None
    assert {"sys_platform", "platform_machine"} <= here.markers.keys()


def test_a_dependency_that_excludes_another_axis_names_both():
    known = catalog(onnxscript=[Release("0.1", requires=("onnx>=1.16", "numpy"))], onnx=[Release("1.14.1")])
    found = check({"python": "3.8", "onnxscript": "0.1", "onnx": "1.14.1"}, known=known)
    assert found.rule == "declared-dependency"
    assert found.words == "onnxscript 0.1 asks for onnx >=1.16, this row has 1.14.1"


def test_names_are_compared_in_their_canonical_form():
    known = catalog(onnx=[Release("1.20.0", requires=("ML_Dtypes>=0.5",))], ml_dtypes=[Release("0.4.0")])
    assert check({"python": "3.10", "onnx": "1.20.0", "ml-dtypes": "0.4.0"}, known=known) is not None


@pytest.mark.parametrize(
    ("marker", "python", "feasible"),
    [
        ("python_version < '3.9'", "3.8", False),
        ("python_version < '3.9'", "3.10", True),  # not as text: 3.10 is newer
        ("sys_platform == 'win32'", "3.8", True),
        ("platform_machine == 'x86_64'", "3.8", False),
        ("python_full_version < '3.8.5'", "3.8", True),  # nobody knows which patch
        ("python_full_version < '3.8.5'", "3.8.1", False),
        ("extra == 'reference'", "3.8", True),
        ("implementation_name == 'pypy'", "3.8", True),
        ("nonsense == 'x'", "3.8", True),
    ],
)
def test_markers_hold_for_the_row_and_not_for_us(marker, python, feasible):
    known = catalog(torch=[Release("2.0.0", requires=(f"numpy<1.20 ; {marker}",))], numpy=NUMPY)
    row = {"python": python, "torch": "2.0.0", "numpy": "1.24.4"}
    assert (check(row, known=known) is None) == feasible


def test_a_companion_can_contradict_a_package():
    found = check({"python": "3.10", "onnx": "1.23.2"}, {"numpy": "<1.20"})
    assert found.rule == "declared-dependency"
    assert "a companion rule asks for numpy <1.20" in found.words


def test_packages_that_want_no_common_release_of_a_third_are_infeasible():
    known = catalog(
        onnx=[Release("1.14.1", requires=("protobuf>=3.20.2",))],
        torch=[Release("2.0.0", requires=("protobuf<4,>=3.19", "sympy"))],
        protobuf=[Release("3.20.1"), Release("4.25.3")],
    )
    found = check({"python": "3.8", "torch": "2.0.0", "onnx": "1.14.1"}, known=known)
    assert found.rule == "declared-dependency"
    assert "torch 2.0.0 asks for protobuf <4,>=3.19 and onnx 1.14.1 asks for protobuf >=3.20.2" in found.words or (
        "onnx 1.14.1 asks for protobuf >=3.20.2 and torch 2.0.0 asks for protobuf <4,>=3.19" in found.words
    )


def test_the_common_release_has_to_run_on_the_python():
    row = {"onnxruntime": "1.16.1"}
    assert check({"python": "3.10"} | row, {"numpy": ">=2"}) is None
    found = check({"python": "3.8"} | row, {"numpy": ">=2"})
    assert found.words == "a companion rule asks for numpy >=2, and no release of numpy for Python 3.8 fits"


@pytest.mark.parametrize("asked", ["==1.26.4", ">=3.0rc1", "===weird"])
def test_releases_that_a_catalog_leaves_out_may_fit(asked):
    # Pinned ones may be yanked, pre-releases are taken where nothing else fits.
    assert check({"python": "3.10", "onnxruntime": "1.16.1"}, {"numpy": asked}) is None


def test_unknown_and_unreadable_requirements_forbid_nothing():
    known = catalog(
        onnx=[Release("1.14.1", requires=None)], torch=[Release("2.0.0", requires=("numpy >=1.*", "a b c"))]
    )
    row = {"python": "3.8", "onnx": "1.14.1", "torch": "2.0.0", "numpy": "0.1"}
    assert check(row, known=known) is None


def test_the_first_rule_that_holds_is_named():
    found = check({"python": "3.13", "torch": "1.11.0", "onnx": "1.23.9"})
    assert found.rule == "yanked-or-gone"


def test_many_rows_are_answered_as_one_by_one():
    rows = [
        ({"python": python, "torch": "1.11.0", "onnxruntime": version}, {"numpy": asked})
        for python, version, asked in itertools.product(("3.8", "3.10", "3.13"), ("1.16.1", "1.0.0"), (">=2", "<2"))
    ]
    together = check_rows(rows, KNOWN, LINUX)
    assert list(together) == [check(row, asked) for row, asked in rows]
    assert 0 < sum(problem is None for problem in together) < len(rows)


def test_thousands_of_rows_take_seconds():
    pythons = [38, 39, 310, 311, 312, 313]
    packages = {
        name: [
            Release(
                f"1.{minor}.0",
                requires_python=f">=3.{6 + minor // 5}",
                wheels=wheels(*pythons[minor // 5 :]) * 5,
                requires=tuple(f"numpy>=1.{minor}; python_version >= '3.{n}'" for n in range(6, 12)),
            )
            for minor in range(20)
        ]
        for name in ("torch", "onnx", "onnxruntime")
    }
    packages["numpy"] = [Release(f"1.{minor}.{patch}") for minor in range(26) for patch in range(5)]
    rows = [
        ({"python": python, "torch": one, "onnx": other, "onnxruntime": third}, {"numpy": "<2"})
        for python in ("3.8", "3.13")
        for one, other, third in itertools.product([f"1.{minor}.0" for minor in range(20)], repeat=3)
    ][::4]
    begun = time.perf_counter()
    found = check_rows(rows, catalog(**packages), LINUX)
    assert len(found) == 4000
    assert 0 < sum(problem is None for problem in found) < len(rows)
    assert time.perf_counter() - begun < 12  # 3 s per thousand; some tenths of a second in all where nothing else runs
