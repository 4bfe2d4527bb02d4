import msgspec
import pytest
from record_samples import MISMATCH, PASSED, PLAN, broken_by_protobuf, case, mismatch, record

from matrixscan.analysis.evidence import with_diagnosis
from matrixscan.analysis.explanation import blamed, explained
from matrixscan.analysis.view import build_view
from matrixscan.analysis.why import place_text, why_lines, why_table
from matrixscan.records.diagnosis import Diagnosis, DiagnosisRecord, Divergence, Node, NodeRun, Seen
from matrixscan.records.types import Error
from matrixscan.reporters import all_reporters

WRONG = mismatch(0.45)
NODE = Node("/pool/AveragePool", "AveragePool", "", {"ceil_mode": 1, "kernel_shape": [100]}, (), ())
FIRST = Divergence(
    "xvector.cam", "CAMLayer", "avg_pool1d", {"kernel_size": 100, "ceil_mode": True}, 7, (NODE,), NODE, 2e-7, 0.31
)


def seen(passed, max_abs=None):
    return Seen(passed, None if passed else "mismatch", max_abs, None)


LEVELS = {"disabled": seen(False, 0.45), "all": seen(False, 0.45)}


def diagnosis(**more):
    fields = {"reproduced": True, "stage": "compare", "reason": "mismatch", "levels": LEVELS, "first": FIRST}
    return Diagnosis(WRONG.id, **(fields | more))


def diagnosed(*found):
    return {MISMATCH: DiagnosisRecord(1, MISMATCH, "m", "k", "h", {}, {}, {}, None, {}, "", "", found)}


def view(*cases, others=(), judged=("campplus",), diagnoses=None):
    records = [record(PASSED, [case()]), record(MISMATCH, cases or (WRONG,)), *others]
    return explained(build_view("m", "", PLAN[:2] + PLAN[3:4], records, judged=judged), diagnoses or {})


def test_a_diagnosis_gives_the_place_and_the_evidence():
    (found,) = view(diagnoses=diagnosed(diagnosis(reference=seen(True)))).explanations
    assert (found.cell, found.case, found.cases) == (MISMATCH, WRONG.id, 1)
    assert (found.blame.whose, found.blame.rule) == ("runtime kernel", "evaluator-agrees")
    assert found.diagnosis.first.operation == "avg_pool1d"


def test_without_a_diagnosis_nobody_is_blamed_for_wrong_values():
    scan = view()
    assert [found.blame.whose for found in scan.explanations] == ["unknown"]
    assert blamed(scan.explanations) == {"unknown": 1}


def test_a_package_is_blamed_for_what_fails_in_its_way_alone():
    def dead(kind, **more):
        return case("failed", stage="export", error=Error(kind, "no"), **more)

    cases = [dead("SerdeError"), dead("ValueError", size={"t": 345})]
    broken = {MISMATCH: broken_by_protobuf({}, cases[0])}
    plain = build_view(
        "m", "", PLAN[:2] + PLAN[3:4], [record(PASSED, [case()]), record(MISMATCH, cases)], judged=("campplus",)
    )
    found = {each.case: (each.blame.whose, each.blame.rule) for each in explained(plain, {}, broken).explanations}
    assert found[cases[0].id] == ("packaging", "named-package")
    assert found[cases[1].id] != ("packaging", "named-package")


DIAGNOSES = {
    "right without optimisations": ({"levels": LEVELS | {"disabled": seen(True)}}, "runtime optimizer"),
    "did not fail again": ({"reproduced": False, "reference": seen(True)}, "unknown"),
    "the evaluator could not run": ({"reference": Seen(None, None, None, None)}, "unknown"),
    "the evaluator is wrong too": ({"reference": seen(False, 0.45)}, "unknown"),
    "the node alone": ({"runs": (NodeRun(NODE, 0.3, 1e-7, 0.3, 0.3, None),)}, "runtime kernel"),
    "another node alone": (
        {"runs": (NodeRun(msgspec.structs.replace(NODE, name="other"), 0.3, 1e-7, 0.3, 0.3, None),)},
        "unknown",
    ),
}


@pytest.mark.parametrize(("more", "whose"), DIAGNOSES.values(), ids=DIAGNOSES)
def test_what_a_diagnosis_proves(more, whose):
    (found,) = view(diagnoses=diagnosed(diagnosis(**more))).explanations
    assert found.blame.whose == whose


def test_whether_the_evaluator_says_what_the_runner_says():

    from matrixscan.analysis.blame import Evidence

    empty = Evidence("compare", "failed")
    agrees = [
        with_diagnosis(empty, diagnosis(reference=reference)).reference_agrees
        for reference in (seen(False, 0.4501), seen(False, 0.3), seen(True), None, Seen(False, "shape", None, None))
    ]
    assert agrees == [True, False, False, None, False]


def test_every_way_of_failing_is_explained_by_itself():
    cases = (
        WRONG,
        msgspec.structs.replace(mismatch(0.5), id="second", opset=17),
        case("failed", stage="export", lane=("dynamo", 18), reason="error"),
        case(lane=("dynamo", 18), size={"t": 1}),
        case("skipped", lane=("dynamo", 19)),
    )
    found = view(*cases).explanations
    assert [(each.case, each.cases) for each in found] == [(WRONG.id, 2), (cases[2].id, 1)]


def test_advice_is_backed_by_what_passed():
    fixed = case(variant="fixed")
    scan = view(WRONG, fixed, case(lane=("dynamo", 18)))
    (found,) = scan.explanations
    texts = {advice.kind: (advice.text, advice.cell) for advice in found.advice}
    assert texts == {
        "variant": ("variant fixed is good here", MISMATCH),
        "lane": ("dynamo 18 works here", MISMATCH),
        "combination": ("good with python 3.8, torch 1.11.0, onnx 1.14.1, onnxruntime 1.16.1", PASSED),
    }


def test_the_nearest_good_combination_is_advised_and_the_newest_of_several():
    axes = dict(PLAN)[MISMATCH]
    planned = [
        (MISMATCH, axes),
        ("one package", axes | {"onnxruntime": "1.20.1"}),
        ("one newer", axes | {"onnxruntime": "1.29.0"}),
        ("two packages", axes | {"onnxruntime": "1.31.0", "torch": "2.9.0"}),
    ]
    records = [record(MISMATCH, [WRONG]), *(record(cell, [case()]) for cell, _ in planned[1:])]
    scan = explained(build_view("m", "", planned, records, judged=("campplus",)), {})
    assert [(advice.text, advice.cell) for advice in scan.explanations[0].advice] == [
        ("good with onnxruntime 1.29.0", "one newer")
    ]


def test_the_words():
    scan = view(diagnoses=diagnosed(diagnosis(reference=seen(True))))
    (line,) = why_lines(scan)
    place = (
        "avg_pool1d(kernel_size=100, ceil_mode=True) in xvector.cam (CAMLayer), error 2e-07 before and 0.31 after; "
        "node AveragePool /pool/AveragePool (ceil_mode=1, kernel_shape=[100])"
    )
    assert place_text(FIRST) == place
    assert line.startswith("campplus/published: torchscript compare: mismatch (1 case), in py311")
    assert f"first wrong: {place}" in line
    assert "whose: runtime kernel (evaluator-agrees: ONNX's reference evaluator agrees" in line
    assert why_table(scan).rows == ()
    other = view(diagnoses=diagnosed(diagnosis()), judged=("another",))
    assert why_lines(other) == ()
    assert why_table(other).rows[0][:3] == (
        "campplus/published",
        "torchscript compare: mismatch (1 case), in py311-torch2.4.1-onnx1.16.2-ort1.19.2",
        place,
    )


def test_tables_and_results_hold_all_of_it():
    scan = view(diagnoses=diagnosed(diagnosis(reference=seen(True))))
    for name in ("table.md", "table.txt", "results.json"):
        text = all_reporters()[name].render(scan)
        assert "avg_pool1d(kernel_size=100, ceil_mode=True)" in text
        assert "runtime kernel" in text
