"""The parts of a reproduction's script. Names in capitals after a dollar sign are filled in; the rest runs as it is."""

from __future__ import annotations

from string import Template

HEAD = Template('''\
# /// script
# requires-python = "==$PYTHON.*"
# dependencies = [
$PINS
# ]
$UV# ///
"""$TITLE

$DESCRIPTION

Run it: `uv run reproduce.py`, or with a Python $PYTHON that has the packages above.$TORCH

It ends with 1 and a line `reproduced: ...` where the failure shows, with 0 and `not reproduced: ...` where it does not,
and with 2 where something else goes wrong. To see whether another release is right, change its version above; with the
newest releases and whichever Python:

    uv run --no-project $NEWEST python reproduce.py
"""
''')

#: How a runner opens and runs a graph: imports, opening, running, and what the versions are read from.
RUNNERS = {
    "onnxruntime-cpu": (
        "import onnxruntime",
        """\
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = $THREADS
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])""",
        "model.run(None, inputs)",
        "onnxruntime",
    ),
    "onnx-reference": (
        "import onnx\nfrom onnx.reference import ReferenceEvaluator",
        "    return ReferenceEvaluator(onnx.load(str(MODEL)))",
        "model.run(None, inputs)",
        "onnx",
    ),
    "openvino-cpu": (
        "import openvino",
        """\
    return openvino.Core().compile_model(str(MODEL), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})""",
        "list(model(inputs).values())",
        "openvino",
    ),
}

CHECKER = (
    "import onnx",
    "    onnx.checker.check_model(str(MODEL), full_check=True)",
    "",
    "onnx",
)

#: Tells whether values are as expected.
VALUES = '''\
def judged(expected, seen):
    """Print what is wrong and return the exit code."""
    print("expected", expected.dtype, expected.shape, expected.reshape(-1)[:12])
    print("seen    ", seen.dtype, seen.shape, seen.reshape(-1)[:12])
    if seen.shape != expected.shape:
        print("reproduced: %s has shape %s instead of %s" % (NAME, seen.shape, expected.shape))
        return 1
    if seen.dtype != expected.dtype:
        print("reproduced: %s has type %s instead of %s" % (NAME, seen.dtype, expected.dtype))
        return 1
    right = np.isclose(seen.astype(np.float64), expected.astype(np.float64), rtol=RTOL, atol=ATOL, equal_nan=True)
    if right.all():
        print("not reproduced: every element of %s is as expected" % NAME)
        return 0
    with np.errstate(invalid="ignore"):
        error = np.nanmax(np.abs(seen.astype(np.float64) - expected.astype(np.float64)))
    print("reproduced: %d of %d elements of %s are wrong, by up to %.3g" % ((~right).sum(), right.size, NAME, error))
    return 1
'''

COMPARE = Template(
    """\
$STDLIB

import numpy as np
$IMPORTS

HERE = Path(__file__).resolve().parent
MODEL = HERE / "model.onnx"
NAME, RTOL, ATOL = $NAME, $RTOL, $ATOL


def opened():
$OPEN


"""
    + VALUES.replace("$", "$$")
    + """

def main():
    inputs = dict(np.load(HERE / "inputs.npz"))
    expected = np.load(HERE / "expected.npz")[NAME]
    model = opened()
    seen = np.asarray($RUN[0])
    print("$PACKAGE", $PACKAGE.__version__, "numpy", np.__version__)
    for name, array in inputs.items():
        print("given   ", name, array.dtype, array.shape)
    return judged(expected, seen)


if __name__ == "__main__":
    sys.exit(main())
"""
)

#: Tells whether an error says the same as the one of the report.
_ALIKE = '''\
def alike(one, other):
    """Tell whether two messages say the same: they share most words that are no numbers, quotes or places."""
    other_words = re.compile(r"'[^']*'|\\"[^\\"]*\\"|\\S*/\\S*|\\{[^}]*\\}|\\d+")
    words = [set(other_words.sub(" ", text).split()) for text in (one, other)]
    return len(words[0] & words[1]) >= 0.6 * len(words[0] | words[1])


def judged(error):
    """Print what an error means and return the exit code."""
    seen = "%s: %s" % (type(error).__name__, str(error).strip())
    print("expected: no error")
    print("seen:     " + seen)
    if type(error).__name__ == TYPE and alike(str(error), MESSAGE):
        print("reproduced: it fails with the error of the report")
        return 1
    traceback.print_exc()
    print("another failure than that of the report, which is %s: %s" % (TYPE, MESSAGE))
    return 2
'''

RAISES = Template(
    '''\
$STDLIB

import numpy as np
$IMPORTS

HERE = Path(__file__).resolve().parent
$CONSTANTS
TYPE = $TYPE
MESSAGE = """\\
$MESSAGE"""


'''
    + _ALIKE.replace("$", "$$")
    + """

$BODY

def main():
    print($VERSIONS)
    try:
        attempt()
    except Exception as error:
        return judged(error)
    print("not reproduced: no error")
    return 0


if __name__ == "__main__":
    sys.exit(main())
"""
)

DIES = Template("""\
$STDLIB

import numpy as np
$IMPORTS

HERE = Path(__file__).resolve().parent
$CONSTANTS
ENDS, SECONDS = $ENDS, $SECONDS


$BODY

def main():
    if sys.argv[1:] == ["attempt"]:
        attempt()
        return 0
    print($VERSIONS)
    print("expected: the attempt ends with 0")
    # In a process of its own, because it does not end well.
    try:
        code = subprocess.run([sys.executable, __file__, "attempt"], timeout=SECONDS).returncode
        seen = signal.Signals(-code).name if code < 0 else "exit %d" % code
    except subprocess.TimeoutExpired:
        code, seen = 1, "still working after %d s" % SECONDS
    print("seen:     " + seen)
    if seen == ENDS:
        print("reproduced: " + seen)
        return 1
    print("not reproduced: it ends with 0" if code == 0 else "another failure than that of the report: " + seen)
    return 0 if code == 0 else 2


if __name__ == "__main__":
    sys.exit(main())
""")

GRAPH_BODY = Template("""\
def opened():
$OPEN


def attempt():
    model = opened()
$RUNS
""")

CHECK_BODY = Template("""\
def attempt():
$OPEN
""")

#: Makes a module and what it is exported with.
MODULE = Template("""\
$MODEL

$PIECE
def module_and_inputs():
    torch.manual_seed(0)
    module = $BUILD.eval()
${DROP}${WEIGHTS}    return $EXPORTED, ($INPUTS)


""")

EXPORT_BODY = Template("""\
def attempt():
    module, inputs = module_and_inputs()
    torch.onnx.export(
        module,
        inputs,
        str(Path(tempfile.mkdtemp()) / "model.onnx"),
$SETTINGS
    )
""")

LOAD_WEIGHTS = """\
    weights = np.load(HERE / "weights.npz")
    module.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights.files})
"""
