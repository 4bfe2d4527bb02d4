"""docs/matrix.md says what there is: every word of a selector, every key of its tables; its example can be read."""

import re
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from matrixscan.catalog.selectors import WORDS
from matrixscan.matrix.layout import ReleasesTable
from matrixscan.matrix.reader import read_asked, read_matrix
from matrixscan.matrix.types import Artifact, Limits, Reduction

PAGE = (Path(__file__).parents[2] / "docs" / "matrix.md").read_text(encoding="utf-8")


def documented(section):
    """Return the names in the first column of a section's table."""
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE).group(1)
    return {
        name for row in re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    }


def test_every_word_of_a_selector_is_explained_and_nothing_else_is():
    words = {re.split(r"[ :]", name)[0] for name in documented("Selectors")}
    assert words == {*WORDS, ">=1.13,<2"}


@pytest.mark.parametrize(
    ("section", "struct"),
    [
        ("Releases", ReleasesTable),
        ("Reduction", Reduction),
        ("Limits", Limits),
        ("A model without its source", Artifact),
    ],
)
def test_every_key_is_explained_and_nothing_else_is(section, struct):
    assert documented(section) == {field.encode_name for field in msgspec.structs.fields(struct)}


def test_the_example_can_be_read(tmp_path):
    (tmp_path / "m.toml").write_text(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL).group(1))
    assert set(read_asked(tmp_path / "m.toml").products[0]) == {"python", "torch", "onnx", "onnxscript", "onnxruntime"}


def test_the_example_of_a_model_without_its_source_can_be_read(tmp_path):
    section = PAGE.split("## A model without its source\n")[1]
    example = re.search(r"```toml\n(.*?)```", section, re.DOTALL).group(1)
    (tmp_path / "matrices").mkdir()
    (tmp_path / "matrices" / "m.toml").write_text(example)
    shutil.copy(Path(__file__).parents[1] / "models" / "tiny.onnx", tmp_path / "model.onnx")
    for name in re.findall(r"(\w+)\.npz", example):
        np.savez(tmp_path / f"{name}.npz", x=np.zeros((2, 4), np.float32))
    matrix = read_matrix(tmp_path / "matrices" / "m.toml")
    assert len(matrix.rows) == 3
    assert (len(matrix.artifact.inputs), len(matrix.artifact.outputs)) == (2, 2)
