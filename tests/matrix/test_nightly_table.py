"""`[nightly]` of a matrix, and durations."""

import re
from pathlib import Path

import msgspec
import pytest

from matrixscan.errors import MatrixFileError
from matrixscan.matrix.layout import NightlyTable
from matrixscan.matrix.nightly import seconds_of
from matrixscan.matrix.reader import read_matrix
from matrixscan.matrix.types import Nightly

PAGE = (Path(__file__).parents[2] / "docs/nightly.md").read_text(encoding="utf-8")
MATRIX = '[[combinations]]\npython = "3.8"\ntorch = "1.11.0"\n[probes]\njudge = ["campplus"]\n'


def read(folder, text):
    path = folder / "m.toml"
    path.write_text(MATRIX + text)
    return read_matrix(path)


def test_it_says_what_a_night_may_take(tmp_path):
    assert read(tmp_path, "").nightly == Nightly(5 * 3600.0, 1)
    assert read(tmp_path, '[nightly]\nbudget = "45m"\nconfirm = 3\n').nightly == Nightly(2700.0, 3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('budget = "soon"', "nightly.budget: 'soon' is no time (for example '90s', '45m' or '2h')"),
        ("confirm = 0", "nightly.confirm: must be between 1 and 20, got 0"),
        ("budget = 3", "nightly.budget: expected a string, got the number 3"),
        ("budgte = 3", "nightly.budgte: unknown key; did you mean 'budget'?"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, line, said):
    with pytest.raises(MatrixFileError, match=re.escape(said)):
        read(tmp_path, f"[nightly]\n{line}\n")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90.0),
        ("1.5h", 5400.0),
        ("0s", 0.0),
        ("45m", 2700.0),
        ("2", None),
        ("2d", None),
        ("h", None),
        ("-1s", None),
    ],
)
def test_durations(text, seconds):
    assert seconds_of(text) == seconds


def test_every_key_is_explained_and_nothing_else_is():
    section = PAGE.split("| key of `[nightly]` |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)) == {
        field.encode_name for field in msgspec.structs.fields(NightlyTable)
    }
