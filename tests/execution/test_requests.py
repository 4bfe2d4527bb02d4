"""What a harness is told of a probe, and which of its requirements are meant for an environment."""

import pytest

from matrixscan.execution.overlays import _applying, _moved
from matrixscan.execution.requests import effective_tolerances, probe_fields, tolerance_table
from matrixscan.matrix.probe import read_probe
from matrixscan.matrix.types import Bounds, Tolerances

HEAD = "# /// script\n# [tool.matrixscan]\n# export-size = { t = 20 }\n"
BODY = '# ///\n"""S."""\ndef build(variant): ...\ndef inputs(size, random): ...\n'
PER_PYTHON = ("a==0.5; python_version < '3.9'", "a==1.1; python_version >= '3.9'", "b>=1")


@pytest.fixture
def probe(tmp_path):
    def _probe(table=""):
        file = tmp_path / "mine.py"
        file.write_text(HEAD + "".join(f"# {line}\n" for line in table.splitlines()) + BODY)
        return read_probe(file)

    return _probe


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ("3.8.18", (PER_PYTHON[0], "b>=1")),
        ("3.9.0", PER_PYTHON[1:]),
        ("3.10.4", PER_PYTHON[1:]),  # as a number it would come before 3.9
        ("3.13.0rc2", PER_PYTHON[1:]),
    ],
)
def test_requirements_are_chosen_by_the_python_of_the_combination(python, expected):
    assert _applying(PER_PYTHON, python) == expected


def test_a_marker_may_look_at_the_whole_version():
    asked = ("a; python_full_version < '3.8.10'", "b; sys_platform == 'linux'", "c; extra == 'x'", "d")
    assert _applying(asked, "3.8.9") == ("a; python_full_version < '3.8.10'", "b; sys_platform == 'linux'", "d")
    assert _applying(asked, "3.8.10") == ("b; sys_platform == 'linux'", "d")
    assert _applying((), "3.8.10") == ()


PACKAGES = {"torch": "2.4.0+cpu", "ml-dtypes": "0.5.0", "onnx": "1.17.0rc1"}
MOVED = {
    "another package": (["einops==0.6"], ""),
    "any version": (["torch", "ml_dtypes"], ""),
    "fits": (["torch>=2.0,<2.5", "einops"], ""),
    "the same without the build": (["torch==2.4.0"], ""),
    "a candidate": (["onnx>=1.16"], ""),
    "older": (["einops", "torch<2.0"], "the probe asks for torch<2.0, this combination has torch 2.4.0+cpu"),
    "other spelling": (["ML_Dtypes==0.4"], "the probe asks for ML_Dtypes==0.4, this combination has ML_Dtypes 0.5.0"),
    "with a marker": (
        ["torch==1.0; python_version < '3.9'"],
        'the probe asks for torch==1.0; python_version < "3.9", this combination has torch 2.4.0+cpu',
    ),
    "with extras": (
        ["onnx[reference]<1.0"],
        "the probe asks for onnx[reference]<1.0, this combination has onnx 1.17.0",
    ),
}


@pytest.mark.parametrize(("asked", "said"), MOVED.values(), ids=MOVED)
def test_a_requirement_that_would_move_a_package_of_the_environment_is_named(asked, said):
    found = _moved(asked, PACKAGES)
    assert found.startswith(said)
    assert bool(found) is bool(said)


def test_tolerances_are_those_of_the_matrix_unless_the_probe_or_its_output_says_otherwise(probe):
    matrix = Tolerances(rtol=1e-4, atol=1e-6, fp16=Bounds(0.1, 0.2))
    assert tolerance_table(probe(), matrix) == {"fp32": {"": (1e-4, 1e-6)}, "fp16": {"": (0.1, 0.2)}}
    assert tolerance_table(probe("rtol = 0.5"), matrix)["fp32"] == {"": (0.5, 1e-6)}
    assert tolerance_table(probe("atol = 0.5"), matrix)["fp32"] == {"": (1e-4, 0.5)}
    assert tolerance_table(probe("fp16 = { rtol = 1, atol = 2 }"), matrix)["fp16"] == {"": (1.0, 2.0)}
    table = 'atol = 0.5\nfp16 = { rtol = 1, atol = 2 }\n[tool.matrixscan.compare]\n"e.y" = { rtol = 0.25 }\n'
    table += "z = { atol = 0.125, fp16 = { rtol = 3, atol = 4 } }\nn = { agree = 0.9 }\n"
    assert tolerance_table(probe(table), matrix) == {
        "fp32": {"": (1e-4, 0.5), "e.y": (0.25, 0.5), "z": (1e-4, 0.125), "n": (1e-4, 0.5)},
        "fp16": {"": (1.0, 2.0), "e.y": (1.0, 2.0), "z": (3.0, 4.0), "n": (1.0, 2.0)},
    }


def test_both_half_lanes_have_the_tolerance_of_half(probe):
    described = probe("[tool.matrixscan.compare.y]\nrtol = 0.5\nfp16 = { rtol = 1, atol = 2 }")
    expected = {("fp32", "y"): (0.5, 1e-5), ("fp32", "z"): (1e-3, 1e-5)}
    expected |= {(lane, "y"): (1.0, 2.0) for lane in ("fp16", "fp16-run")}
    expected |= {(lane, "z"): (1e-2, 1e-3) for lane in ("fp16", "fp16-run")}
    assert {key: effective_tolerances(described, Tolerances(), *key) for key in expected} == expected


def test_the_harness_is_told_all_it_needs_of_a_probe_in_plain_values(probe, tmp_path):
    import json

    (tmp_path / "w.npz").touch()
    table = """samples = 2
family = true
variants = ["a", "b"]
checkpoint = "w.npz"
outputs = ["y"]
dynamic = { x = { 0 = "n" } }
run-sizes = [{ t = 30 }]
[tool.matrixscan.compare]
y = { picture = true }
tokens = { agree = 0.9 }
[tool.matrixscan.stages.front]
outputs = ["h"]
dynamic = { x = { 1 = "t" } }
[tool.matrixscan.stages.back]
"""
    fields = probe_fields(probe(table), Tolerances(), tmp_path / "own")
    assert json.loads(json.dumps(fields)) == {
        "name": "mine",
        "file": str(tmp_path / "mine.py"),
        "row": None,
        "digest": probe(table).digest,
        "overlay": [str(tmp_path / "own")],
        "weights": None,
        "checkpoint": str(tmp_path / "w.npz"),
        "nonfinite": False,
        "open": False,
        "samples": 2,
        "tolerances": {
            "fp32": {"": [1e-3, 1e-5], "y": [1e-3, 1e-5], "tokens": [1e-3, 1e-5]},
            "fp16": {"": [1e-2, 1e-3], "y": [1e-2, 1e-3], "tokens": [1e-2, 1e-3]},
        },
        "agree": {"tokens": 0.9},
        "pictures": ["y"],
        "variants": ["a", "b"],
        "export_size": {"t": 20},
        "run_sizes": [{"t": 30}],
        "stages": {
            "": {"outputs": ["y"], "dynamic": {"x": {"0": "n"}}},
            "front": {"outputs": ["h"], "dynamic": {"x": {"1": "t"}}},
            "back": {"outputs": [], "dynamic": {}},
        },
    }
    assert list(fields["stages"]) == ["", "front", "back"]
    assert probe_fields(probe(), Tolerances(), None)["overlay"] == []
