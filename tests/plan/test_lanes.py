"""Which exporters, runners, precisions and variants make a case, and which do not."""

import pytest

from matrixscan.errors import MatrixFileError, UnknownNameError
from matrixscan.matrix.backends import ExporterInfo, RunnerInfo
from matrixscan.matrix.reader import read_matrix
from matrixscan.plan.expand import make_plan

EXPORTERS = (
    ExporterInfo("torchscript", "onnx", ".onnx", (13,), ("fp32", "fp16")),
    ExporterInfo("dynamo", "onnx", ".onnx", (18,), ("fp32",)),
    ExporterInfo("pnnx", "ncnn", ".param", (0,), ("fp32", "fp16")),
)
RUNNERS = (
    RunnerInfo("onnxruntime-cpu", "onnx", ("fp32", "fp16"), witness=False),
    RunnerInfo("openvino-cpu", "onnx", ("fp32", "fp16-run"), witness=False),
    RunnerInfo("ncnn", "ncnn", ("fp32", "fp16", "fp16-run"), witness=False),
    RunnerInfo("reference", "onnx", ("fp32",), witness=True),
)
HEAD = '[[combinations]]\npython = "3.8"\ntorch = "2.4.0"\n[probes]\njudge = ["main.py"]\n'


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return what plans a matrix with one probe, as if the backends above were all there is."""
    for module in ("plan.expand", "matrix.cases"):
        for name, infos in (("exporters", EXPORTERS), ("runners", RUNNERS)):
            found = {info.name: info for info in infos}
            monkeypatch.setattr(f"matrixscan.{module}.{name}", lambda found=found: found)

    def _make(cases="", probe="", **filters):
        lines = "".join(f"# {line}\n" for line in probe.splitlines())
        head = f"# /// script\n# [tool.matrixscan]\n# export-size = {{ t = 20 }}\n{lines}# ///\n"
        body = '"""S."""\ndef build(variant): ...\ndef inputs(size, random): ...\n'
        (tmp_path / "main.py").write_text(head + body)
        (tmp_path / "m.toml").write_text(HEAD + cases)
        return make_plan(read_matrix(tmp_path / "m.toml"), **filters)

    return _make


def lanes(plan):
    return [case.id.removeprefix("main/").removesuffix("/t20") for case in plan.cases]


def test_without_a_word_a_plan_is_what_it_always_was(make):
    assert lanes(make()) == [
        "default/torchscript/opset13/fp32/onnxruntime-cpu",
        "default/dynamo/opset18/fp32/onnxruntime-cpu",
    ]


def test_an_exporter_is_paired_with_the_runners_that_read_its_format(make):
    cases = '[cases]\nexporters = ["pnnx", "torchscript"]\nrunners = ["ncnn", "reference", "onnxruntime-cpu"]\n'
    plan = make(cases)
    assert lanes(plan) == [
        "default/pnnx/opset0/fp32/ncnn",
        "default/torchscript/opset13/fp32/reference",
        "default/torchscript/opset13/fp32/onnxruntime-cpu",
    ]
    assert [case.witness for case in plan.cases] == [False, True, False]


def test_a_precision_is_run_where_exporter_and_runner_can(make):
    cases = '[cases]\nexporters = ["torchscript", "dynamo", "pnnx"]\nprecisions = ["fp32", "fp16", "fp16-run"]\n'
    cases += 'runners = ["onnxruntime-cpu", "openvino-cpu", "ncnn", "reference"]\n'
    found = {}
    for case in make(cases).cases:
        found.setdefault((case.exporter, case.precision), []).append(case.runner)
    assert found == {
        ("torchscript", "fp32"): ["onnxruntime-cpu", "openvino-cpu", "reference"],
        ("torchscript", "fp16"): ["onnxruntime-cpu"],
        ("torchscript", "fp16-run"): ["openvino-cpu"],
        ("dynamo", "fp32"): ["onnxruntime-cpu", "openvino-cpu", "reference"],
        # Its artifact stays fp32, which is all that this exporter has to be able to write.
        ("dynamo", "fp16-run"): ["openvino-cpu"],
        ("pnnx", "fp32"): ["ncnn"],
        ("pnnx", "fp16"): ["ncnn"],
        ("pnnx", "fp16-run"): ["ncnn"],
    }


def test_a_probe_has_the_last_word_on_exporters_runners_and_precisions(make):
    cases = '[cases]\nprecisions = ["fp32", "fp16"]\nopsets = { torchscript = [11, 12], dynamo = [20] }\n'
    probe = 'exporters = ["pnnx", "torchscript"]\nrunners = ["ncnn", "openvino-cpu"]\nprecisions = ["fp16-run"]\n'
    assert lanes(make(cases, probe)) == [
        "default/pnnx/opset0/fp16-run/ncnn",
        "default/torchscript/opset11/fp16-run/openvino-cpu",
        "default/torchscript/opset12/fp16-run/openvino-cpu",
    ]


def test_a_list_of_opsets_is_not_meant_for_an_exporter_without_any(make):
    cases = '[cases]\nexporters = ["torchscript", "pnnx"]\nrunners = ["onnxruntime-cpu", "ncnn"]\nopsets = [11]\n'
    assert lanes(make(cases)) == [
        "default/torchscript/opset11/fp32/onnxruntime-cpu",
        "default/pnnx/opset0/fp32/ncnn",
    ]


IDLE = {
    "no runner reads it": ('[cases]\nexporters = ["pnnx"]\n', ""),
    "its own exporter": ("", 'exporters = ["pnnx"]'),
    "its own runner": ("", 'runners = ["ncnn"]'),
    "no runner takes the precision": ('[cases]\nprecisions = ["fp16-run"]\n', ""),
    "no exporter takes the precision": ('[cases]\nexporters = ["dynamo"]\n', 'precisions = ["fp16"]'),
}


@pytest.mark.parametrize(("cases", "probe"), IDLE.values(), ids=IDLE)
def test_a_probe_without_a_lane_is_refused(make, cases, probe):
    with pytest.raises(MatrixFileError) as caught:
        make(cases, probe)
    (problem,) = caught.value.problems
    assert problem.startswith("probes: main: no exporter's format has a runner here, or none takes the precision")
    assert "m.toml: 1 problem" in str(caught.value)


@pytest.mark.parametrize("family", ["", "family = true\n"])
def test_every_variant_is_run_whether_they_are_a_family_or_not(make, family):
    plan = make(probe=f'{family}variants = ["b", "a"]\nexporters = ["dynamo"]')
    assert [case.variant for case in plan.cases] == ["b", "a"]
    assert plan.probes[0].family is bool(family)


def test_a_matrix_chooses_variants_in_its_own_order(make):
    probe = 'variants = ["a", "b", "c"]\nexporters = ["dynamo"]'
    plan = make("[probes.variants]\nmain = ['c', 'a']\n", probe)
    assert [case.variant for case in plan.cases] == ["c", "a"]
    with pytest.raises(UnknownNameError, match=r"unknown variant of main 'd'; choose from: a, b, c"):
        make("[probes.variants]\nmain = ['a', 'd']\n", probe)


def test_open_variants_may_have_any_name(make):
    probe = 'variants = ["resnet18"]\nopen-variants = true\nexporters = ["dynamo"]'
    assert [case.variant for case in make(probe=probe).cases] == ["resnet18"]
    chosen = "[probes.variants]\nmain = ['mobilenet_v3', 'resnet18']\n"
    assert [case.variant for case in make(chosen, probe).cases] == ["mobilenet_v3", "resnet18"]


def test_ids_are_unique_and_the_sizes_of_one_lane_are_adjacent(make):
    cases = '[cases]\nprecisions = ["fp32", "fp16", "fp16-run"]\n'
    cases += 'runners = ["onnxruntime-cpu", "openvino-cpu", "reference"]\n'
    plan = make(cases, 'variants = ["a", "b"]\nrun-sizes = [{ t = 30 }]')
    assert len({case.id for case in plan.cases}) == len(plan.cases)
    keys = [(case.variant, case.exporter, case.opset, case.precision, case.runner) for case in plan.cases]
    assert keys[::2] == keys[1::2]
    assert len(set(keys)) == len(keys) / 2
