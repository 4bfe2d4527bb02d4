"""The documentation says what there is: every key, every reason, every verb."""

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from matrixscan.harness import protocol
from matrixscan.matrix.backends import ExporterInfo, RunnerInfo, exporters, runners
from matrixscan.matrix.conditions import TEXTS
from matrixscan.matrix.layout import ProbeTable, RowTable
from matrixscan.matrix.types import Comparison, Expected, Stage

ROOT = Path(__file__).parent.parent
PROBES = (ROOT / "docs/probes.md").read_text(encoding="utf-8")
BACKENDS = (ROOT / "docs/backends.md").read_text(encoding="utf-8")


def documented(page, section=None):
    """Return the names in the first column of a page's tables, or of one section's."""
    if section is not None:
        page = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE).group(1)
    rows = re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)
    return {name.partition("(")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}


def keys(struct):
    return {field.encode_name for field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize(
    ("section", "struct"),
    [("The file", ProbeTable), ("Comparison", Comparison), ("Expected failures", Expected)],
)
def test_every_key_of_a_probe_is_in_the_table_of_its_section_and_nothing_else_is(section, struct):
    block = {"requires-python", "dependencies"} if struct is ProbeTable else set()
    assert documented(PROBES, section) == keys(struct) | block


def test_every_key_of_a_stage_is_named():
    words = re.search(r"Keys of `\[tool\.matrixscan\.stages\.NAME\]`: (.*?), with", PROBES).group(1)
    assert set(re.findall(r"`([^`]+)`", words)) == keys(Stage)


def test_every_key_and_generator_of_a_row_is_documented():
    from matrixscan.harness.rows import generators

    own = (keys(RowTable) - keys(ProbeTable)) | {"variants"}
    rows = documented(PROBES, "Tables of operator probes")
    assert rows == own | set(generators(np.random.RandomState(0)))


def test_every_condition_of_an_announcement_is_named():
    section = PROBES.split("Keys of `when`:")[1].split("\n\n")[0]
    assert {*TEXTS, "opset"} <= set(re.findall(r"`([a-z]+)`", section))


def test_every_reason_is_explained_and_nothing_else_is():
    assert documented(PROBES, "What is refused, and why") == set(protocol.REASONS)


def test_every_precision_is_explained():
    assert documented(PROBES, "Precision lanes") == set(protocol.PRECISIONS)


def test_every_constant_of_a_backend_is_documented():
    assert documented(BACKENDS, "Constants") == keys(ExporterInfo) | keys(RunnerInfo)


def test_every_backend_that_is_there_is_listed():
    assert documented(BACKENDS, "Those that are there") == {*exporters(), *runners()}


def test_every_matrix_is_listed():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = {name for name in documented(readme, "What is there") if name.startswith("matrices/")}
    assert {f"matrices/{file.name}" for file in (ROOT / "matrices").glob("*.toml")} <= listed


def test_every_verb_of_a_backend_is_documented():
    from matrixscan.harness.backends import find_exporter, find_runner

    verbs = set()
    for backend in (find_exporter("torchscript"), find_runner("onnxruntime-cpu")):
        verbs |= {name for name in vars(backend) if name.islower() and not name.startswith("_")}
    assert documented(BACKENDS, "Verbs") == verbs


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "AGENTS.md",
        "docs/probes.md",
        "docs/backends.md",
        "docs/matrix.md",
        "docs/nightly.md",
        "docs/recommend.md",
    ],
)
def test_links_and_anchors_lead_somewhere(page):
    prose = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", prose)
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}, target


def test_the_documented_example_of_a_backend_has_the_constants_the_host_needs(tmp_path):
    from matrixscan.matrix.backends import read_backend

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for page, name in ((BACKENDS, "jit.py"), (readme, "onnxruntime_unoptimised.py")):
        code = re.search(rf"backends/{name}`:\n\n```python\n(.*?)```", page, re.DOTALL).group(1)
        file = tmp_path / name
        file.write_text(code, encoding="utf-8")
        assert read_backend(file)
