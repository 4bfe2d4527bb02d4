"""The one line of an error's text that says what happened."""

from __future__ import annotations

import re
import textwrap

#: Colours of a terminal.
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
#: Below it torch.onnx.export(dynamo=True) tells its errors, the root cause first.
_SUMMARY = "## Exception summary"
_CLASS = re.compile(r"^<class '(?:[\w<>]+\.)*(\w+)'>")
#: What the harness adds to the words of an exception that was raised from others.
_CAUSE = re.compile(r"^caused by (\w+: .*)", re.MULTILINE)
_LONGEST_BEFORE_CAUSE = 120  # characters; what was being done when it happened may be a whole model
#: What ONNX Runtime says before it says what happened, and the place in its own source that may follow.
_CEREMONY = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : (?:Non-zero status code returned while running )?")
_SOURCE = re.compile(r"(?:Load model from \S+ failed: ?)?<path>/\w+\.(?:cc|cpp|h|hpp|cu):\d+ (?=[^()]*::)")


def first_line(text: str) -> str:
    """Return the first line with words in it, free of control characters.

    PyTorch's exporter puts advice for its developers before what happened; of its text this is the root cause. ONNX
    Runtime puts its status before it, and the function of its source that says so, which are left out. What the harness
    says of the cause follows.
    """
    causes = list(_CAUSE.finditer(text))
    if causes:
        own = textwrap.shorten(_first(text[: causes[-1].start()]), _LONGEST_BEFORE_CAUSE, placeholder=" ...").rstrip(
            ",:"
        )
        return f"{own}: caused by {_first(causes[-1][1])}"
    return _first(text)


def _first(text: str) -> str:
    _, found, summary = text.partition(_SUMMARY)
    for line in (summary if found else text).splitlines():
        clean = " ".join("".join(char if char.isprintable() else " " for char in _STYLE.sub("", line)).split())
        if clean:
            return _without_source(_CEREMONY.sub("", _CLASS.sub(r"\1", clean)))
    return ""


def _without_source(text: str) -> str:
    """Return the text without a place in C++ source and the function's signature, if something follows them."""
    found = _SOURCE.search(text)
    if found is None:
        return text
    length = _signature(text[found.end() :])
    rest = text[found.end() + length :].strip()
    return text[: found.start()] + rest if length and rest else text


def _signature(text: str) -> int:
    """Return the length of the signature a text begins with: to the end of its last brackets, and `[with T = ...]`."""
    end = _balanced(text, "(", ")")
    while text[end : end + 1] not in {"", " "}:  # (anonymous namespace)::f(...), operator()(...)
        step = _balanced(text[end:], "(", ")")
        if not step:
            return 0
        end += step
    end += len(" const") if text.startswith(" const", end) else 0
    return end + (_balanced(text[end:], "[", "]") if text.startswith(" [with ", end) else 0)


def _balanced(text: str, opening: str, closing: str) -> int:
    """Return where the first pair of brackets of a text ends, 0 where none does."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == opening) - (char == closing)
        if char == closing and depth == 0:
            return at + 1
    return 0
