"""Scripts of reproductions run with stand-ins for the packages they are about."""

import subprocess
import sys
import textwrap
import tomllib

import msgspec
import numpy as np
import pytest

from matrixscan.records.reproduction import Elsewhere, GraphNode, Reduced, Reproduction, Tensor, Words
from matrixscan.reporters._reproduction import pins, render_script, title
from matrixscan.reporters._reproduction_issue import render_issue

NODE = GraphNode(
    "/pool",
    "AveragePool",
    "",
    {"ceil_mode": 1, "kernel_shape": [4]},
    (Tensor("x", "float32", (1, 1, 17)),),
    (Tensor("y", "float32", (1, 1, 6)),),
)
GRAPH = Reduced(
    kind="graph",
    stage="compare",
    seconds=3.0,
    attempts=16,
    pins={"numpy": "1.24.4", "onnxruntime": "1.19.2", "flatbuffers": "25.12.19"},
    nodes_before=14,
    nodes_after=1,
    nodes=(NODE,),
    target="y",
    source="torch avg_pool1d",
    expected_by="torch",
    reference="neither",
    levels={"disabled": False, "all": None},
    rtol=1e-3,
    atol=1e-5,
)
RAISED = msgspec.structs.replace(
    GRAPH, stage="run", ending="raised", failure=Words("RuntimeException", 'cannot "do" \\d 3 by 7', "run")
)
DIED = msgspec.structs.replace(GRAPH, stage="run", ending="died", failure="SIGSEGV")
HUNG = msgspec.structs.replace(GRAPH, stage="run", ending="hung", failure=None)
EXPORT = Reduced(
    kind="export",
    stage="export",
    seconds=9.0,
    ending="raised",
    failure=Words("RuntimeError", "Exporting the operator frac is not supported"),
    pins={"torch": "2.15.0+cu132", "numpy": "2.5.5", "nvidia-nccl": "2.2"},
    path="middle.inner.1",
    module_type="Inner",
    modules_before=5,
    modules_after=1,
    call="x0, 2.0, shift=x1",
    zeros=True,
    inputs={"x0": Tensor("x0", "float32", (2, 5)), "x1": Tensor("x1", "float32", (2, 5))},
    dynamic={"x0": {"0": "x0_0"}},
    outputs=("y0",),
)
CALL = msgspec.structs.replace(
    EXPORT,
    path="",
    module_type="torch.frac",
    modules_after=0,
    call=None,
    inputs={"x0": Tensor("x0", "float32", (2, 5))},
    code="class Model(torch.nn.Module):\n    def forward(self, x0):\n        return torch.frac(x0)\n\n\n"
    "def build():\n    return Model()\n",
)


def reproduction(reduced=GRAPH, **more):
    fields = {
        "case": "op/one/torchscript/opset13/fp32/onnxruntime-cpu/n3",
        "axes": {"python": "3.8.18", "torch": "2.4.0+cu121", "onnx": "1.17.0", "onnxruntime": "1.19.2"},
        "python": "3.8",
        "platform": "Linux x86_64",
        "variant": "one",
        "exporter": "torchscript",
        "opset": 13,
        "runner": "onnxruntime-cpu",
        "stage": reduced.stage,
        "reason": "mismatch" if reduced.stage == "compare" else "error",
        "whose": "runtime",
        "probe_module": "my_probe" if reduced.kind == "export" and reduced.code is None else "",
        "requirements": (),
        "no_deps": False,
        "reduced": reduced,
        "threads": 1,
    }
    return Reproduction(**(fields | more))


def run(folder, text, **modules):
    """Run a script beside stand-in modules and return its exit code and last line."""
    (folder / "reproduce.py").write_text(text, encoding="utf-8")
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "reproduce.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, (done.stdout.splitlines() or [done.stderr])[-1], done.stdout + done.stderr


def runtime(body):
    return f"""\
        import numpy as np

        __version__ = "0"


        class SessionOptions:
            pass


        class InferenceSession:
            def __init__(self, path, options, providers):
                pass

            def run(self, names, inputs):
                {body}
        """


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("return [inputs['x'] + 1]", 0, "not reproduced: every element of y is as expected"),
        ("return [inputs['x']]", 1, "reproduced: 3 of 3 elements of y are wrong, by up to 1"),
        ("return [inputs['x'][:2]]", 1, "reproduced: y has shape (2,) instead of (3,)"),
        ("return [(inputs['x'] + 1).astype('float64')]", 1, "reproduced: y has type float64 instead of float32"),
        ("return [inputs['x'] * np.nan]", 1, "reproduced: 3 of 3 elements of y are wrong, by up to nan"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_value(tmp_path, body, code, line):
    x = np.arange(3, dtype=np.float32)
    np.savez(tmp_path / "inputs.npz", x=x)
    np.savez(tmp_path / "expected.npz", y=x + 1)
    assert run(tmp_path, render_script(reproduction()), onnxruntime=runtime(body))[:2] == (code, line)


@pytest.mark.parametrize(
    ("reduced", "body", "code", "words"),
    [
        (RAISED, "raise RuntimeException('cannot \"do\" \\\\d 12 by 5')", 1, "reproduced: it fails with the error"),
        (RAISED, "return []", 0, "not reproduced: no error"),
        (RAISED, "raise ValueError('cannot do 12 by 5')", 2, "another failure"),
        (RAISED, "raise RuntimeException('something else altogether')", 2, "another failure"),
        (DIED, "import os; os.kill(os.getpid(), 11)", 1, "reproduced: SIGSEGV"),
        (DIED, "import os; os.kill(os.getpid(), 9)", 2, "another failure than that of the report: SIGKILL"),
        (DIED, "return []", 0, "not reproduced: it ends with 0"),
    ],
)
def test_a_failure(tmp_path, reduced, body, code, words):
    np.savez(tmp_path / "inputs.npz", x=np.arange(3))
    module = "class RuntimeException(Exception):\n    pass\n\n\n" + textwrap.dedent(runtime(body))
    found, line, output = run(tmp_path, render_script(reproduction(reduced)), onnxruntime=module)
    assert (found, line[: len(words)]) == (code, words), output


TORCH = """\
    import sys
    import types

    __version__ = "0"
    float32 = "float32"


    class nn:
        class Module:
            def __init__(self):
                pass

            def eval(self):
                return self

            def get_submodule(self, path):
                return self


    def zeros(shape, dtype):
        return shape, dtype


    def manual_seed(seed):
        pass


    class onnx:
        @staticmethod
        def export(model, inputs, path, **settings):
            print(type(model).__name__, getattr(model, "module", None), inputs, settings)
            raise RuntimeError("Exporting the operator frac is not supported")
    """
PROBE = """\
    import torch


    def build(variant):
        return torch.nn.Module()
    """


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
@pytest.mark.parametrize("reduced", [EXPORT, CALL])
def test_an_export(tmp_path, reduced, exporter):
    torch = TORCH + "\n    export = types.SimpleNamespace(Dim=types.SimpleNamespace(DYNAMIC='dynamic', AUTO='auto'))\n"
    text = render_script(reproduction(reduced, exporter=exporter))
    code, line, output = run(tmp_path, text, torch=torch, my_probe=PROBE)
    assert (code, line) == (1, "reproduced: it fails with the error of the report"), output
    assert ("Piece" in output) is (reduced is EXPORT)
    assert "x0" in output


@pytest.mark.parametrize("reduced", [GRAPH, RAISED, DIED, HUNG, EXPORT, CALL])
def test_what_the_head_pins_can_be_read_by_others(reduced):
    text = render_script(reproduction(reduced))
    compile(text, "reproduce.py", "exec")
    block = text.partition("# /// script\n")[2].partition("# ///\n")[0]
    read = tomllib.loads("".join(line[2:] for line in block.splitlines(keepends=True)))
    assert read["requires-python"] == "==3.8.*"
    assert read["dependencies"] == pins(reproduction(reduced))
    assert "nvidia" not in block


def test_a_probes_packages_are_installed_as_they_were():
    own = reproduction(EXPORT, requirements=("funasr==1.4.16",), no_deps=True)
    block = render_script(own).partition("# /// script\n")[2].partition("# ///\n")[0]
    read = tomllib.loads("".join(line[2:] for line in block.splitlines(keepends=True)))
    assert read["dependencies"] == ["torch==2.15.0", "numpy==2.5.5", "funasr==1.4.16"]
    assert read["tool"]["uv"]["dependency-metadata"] == [
        {"name": "funasr", "version": "1.4.16", "requires-dist": []},
    ]


def test_titles_say_what_goes_wrong_in_a_line():
    assert title(reproduction()) == "onnxruntime 1.19.2: AveragePool gives other values than PyTorch"
    assert title(reproduction(DIED)) == "onnxruntime 1.19.2: AveragePool ends the process with SIGSEGV"
    assert title(reproduction(HUNG)) == "onnxruntime 1.19.2: AveragePool does not end"
    assert title(reproduction(EXPORT)).startswith(
        "torch 2.4.0, torchscript export, opset 13: Inner fails: RuntimeError"
    )


def test_the_issue_says_who_sees_what_where():
    other = Elsewhere("other", {"python": "3.13.0", "torch": "2.15.0+cu132", "onnxruntime": "1.31.1"}, "passed")
    text = render_issue(reproduction(elsewhere=(other,)))
    assert text.startswith("# onnxruntime 1.19.2: AveragePool gives other values than PyTorch\n")
    assert "For: microsoft/onnxruntime" in text
    assert "AveragePool(x: float32[1, 1, 17]) [ceil_mode=1, kernel_shape=[4]] -> y: float32[1, 1, 6]" in text
    assert "disabled - wrong, all - does not run" in text
    assert "| 3.13.0 | 2.15.0 | - | 1.31.1 | passed |" in text
    assert "| 3.8.18 | 2.4.0 | 1.17.0 | 1.19.2 | compare: mismatch (this one) |" in text
    assert "The graph was exported with torch 2.4.0, onnx 1.17.0 (torchscript, opset 13)." in text


def test_the_tracker_is_the_callers_choice():
    assert "For: onnx/onnx" in render_issue(reproduction(whose="onnx"))
    assert "For: pytorch/pytorch" in render_issue(reproduction(EXPORT, whose="exporter"))
    assert "For: somebody" in render_issue(reproduction(whose="somebody"))


CONVERSION = msgspec.structs.replace(
    CALL,
    kind="conversion",
    stage="check",
    failure=Words("Unusable", "pnnx ended with 0 and left operators: torch.frac", "check"),
    pins={"torch": "2.15.0+cu132", "pnnx": "20261020", "ncnn": "1.0.20261020", "numpy": "2.5.5"},
    shapes=("[2,5]f32", "[4,5]f32"),
    half={"converted": True, "run": False},
    rtol=1e-2,
    atol=1e-3,
)
NETWORK = {"axes": {"python": "3.13", "torch": "2.15.0", "pnnx": "20261020", "ncnn": "1.0.20261020"}} | {
    "exporter": "pnnx",
    "opset": 0,
    "runner": "ncnn",
}


@pytest.mark.parametrize(
    ("stage", "has", "lacks"),
    [
        ("export", "convert", "check"),
        ("check", "check", "opened"),
        ("load", "opened", "run"),
        ("run", "run", "judged(flat"),
        ("compare", "flat", "alike"),
    ],
)
def test_a_conversion_goes_as_far_as_what_fails(stage, has, lacks):
    reduced = msgspec.structs.replace(CONVERSION, stage=stage, target="y0")
    text = render_script(reproduction(reduced, **NETWORK))
    compile(text, "reproduce.py", "exec")
    assert f"def {has}(" in text
    assert f"def {lacks}(" not in text
    assert 'SHAPES, HALF = ["inputshape=[2,5]f32", "inputshape2=[4,5]f32"], True' in text
    assert "$" not in text.partition('"""\n\n')[2].replace("$)", "")


def test_a_conversion_is_for_those_who_make_the_converter():
    issue = render_issue(reproduction(CONVERSION, whose="exporter", **NETWORK))
    assert issue.startswith("# pnnx 20261020: torch.frac fails: Unusable: pnnx ended with 0")
    assert "For: Tencent/ncnn" in issue
    assert "traced with `x0: float32[2, 5]`:" in issue
    given = {"x0": Tensor("x0", "float32", (3, 5))}
    wrong = msgspec.structs.replace(CONVERSION, stage="compare", ending=None, failure=None, target="y0", given=given)
    issue = render_issue(reproduction(wrong, **NETWORK))
    assert issue.startswith("# pnnx 20261020 and ncnn 1.0.20261020: torch.frac gives other values than PyTorch")
    assert "run on `x0: float32[3, 5]`:" in issue
    assert "what PyTorch computes there" in issue


@pytest.mark.parametrize(
    ("runner", "whose", "tracker"),
    [
        ("openvino-cpu", "runtime", "openvinotoolkit/openvino"),
        ("onnxruntime-cpu", "onnx", "onnx/onnx"),
        ("onnxruntime-cpu", "exporter", "pytorch/pytorch"),
    ],
)
def test_each_tool_has_its_tracker(runner, whose, tracker):
    assert f"For: {tracker}\n" in render_issue(reproduction(runner=runner, whose=whose))
