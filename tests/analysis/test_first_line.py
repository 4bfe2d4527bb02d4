import pytest

from matrixscan.analysis.first_line import first_line

ADVICE = (
    "Failed to export. \x1b[96mThis is step 1/3\x1b[0m of exporting the model to ONNX. Next steps:\n- Debug it.\n\n"
)
ORT = "[ONNXRuntimeError] : {} : {} : "
MODEL = "onnxruntime::Model::Model(onnx::ModelProto&&, const PathString&, const A*) "
STFT = "onnxruntime::common::Status onnxruntime::(anonymous namespace)::f(A*, bool) [with T = float; U = complex<T>] "
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
    "the status of ONNX Runtime": (
        ORT.format(9, "NOT_IMPLEMENTED") + "no implementation for X",
        "no implementation for X",
    ),
    "a signature of ONNX Runtime": (
        ORT.format(1, "FAIL") + "Load model from <work>/m.onnx failed:<path>/model.cc:149 " + MODEL + "IR version: 10",
        "IR version: 10",
    ),
    "a signature with brackets of other kinds": (
        ORT.format(6, "FAIL")
        + "Non-zero status code returned while running STFT node. <path>/dft.cc:5 "
        + STFT
        + "No (2)",
        "STFT node. No (2)",
    ),
    "a call operator": ("<path>/a.h:1 void onnxruntime::F::operator()(int) const no", "no"),
    "a place without a signature": ("<path>/a.cc:12 size (of x) is odd", "<path>/a.cc:12 size (of x) is odd"),
    "a signature alone": ("<path>/a.cc:12 void a::b(int)", "<path>/a.cc:12 void a::b(int)"),
    "a signature without its end": ("<path>/a.cc:12 void a::b(int", "<path>/a.cc:12 void a::b(int"),
    "nothing": ("", ""),
    "a cause": (
        "Error calling f with: domain=None,\n<\n>\ncaused by TypeError: an int\nis expected",
        "Error calling f with: domain=None: caused by TypeError: an int",
    ),
    "a cause of many words": (
        "word " * 100 + "\ncaused by TypeError: an int",
        "word " * 23 + "...: caused by TypeError: an int",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_line_that_stands_for_an_error(name):
    text, line = TEXTS[name]
    assert first_line(text) == line
