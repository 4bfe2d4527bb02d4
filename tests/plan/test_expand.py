import datetime as dt
import itertools

import msgspec
import pytest

from matrixscan.catalog.types import CatalogLock
from matrixscan.errors import NothingSelectedError, ProbeFileError, UnknownNameError
from matrixscan.matrix.reader import read_matrix
from matrixscan.matrix.types import Cases, Expect, Index, Limits, Matrix, Probes, Tolerances
from matrixscan.plan.expand import make_plan

FIRST = "py38-torch1.11.0-onnx1.14.1"
SECOND = "py313-torch2.15.0-onnxscript0.7.2"
MATRIX = """
[[combinations]]
torch = "1.11.0"
python = "3.8"
onnx = "1.14.1"
[[combinations]]
python = "3.13"
torch = "2.15.0"
onnxscript = "0.7.2"
[probes]
also = ["side.py"]
judge = ["main.py", "more.py"]
[cases]
opsets = { torchscript = [13, 17], dynamo = [18] }
"""


def probe(path, table=""):
    lines = "".join(f"# {line}\n" for line in table.splitlines())
    head = '# /// script\n# [tool.matrixscan]\n# outputs = ["y"]\n# export-size = { t = 20 }\n'
    path.write_text(f'{head}{lines}# ///\n"""S."""\ndef build(variant): ...\ndef inputs(size, random): ...\n')
    return path


@pytest.fixture
def matrix(tmp_path):
    probe(tmp_path / "main.py", 'variants = ["a", "b"]\nrun-sizes = [{ t = 17 }]')
    probe(tmp_path / "more.py", 'exporters = ["dynamo"]\nopsets = [20, 21]')
    probe(tmp_path / "side.py", "opsets = { torchscript = [11] }")
    (tmp_path / "m.toml").write_text(MATRIX)
    return read_matrix(tmp_path / "m.toml")


def names(plan):
    return [probe.name for probe in plan.probes]


def test_a_cell_is_a_row_with_its_requirements(matrix):
    first, second = make_plan(matrix).cells
    assert (first.id, first.python) == (FIRST, "3.8")
    assert list(first.axes) == ["python", "torch", "onnx"]
    assert first.requirements == ("torch==1.11.0", "onnx==1.14.1")
    assert (second.id, second.requirements) == (SECOND, ("torch==2.15.0", "onnxscript==0.7.2"))


def test_judged_probes_come_first(matrix):
    plan = make_plan(matrix)
    assert names(plan) == ["main", "more", "side"]
    assert plan.judged == ("main", "more")
    assert plan.matrix is matrix


def test_cases_are_in_order_of_probe_variant_exporter_opset_size(matrix):
    assert [case.id.replace("/fp32/onnxruntime-cpu", "") for case in make_plan(matrix).cases] == [
        "main/a/torchscript/opset13/t20",
        "main/a/torchscript/opset13/t17",
        "main/a/torchscript/opset17/t20",
        "main/a/torchscript/opset17/t17",
        "main/a/dynamo/opset18/t20",
        "main/a/dynamo/opset18/t17",
        "main/b/torchscript/opset13/t20",
        "main/b/torchscript/opset13/t17",
        "main/b/torchscript/opset17/t20",
        "main/b/torchscript/opset17/t17",
        "main/b/dynamo/opset18/t20",
        "main/b/dynamo/opset18/t17",
        "more/default/dynamo/opset20/t20",
        "more/default/dynamo/opset21/t20",
        "side/default/torchscript/opset11/t20",
        "side/default/dynamo/opset18/t20",
    ]


def test_the_sizes_of_one_export_are_adjacent_and_ids_are_unique(matrix):
    cases = make_plan(matrix).cases
    exports = [key for key, _ in itertools.groupby(case.id.rpartition("/")[0] for case in cases)]
    assert len(exports) == len(set(exports))
    assert len({case.id for case in cases}) == len(cases)


def test_a_probe_may_name_an_exporter_of_which_the_matrix_says_nothing(tmp_path):
    text = MATRIX.replace("opsets = { torchscript = [13, 17], dynamo = [18] }", "")
    text += 'exporters = ["torchscript"]\nopsets = { torchscript = [13] }\n'
    for name in ("main", "more", "side"):
        probe(tmp_path / f"{name}.py", 'exporters = ["dynamo"]')
    (tmp_path / "m.toml").write_text(text)
    plan = make_plan(read_matrix(tmp_path / "m.toml"), only_probes=["more"])
    assert [(case.exporter, case.opset) for case in plan.cases] == [("dynamo", 18)]


def test_only_the_named_probes_are_kept_in_the_order_of_the_matrix(matrix):
    plan = make_plan(matrix, only_probes=["side", "more"])
    assert names(plan) == ["more", "side"]
    assert plan.judged == ("more",)


def test_probes_that_are_not_selected_are_not_read(matrix, tmp_path):
    (tmp_path / "more.py").write_text("broken(")
    assert names(make_plan(matrix, only_probes=["main"])) == ["main"]
    with pytest.raises(ProbeFileError, match=r"more\.py"):
        make_plan(matrix)


def test_a_selection_without_a_judged_probe_judges_what_is_left(matrix):
    assert make_plan(matrix, only_probes=["side"]).judged == ("side",)
    assert make_plan(matrix, exclude=["m*"]).judged == ("side",)


def test_a_file_outside_the_matrix_is_added_and_judged(matrix, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    extra = probe(here / "extra.py")
    monkeypatch.chdir(here)
    for spelling in ("extra.py", str(extra)):
        plan = make_plan(matrix, only_probes=["side", spelling, spelling])
        assert names(plan) == ["extra", "side"]
        assert plan.judged == ("extra",)


def test_a_file_of_the_matrix_keeps_its_role_however_it_is_spelled(matrix, tmp_path):
    plan = make_plan(matrix, only_probes=["main", f"{tmp_path}/../{tmp_path.name}/side.py"])
    assert plan.judged == ("main",)


def test_a_builtin_probe_outside_the_matrix_is_added_and_judged(matrix, tmp_path, monkeypatch):
    file = probe(tmp_path / "builtin_one.py")
    monkeypatch.setattr("matrixscan.plan.expand.builtin_probes", lambda: {"builtin_one": file})
    monkeypatch.setattr("matrixscan.matrix.selection.builtin_probes", lambda: {"builtin_one": file})
    assert make_plan(matrix, only_probes=["builtin_one"]).judged == ("builtin_one",)


def test_two_probe_files_with_one_name_are_an_error(matrix, tmp_path):
    (tmp_path / "sub").mkdir()
    other = probe(tmp_path / "sub" / "main.py")
    with pytest.raises(ProbeFileError, match=r"its name 'main' is taken by .*main\.py; rename one"):
        make_plan(matrix, only_probes=["main", str(other)])


def test_exclude_drops_probes_and_combinations_by_name_or_glob(matrix):
    plan = make_plan(matrix, exclude=["more", "py313-*"])
    assert names(plan) == ["main", "side"]
    assert [cell.id for cell in plan.cells] == [FIRST]
    assert {case.probe for case in plan.cases} == {"main", "side"}


def test_cells_keeps_the_named_combinations(matrix):
    assert [cell.id for cell in make_plan(matrix, cells=[SECOND]).cells] == [SECOND]


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"only_probes": ["mian"]}, "unknown probe 'mian'; did you mean 'main'?"),
        ({"only_probes": ["mian.py"]}, "unknown probe 'mian.py'; did you mean 'main.py'?"),
        ({"cells": [FIRST[:-1]]}, f"unknown combination '{FIRST[:-1]}'; did you mean '{FIRST}'?"),
        ({"exclude": ["mroe"]}, "unknown probe or combination 'mroe'; did you mean 'more'?"),
        ({"exclude": ["q*"]}, "unknown probe or combination 'q*'; choose from: main, more, "),
    ],
)
def test_a_filter_that_names_nothing_is_an_error(matrix, filters, text):
    with pytest.raises(UnknownNameError) as caught:
        make_plan(matrix, **filters)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"exclude": ["m*", "side"]}, "nothing selected: no probe is left; loosen --exclude or --probe"),
        ({"exclude": ["py*"]}, "nothing selected: no combination is left; loosen --exclude or --cell"),
        (
            {"cells": [FIRST], "exclude": [FIRST]},
            "nothing selected: no combination is left; loosen --exclude or --cell",
        ),
    ],
)
def test_filters_that_leave_nothing_are_an_error(matrix, filters, text):
    with pytest.raises(NothingSelectedError) as caught:
        make_plan(matrix, **filters)
    assert str(caught.value) == text


def test_a_runtime_that_reads_no_opset_of_any_lane_is_infeasible(tmp_path):
    rows = [{"python": "3.11", "torch": "2.4.1", "onnx": "1.16.1", "onnxruntime": one} for one in ("1.15.1", "1.18.1")]
    lock = CatalogLock(1, dt.datetime.now(dt.UTC), "default", "", {}, {})
    matrix = Matrix(
        name="m",
        path=str(tmp_path / "m.toml"),
        description="",
        rows=tuple(rows),
        probes=Probes(judge=("op_norms",)),
        cases=Cases(exporters=("dynamo",), opsets={"dynamo": (20,)}),
        tolerances=Tolerances(),
        limits=Limits(),
        index=Index(),
        expect=Expect(),
        catalog=lock,
    )
    plan = make_plan(matrix)
    assert [cell.axes["onnxruntime"] for cell in plan.cells] == ["1.18.1"]
    assert plan.rows == (rows[1],)
    (excluded,) = plan.infeasible
    assert (excluded.rule, excluded.axes) == ("opset", rows[0])
    assert "reads opsets up to 19" in excluded.words
    known = msgspec.structs.replace(matrix, cases=Cases(exporters=("dynamo",), opsets={"dynamo": (18, 20)}))
    assert len(make_plan(known).cells) == 2
