"""The examples of the documentation, taken from it and run as they stand."""

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MATRIX = """\
[[combinations]]
python = "3.8"
torch = "1.11.0"
onnx = "1.14.1"
onnxruntime = "1.16.1"

[probes]
judge = ["../probes/speech_tagger.py"]
also = ["../probes/tiny.py", "../probes/loud_frames.py", "../probes/one_sided.py", "../probes/ops.toml"]

[cases]
exporters = ["torchscript", "jit"]
opsets = [13]
runners = ["onnxruntime-cpu", "libtorch", "onnxruntime-unoptimised"]
"""

pytestmark = pytest.mark.slow


def examples():
    """Return path -> text of every example that has a path in front of it."""
    found = {}
    for page in ("README.md", "docs/probes.md", "docs/backends.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        found |= dict(re.findall(r"`([\w/]+\.(?:py|toml))`:\n\n```\w+\n(.*?)```\n", text, re.DOTALL))
    return found


@pytest.fixture(scope="module")
def documented(tmp_path_factory, make_workplace):
    """Scan every example of a probe with a matrixscan that has every example of a backend."""
    place, texts = make_workplace(tmp_path_factory.mktemp("docs") / "project"), examples()
    shutil.copytree(ROOT / "matrixscan", place.folder / "lib/matrixscan")
    for path, text in texts.items():
        place.write(f"lib/{path}" if path.startswith("matrixscan/") else path, text)
    chosen = 'frames[:, loud] if side == "reference" else frames'
    place.write("probes/one_sided.py", texts["probes/loud_frames.py"].replace("frames[:, loud]", chosen))
    place.write("matrices/documented.toml", MATRIX)
    place.code, place.output = place.scan("documented", PYTHONPATH=str(place.folder / "lib"))
    return place


def cases(documented, probe):
    (cell,) = documented.results("documented")["cells"]
    return [case for case in cell["cases"] if case["probe"] == probe]


def test_the_worked_example_is_good_with_both_variants_and_three_backends(documented):
    assert documented.code == 0, documented.output
    found = cases(documented, "speech_tagger")
    assert {case["outcome"] for case in found} == {"passed"}, documented.output
    assert {case["variant"] for case in found} == {"published", "explicit"}
    assert len({str(case["size"]) for case in found}) == 3
    lanes = {(case["exporter"], case["runner"], case["witness"]) for case in found}
    assert lanes == {
        ("torchscript", "onnxruntime-cpu", False),
        ("torchscript", "onnxruntime-unoptimised", True),
        ("jit", "libtorch", False),
    }
    (cell,) = documented.results("documented")["cells"]
    assert cell["verdict"] == "good"


@pytest.mark.parametrize("probe", ["tiny", "loud_frames", "op_cumsum_reversed"])
def test_the_other_examples_pass(documented, probe):
    found = cases(documented, probe)
    assert found, documented.output
    assert {case["outcome"] for case in found if not case["witness"]} == {"passed"}, documented.output


def test_a_pipeline_whose_sides_differ_is_told_from_a_wrong_conversion(documented):
    found = [case for case in cases(documented, "one_sided") if not case["witness"]]
    assert {(case["stage"], case["reason"]) for case in found} == {("compare", "pipeline")}


def test_checking_the_worked_example_finds_nothing_to_object_to(documented):
    words = ("probe", "probes/speech_tagger.py", "--check", "--matrix", "mine")
    code, output = documented.call("matrixscan", *words)
    assert code == 0, output
    assert "18 cases: 2 variants x 3 lanes x 3 sizes" in output
