import pytest

from matrixscan.matrix.conditions import TEXTS, holds

FACTS = {"torch": "2.4.0+cpu", "python": "3.8.18", "onnx": "1.17.0rc1", "exporter": "torchscript", "opset": 13}
FACTS |= {"variant": "published", "precision": "fp16-run", "stage": "export", "outcome": "failed", "reason": ""}
FACTS |= {"runner": "onnxruntime-cpu", "t": 200, "n": 1, "odd": "not a version"}

HOLDS = {
    "nothing asked": ({}, True),
    "version": ({"torch": ">=2.4"}, True),
    "version of a build": ({"torch": "==2.4.0"}, True),
    "version range": ({"torch": ">=2.0,<2.4"}, False),
    "version without": ({"torch": "!=2.4.0, <3"}, False),
    "any version": ({"torch": ""}, True),
    "numbers are not texts": ({"python": "<3.10"}, True),
    "candidate of the bound": ({"onnx": "<1.17"}, False),
    "candidate is before": ({"onnx": ">=1.17.0"}, False),
    "candidate": ({"onnx": ">=1.16,<1.17rc2"}, True),
    "axis that is not there": ({"torchvision": ">0"}, False),
    "axis without a version": ({"odd": ">0"}, False),
    "broken specifier": ({"torch": "2.4"}, False),
    "opset as a number": ({"opset": 13}, True),
    "other opset": ({"opset": 14}, False),
    "opset as a text": ({"opset": "13"}, True),
    "opset below": ({"opset": "<13"}, False),
    "opset up to": ({"opset": "<=13"}, True),
    "opset between": ({"opset": ">= 11, != 12 ,<17"}, True),
    "opset outside": ({"opset": ">=11,!=13"}, False),
    "size": ({"t": ">199"}, True),
    "size equal": ({"t": "== 200"}, True),
    "sizes": ({"t": ">199", "n": ">1"}, False),
    "size that is no number": ({"t": "long"}, False),
    "size below zero": ({"t": ">-1"}, True),
    "size that is not there": ({"w": ">0"}, False),
    "text": ({"exporter": "torchscript"}, True),
    "text with a star": ({"exporter": "torch*", "variant": "p?blished"}, True),
    "text in another case": ({"exporter": "TorchScript"}, False),
    "part of a text": ({"exporter": "torch"}, False),
    "a dash is no range": ({"precision": "fp16-run"}, True),
    "no text": ({"reason": ""}, True),
    "any text": ({"reason": "*", "stage": "*"}, True),
    "all have to hold": ({"torch": ">=2.4", "exporter": "torchscript", "opset": 13, "t": "200", "stage": "run"}, False),
    "all hold": ({"torch": ">=2.4", "exporter": "torchscript", "opset": 13, "t": "200", "stage": "export"}, True),
}


@pytest.mark.parametrize(("when", "expected"), HOLDS.values(), ids=HOLDS)
def test_whether_conditions_hold(when, expected):
    assert holds(when, FACTS) is expected


def test_a_text_is_never_taken_for_a_version():
    for key in TEXTS:
        assert holds({key: ">=1.0"}, {key: "2.0"}) is False
        assert holds({key: ">=1.0"}, {key: ">=1.0"}) is True
