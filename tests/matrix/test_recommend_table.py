"""The table [recommend]: what it says, what is wrong with it, and its page."""

import re
from pathlib import Path

import msgspec
import pytest

from matrixscan.errors import MatrixFileError
from matrixscan.matrix.layout import RecommendTable
from matrixscan.matrix.reader import read_matrix
from matrixscan.matrix.types import Recommend

PAGE = (Path(__file__).parents[2] / "docs" / "recommend.md").read_text(encoding="utf-8")
HEAD = """
[[combinations]]
python = "3.8"
torch = "1.11.0"
onnx = "1.14.1"
onnxruntime = "1.16.1"
[probes]
judge = ["op_avg_pool_ceil"]
"""


def read(tmp_path, table):
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + table)
    return read_matrix(path).recommend


def test_its_defaults_are_those_of_the_layout(tmp_path):
    assert read(tmp_path, "") == Recommend() == Recommend(1, "newest", 7.0, 90.0)
    written = RecommendTable()
    again = f'[recommend]\ncount = {written.count}\nmin-age = "{written.min_age}"\nexpires = "{written.expires}"\n'
    assert read(tmp_path, again) == Recommend()


def test_the_example_of_the_page_is_read(tmp_path):
    example = re.search(r"```toml\n(\[recommend\]\n.*?)```", PAGE, re.DOTALL).group(1)
    assert read(tmp_path, example) == Recommend(2, "safest", 14.0, 60.0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("count = 0", "recommend.count: must be 1 or more, got 0"),
        ('order = "closest"', "recommend.order: unknown value 'closest'"),
        ('min-age = "a week"', "recommend.min-age: 'a week' is no number of days or weeks"),
        ('expires = "0d"', "recommend.expires: must be 1 day or more"),
        ("expires = 90", "recommend.expires: expected a string"),
        ('expire = "90d"', "recommend.expire: unknown key; did you mean 'expires'"),
    ],
)
def test_what_is_wrong_with_it_is_said_with_its_path(tmp_path, line, words):
    with pytest.raises(MatrixFileError) as caught:
        read(tmp_path, f"[recommend]\n{line}\n")
    assert words in str(caught.value)
    assert len(caught.value.problems) == 1


def test_every_key_is_explained_and_nothing_else_is():
    section = re.search(r"^## Settings\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE).group(1)
    documented = re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)
    assert documented == [field.encode_name for field in msgspec.structs.fields(RecommendTable)]
