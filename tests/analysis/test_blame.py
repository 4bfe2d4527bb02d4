"""Every rule of the table: a case in which it answers, and what keeps it from answering."""

import re
from pathlib import Path

import msgspec
import pytest

from matrixscan.analysis import blame as blaming
from matrixscan.analysis.blame import RULES, UNKNOWN, WHOSE, Evidence, blame

WRONG = Evidence(stage="compare", outcome="failed", reason="mismatch", unoptimized=False, runners_wrong=("1.18.1",))
EXPORT = Evidence(stage="export", outcome="failed", reason="error", error="RuntimeError: no")
FROZEN = Evidence(stage="run", outcome="failed", reason="shape_frozen", unoptimized=False)
MANY = ("1.16.3", "1.18.1", "1.20.1")


def but(evidence, **changes):
    return msgspec.structs.replace(evidence, **changes)


# rule -> the evidence for which it answers
ROWS = {
    "named-package": but(EXPORT, packaging="works with ml-dtypes 0.4.1, breaks from 0.5.0"),
    "environment": Evidence(stage="import", outcome="failed", error="ImportError: numpy"),
    "file-too-new": Evidence(
        stage="load",
        outcome="failed",
        error="Fail: Unsupported model IR version: 10, max supported IR version: 9",
        runners_right=("1.18.1",),
    ),
    "half": but(WRONG, reason="precision"),
    "optimized": but(WRONG, reason="optimizer", unoptimized=True, level="extended"),
    "baked-by-exporter": but(FROZEN, exporters_right=("dynamo",)),
    "baked": FROZEN,
    "exporter-died": Evidence(stage="export", outcome="crashed", error="SIGSEGV: ended by SIGSEGV"),
    "not-written": but(EXPORT, error="UnsupportedOperatorError: Exporting the operator 'aten::stft' to ONNX"),
    "written-elsewhere": but(EXPORT, torch_right=("2.4.0",)),
    "invalid-file": Evidence(stage="check", outcome="failed", reason="error", error="ValidationError: no"),
    "runner-died": Evidence(stage="run", outcome="crashed", error="SIGSEGV: ended by SIGSEGV"),
    "no-kernel": Evidence(stage="load", outcome="failed", error="NotImplemented: Could not find an implementation"),
    "other-release": but(WRONG, runners_right=("1.29.0",)),
    "evaluator-agrees": but(WRONG, reference=True, operator="AveragePool"),
    "node-agrees": but(WRONG, reference=False, node_reference=True, node_runner=False, operator="AveragePool"),
    "definition-changed": but(
        WRONG,
        reference=False,
        reference_agrees=True,
        runners_wrong=MANY,
        opset=18,
        opsets_right=(13,),
        operator="Softmax",
        operator_versions=(1, 11, 18),
    ),
    "written-wrong": but(WRONG, reference=False, reference_agrees=True, runners_wrong=MANY, torch_right=("1.11.0",)),
}

# What is known makes the answer another one, or none: rule -> changes of its row -> the rule that answers instead.
OTHERS = {
    "environment": ({"outcome": "infra"}, "no-rule"),
    "file-too-new": ({"error": "Fail: no"}, "no-rule"),
    "half": ({"reason": "mismatch"}, "no-rule"),
    "optimized": ({"unoptimized": None}, "no-rule"),
    "baked-by-exporter": ({"exporters_right": ()}, "baked"),
    "baked": ({"reason": "error"}, "no-rule"),
    "exporter-died": ({"reason": "memory"}, "no-rule"),
    "not-written": ({"error": "TypeError: no"}, "no-rule"),
    "written-elsewhere": ({"error": "AttributeError: module 'ml_dtypes' has no attribute 'float4_e2m1fn'"}, "no-rule"),
    "invalid-file": ({"outcome": "infra"}, "no-rule"),
    "runner-died": ({"reason": "memory"}, "no-rule"),
    "no-kernel": ({"unoptimized": True}, "optimized"),
    "other-release": ({"unoptimized": None}, "no-rule"),
    "evaluator-agrees": ({"unoptimized": None}, "no-rule"),
    "node-agrees": ({"node_runner": True}, "no-rule"),
    "definition-changed": ({"operator_versions": (1, 11)}, "written-wrong"),
    "written-wrong": ({"runners_wrong": MANY[:2]}, "no-rule"),
}


def test_every_rule_has_a_row_here_and_an_answer_that_exists():
    assert list(ROWS) == [rule.name for rule in RULES]
    assert {rule.whose for rule in RULES} | {UNKNOWN} == set(WHOSE)


@pytest.mark.parametrize("name", ROWS)
def test_a_rule_answers_with_its_evidence(name):
    found = blame(ROWS[name])
    assert (found.rule, found.whose) == (name, next(rule.whose for rule in RULES if rule.name == name))
    assert found.because
    assert all(found.because)


@pytest.mark.parametrize("name", OTHERS)
def test_a_rule_is_silent_where_its_evidence_is_not_complete(name):
    changes, expected = OTHERS[name]
    assert blame(but(ROWS[name], **changes)).rule == expected


def test_a_difference_between_two_exports_alone_says_nothing_of_whose_it_is():
    # The exact case of a pooling that one exporter writes around and another writes for a kernel that is wrong.
    found = blame(
        but(WRONG, unoptimized=None, torch_right=("1.11.0",), exporters_right=("dynamo",), opsets_right=(18,))
    )
    assert found.whose == UNKNOWN
    assert found.because == ("right from dynamo", "right at opset 18", "right from torch 1.11.0")
    found = blame(but(WRONG, torch_right=("1.11.0",), reference=False))
    assert found.whose == UNKNOWN


def test_the_evaluator_alone_convicts_nobody():
    assert blame(but(WRONG, reference=False)).whose == UNKNOWN
    assert blame(but(WRONG, reference=False, reference_agrees=True, runners_wrong=MANY[:1])).whose == UNKNOWN
    # One release of the runner in which the file is right outweighs an evaluator that disagrees with eager.
    found = blame(but(WRONG, reference=False, reference_agrees=True, runners_wrong=MANY, runners_right=("1.29.0",)))
    assert found.whose == blaming.KERNEL


def test_the_page_explains_every_rule_in_their_order():
    page = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    section = page.partition("## Whose fault it is")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \|", section, re.MULTILINE)
    assert rows == [(rule.name, rule.whose) for rule in RULES]
