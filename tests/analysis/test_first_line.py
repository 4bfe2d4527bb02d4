import pytest

from matrixscan.analysis.findings import first_line

ADVICE = (
    "Failed to export. \x1b[96mThis is step 1/3\x1b[0m of exporting the model to ONNX. Next steps:\n- Debug it.\n\n"
)
TEXTS = {
    "the first line": ("no kernel\nfor this", "no kernel"),
    "blank lines before it": ("\n  \n\tlate words\n", "late words"),
    "control characters": ("a\x07b\x00 c", "a b c"),
    "colours": ("\x1b[96mblue\x1b[0m words", "blue words"),
    "advice without a summary": (
        ADVICE,
        "Failed to export. This is step 1/3 of exporting the model to ONNX. Next steps:",
    ),
    "the root cause below the advice": (
        ADVICE + "## Exception summary\n\n<class 'a.b.GuardError'>: Could not guard\n⬆️\n<class 'c.Other'>: of it\n",
        "GuardError: Could not guard",
    ),
    "a local class": (ADVICE + "## Exception summary\n\n<class 'm.f.<locals>.E'>: words", "E: words"),
    "a cause without words": (ADVICE + "## Exception summary\n\n<class 'AssertionError'>: \n", "AssertionError:"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_line_that_stands_for_an_error(name):
    text, line = TEXTS[name]
    assert first_line(text) == line
