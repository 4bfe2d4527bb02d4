"""The smallest real factored matrix: real torch 1.11 exports, two real releases of ONNX Runtime run."""

import json

import pytest

pytestmark = pytest.mark.slow

MATRIX = """
plan = "{plan}"
[axes]
python = ["3.8"]
torch = ["1.11.0"]
onnx = ["1.14.1"]
onnxruntime = ["1.16.1", "1.17.3"]
[probes]
judge = ["op_avg_pool_ceil"]
also = ["op_round_half_even"]
[cases]
exporters = ["torchscript"]
opsets = {{ torchscript = [13] }}
"""


def said(results):
    """Return verdicts and what became of every case, by combination."""
    cells = {}
    for cell in results["cells"]:
        cases = [{name: case[name] for name in ("probe", "variant", "size", "stage", "outcome", "reason", "metrics")}
                 for case in cell["cases"]]  # fmt: skip
        cells[cell["id"]] = cell["verdict"], cell["verdicts"], cases
    return cells


@pytest.fixture(scope="module")
def both(make_workplace, tmp_path_factory):
    place = make_workplace(tmp_path_factory.mktemp("factored") / "project")
    for plan in ("factored", "joint"):
        place.write(f"matrices/{plan}.toml", MATRIX.format(plan=plan))
        code, output = place.scan(plan)
        assert code == 0, output
    return place


def test_factored_and_joint_say_the_same_of_every_case(both):
    factored, joint = said(both.results("factored")), said(both.results("joint"))
    assert len(factored) == 2
    assert factored == joint
    verdicts = {verdict for _, verdicts, _ in factored.values() for verdict in verdicts.values()}
    assert verdicts == {"good", "bad"}


def test_factored_evidence_recommends_no_pins(both):
    assert {cell["evidence"] for cell in both.results("factored")["cells"]} == {"factored"}
    assert {cell["evidence"] for cell in both.results("joint")["cells"]} == {"joint"}
    assert not list((both.folder / "reports").glob("*/recommended.*"))


def test_the_second_joint_row_took_the_exports_of_the_first(both):
    first, second = (
        json.loads((both.folder / f"reports/joint/records/py38-torch1.11.0-onnx1.14.1-ort{ort}.json").read_text())
        for ort in ("1.16.1", "1.17.3")
    )
    made = [{case["facts"].get("export") for case in record["cases"] if case["outcome"] == "passed"}
            for record in (first, second)]  # fmt: skip
    assert made[0] == {None}
    same = all(
        first["lock"]["packages"][name] == version
        for name, version in second["lock"]["packages"].items()
        if name != "onnxruntime"
    )
    assert made[1] == ({"from the store"} if same else {None})
