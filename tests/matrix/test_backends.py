"""What the host reads of a backend without importing it."""

import textwrap

import pytest

from matrixscan.errors import BackendFileError
from matrixscan.harness.protocol import PRECISIONS
from matrixscan.matrix import backends
from matrixscan.matrix.backends import ExporterInfo, RunnerInfo, exporters, read_backend, runners

EXPORTER = """
class Exporter:
    NAME = "mine"
    FORMAT = "onnx"
    SUFFIX = ".onnx"
    OPSETS = (13, 17)
    PRECISIONS = ("fp32", "fp16")
"""
RUNNER = """
class Runner:
    NAME = "mine"
    READS = "onnx"
    PRECISIONS = ("fp32",)
    WITNESS = True
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of backends that is read instead of the real one."""
    monkeypatch.setattr(backends, "_FOLDER", tmp_path)
    for reader in (exporters, runners):
        monkeypatch.setattr(backends, reader.__name__, reader.__wrapped__)

    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        return backends

    return write


def test_the_constants_are_read_from_the_file(tmp_path):
    file = tmp_path / "x.py"
    file.write_text(f"raise SystemExit(3)\nimport torch\n{EXPORTER}    _DEEP = object()\n    x = object()\n{RUNNER}")
    assert read_backend(file) == {
        "Exporter": ExporterInfo("mine", "onnx", ".onnx", (13, 17), ("fp32", "fp16")),
        "Runner": RunnerInfo("mine", "onnx", ("fp32",), witness=True),
    }


BROKEN = {
    "syntax": ("class Exporter(:\n", "is not valid Python: invalid syntax (line 1)"),
    "neither": ("class Converter: ...\n", "defines neither `class Exporter` nor `class Runner`"),
    "inside": (f"if True:{textwrap.indent(EXPORTER, '    ')}", "defines neither"),
    "missing": (EXPORTER.replace('    SUFFIX = ".onnx"\n', ""), "Exporter: Object missing required field `SUFFIX`"),
    "unknown": (EXPORTER + "    READS = 'onnx'\n", "Exporter: Object contains unknown field `READS`"),
    "type": (EXPORTER.replace("(13, 17)", "('13',)"), "Exporter: Expected `int`, got `str` - at `$.OPSETS[0]`"),
    "no literal": (EXPORTER.replace("(13, 17)", "tuple(range(9))"), "Exporter.OPSETS is not a literal"),
    "a name": (RUNNER.replace("True", "WITNESSES"), "Runner.WITNESS is not a literal"),
    "witness": (RUNNER.replace("True", "1"), "Runner: Expected `bool`, got `int` - at `$.WITNESS`"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_a_loud_error_that_names_it(folder, text, said):
    found = folder(good=EXPORTER.replace("mine", "other"), broken=text)
    for reader in (found.exporters, found.runners):
        with pytest.raises(BackendFileError) as caught:
            reader()
        assert "broken.py: " in str(caught.value)
        assert said in str(caught.value)
        assert str(caught.value).endswith("; harness/backends/__init__.py says what it needs")


def test_a_second_backend_of_one_name_is_an_error(folder):
    found = folder(one=EXPORTER, two=EXPORTER, three=RUNNER)
    with pytest.raises(BackendFileError, match=r"two\.py: a second exporter named 'mine'"):
        found.exporters()
    assert list(found.runners()) == ["mine"], "an exporter and a runner may have one name"


def test_order_is_that_of_the_well_known_ones_and_then_of_the_files(folder):
    files = {
        f"f{at}": EXPORTER.replace("mine", name) for at, name in enumerate(("zzz", "dynamo", "aaa", "torchscript"))
    }
    assert list(folder(_helper="syntax error(", **files).exporters()) == ["torchscript", "dynamo", "zzz", "aaa"]


def test_what_comes_with_matrixscan_is_whole():
    assert list(exporters())[:2] == ["torchscript", "dynamo"]
    assert next(iter(runners())) == "onnxruntime-cpu"
    for info in exporters().values():
        assert set(info.precisions) <= set(PRECISIONS) - {"fp16-run"}, "an artifact is not run by its exporter"
        assert info.opsets
        assert info.suffix.startswith(".")
        assert info.format in {runner.reads for runner in runners().values()}, "nothing reads it"
    for info in runners().values():
        assert set(info.precisions) <= set(PRECISIONS)
        assert info.reads in {exporter.format for exporter in exporters().values()}, "nothing writes it"
    assert not runners()["onnxruntime-cpu"].witness
