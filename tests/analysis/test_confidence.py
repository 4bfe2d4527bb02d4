"""The rules of confidence, each by itself, and that docs/recommend.md tells them."""

import datetime as dt
import math
import re
from pathlib import Path

import msgspec
import pytest

from matrixscan.analysis.confidence import RULES, Figures, Neighbours, confidence, rank_of, reasons

PAGE = Path(__file__).parents[2] / "docs" / "recommend.md"
DAY = dt.date(2025, 2, 1)
BEST = Figures(
    evidence="joint",
    controlled=True,
    margin=50.0,
    neighbours=Neighbours(good=4),
    measured=DAY,
    certified=DAY,
    expires=DAY + dt.timedelta(days=90),
    today=DAY + dt.timedelta(days=5),
    released={"torch": dt.date(2025, 1, 1), "onnx": dt.date(2024, 1, 1)},
    undated=(),
)


def said(**changes):
    """Return the confidence and the words of the rule that concedes least."""
    found = reasons(msgspec.structs.replace(BEST, **changes))
    worst = min(found, key=lambda reason: rank_of(reason.level))
    return confidence(found), worst.words


def test_all_that_can_be_said_for_it_leaves_it_high():
    found = reasons(BEST)
    assert confidence(found) == "high"
    assert [reason.rule for reason in found] == [rule.name for rule in RULES]
    assert "the youngest release, of torch, came on 2025-01-01 (36 days before)" in [reason.words for reason in found]


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({"certified": None}, "medium", "measured once"),
        ({"certified": None, "evidence": "factored"}, "low", "never in one environment"),
        ({"margin": None}, "medium", "margins were not kept"),
        ({"margin": 9.99}, "medium", "smallest margin 9.99"),
        ({"margin": 2.0}, "medium", "smallest margin 2"),
        ({"margin": 1.99}, "low", "smallest margin 1.99, narrow"),
        ({"margin": 0.0}, "low", "narrow"),
        ({"neighbours": Neighbours()}, "medium", "no neighbour was tested"),
        ({"neighbours": Neighbours(unknown=3)}, "medium", "no neighbour was tested"),
        ({"neighbours": Neighbours(good=2, bad=2)}, "medium", "2 of 4 tested neighbours"),
        ({"neighbours": Neighbours(good=1, bad=2, unknown=1)}, "low", "1 of 3 tested neighbours"),
        ({"controlled": False}, "medium", "no control"),
        ({"today": DAY + dt.timedelta(days=91)}, "low", "stale since 2025-05-02"),
    ],
)
def test_what_lowers_it(changes, level, words):
    found, worst = said(**changes)
    assert found == level
    assert words in worst


@pytest.mark.parametrize(
    "changes",
    [
        {"margin": math.inf},
        {"margin": 10.0},
        {"released": {}, "undated": ("torch",)},
        {"undated": ("onnxruntime",)},
        {"evidence": "factored"},
        {"neighbours": Neighbours(good=1, unknown=3)},
        {"today": DAY + dt.timedelta(days=90)},
    ],
)
def test_what_does_not(changes):
    assert said(**changes)[0] == "high"


def test_the_last_answer_of_every_rule_always_holds():
    nothing = Figures("", False, 0.0, Neighbours(bad=1), None, None, None, DAY, {}, ())
    assert all(rule.steps[-1].holds(nothing) for rule in RULES)
    assert all(reason.words for reason in reasons(nothing))


def test_every_rule_is_documented_and_nothing_else_is():
    section = re.search(r"^## Confidence\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE).group(1)
    assert re.findall(r"^\| `([a-z]+)`", section, re.MULTILINE) == [rule.name for rule in RULES]
