import random

import pytest
from record_samples import (
    CRASHED,
    MISMATCH,
    MISSING,
    NO_INSTALL,
    PASSED,
    PLAN,
    SIZES,
    SKIPPED,
    case,
    infeasible,
    mismatch,
    output,
    record,
    replace,
    samples,
    scan,
)

from matrixscan.analysis.recommend import newest_first
from matrixscan.analysis.table import cell_text, finding_lines, models_table, probes_table, short_ids
from matrixscan.analysis.view import build_view
from matrixscan.plan.types import Case
from matrixscan.records.types import Error, StageRecord

KEY = "campplus/published"


def by_id(view):
    return {cell.id: cell for cell in view.cells}


def text_of(*cases, key=KEY):
    return cell_text(scan([record(PASSED, cases)]).cells[0].findings[key])


def planned(records_case):
    names = ("id", "probe", "variant", "exporter", "opset", "precision", "runner", "size")
    return Case(**{name: getattr(records_case, name) for name in names})


def test_every_sample_has_its_verdict():
    verdicts = {cell.id: (cell.verdict, cell.stage, cell.outcome) for cell in scan().cells}
    assert verdicts == {
        PASSED: ("good", None, "passed"),
        MISSING: ("unknown", None, "skipped"),
        SKIPPED: ("unknown", "build", "skipped"),
        MISMATCH: ("bad", "compare", "failed"),
        CRASHED: ("bad", "load", "crashed"),
        NO_INSTALL: ("bad", "install", "failed"),
    }


def test_the_order_of_records_does_not_matter():
    expected = scan()
    records = samples()
    for seed in range(5):
        random.Random(seed).shuffle(records)  # noqa: S311
        assert scan(records) == expected


def test_a_cell_without_a_record_was_not_run():
    cell = by_id(scan())[MISSING]
    assert (cell.error.type, cell.evidence, cell.verdicts[KEY]) == ("NotRun", "none", "unknown")


def test_a_planned_case_that_the_record_lacks_keeps_the_cell_from_good():
    cases = [case(size=size) for size in SIZES]
    plan = [planned(each) for each in cases]
    assert scan([record(PASSED, cases)], cases=plan).cells[0].verdict == "good"
    cut = scan([record(PASSED, cases[:1])], cases=plan).cells[0]
    assert (cut.verdict, cut.error.type, len(cut.cases)) == ("unknown", "NotRun", 2)


def test_the_plan_says_which_variant_is_the_first():
    cases = [case(variant="folded"), case("failed")]
    plan = [planned(case()), planned(case(variant="folded"))]
    assert scan([record(PASSED, cases)]).cells[0].verdict == "good"
    assert scan([record(PASSED, cases)], cases=plan).cells[0].verdict == "bad"


def test_another_cell_can_reveal_that_the_first_variant_is_missing():
    whole, partial = (
        record(PASSED, [case(), case(variant="folded")]),
        record(MISSING, [case(variant="folded")]),
    )
    assert by_id(scan([partial, whole]))[MISSING].verdict == "unknown"


def test_a_probe_judged_by_the_plan_alone_is_asked_for():
    assert scan([record(PASSED, [case()])], judged=("campplus_en",)).cells[0].verdict == "unknown"


def test_of_two_records_of_one_cell_the_worst_is_shown():
    records = [record(PASSED, [case("failed")]), record(PASSED, [case()])]
    for order in (records, records[::-1]):
        view = scan(order)
        assert view.cells[0].verdict == "bad"
        assert "several records" in view.warnings[0]


def test_a_record_outside_the_plan_is_left_out_aloud():
    view = scan([record("py37-torch1.0.0", [case()])])
    assert view.warnings == ("py37-torch1.0.0: has a record and is not in the plan; it is left out",)


def test_different_data_is_a_warning_and_keeps_the_verdicts():
    first, second = record(PASSED, [case()]), record(MISSING, [case()])
    other = replace(second.probes["campplus"], weights={"published": "w2"})
    view = scan([first, replace(second, probes={"campplus": other})])
    assert len(view.conflicts) == 1
    assert "weights published differ" in view.warnings[0]
    assert [cell.verdict for cell in view.cells[:2]] == ["good", "good"]


def test_lanes_show_which_way_works():
    finding = by_id(scan())[MISMATCH].findings[KEY]
    assert [(lane.label, lane.verdict) for lane in finding.lanes] == [
        ("dynamo 18", "good"),
        ("torchscript 13", "bad"),
    ]
    assert (finding.bad, finding.counted) == (2, 4)
    assert (finding.figure.max_abs, finding.figure.size) == (0.4512345678, {"t": 345})


def test_a_label_names_the_runner_where_two_disagree():
    cases = [case(), case("failed", runner="reference", error=Error("E", "no"))]
    assert text_of(*cases).endswith("; ok with torchscript 13 onnxruntime-cpu")


NEEDS = "needs atol 0.451, margin 2.22e-05"


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([case()], "ok, margin 42.1"),
        ([case(outputs=(output(margin=142.0),))], "ok"),
        ([case(outputs=(output(margin=None),))], "ok"),
        ([infeasible()], "n/a"),
        (
            [mismatch(0.4512)],
            f"compare: mismatch, max_abs 0.451 at t=200 (torchscript, opset 13; {NEEDS}); 1 of 1 cases bad",
        ),
        ([case("skipped", stage="build", reason="requirement")], "unknown: skipped at build: requirement"),
        ([case("infra", stage="run", error=Error("a.DiskFull", "x"))], "unknown: infra at run: DiskFull"),
        (
            [case("failed", stage="compare", reason="dtype")],
            "compare: dtype at t=200 (torchscript, opset 13); 1 of 1 cases bad",
        ),
        (
            [case(), case("failed", size=SIZES[1])],
            "run: shape_frozen at t=345 (torchscript, opset 13); 1 of 2 cases bad",
        ),
        ([case("timed_out", stage="export")], "export: timed_out (torchscript, opset 13); 1 of 1 cases bad"),
        (
            [case("failed", stage="export", error=Error("torch.E", "first\nsecond"))],
            "export: E: first (torchscript, opset 13); 1 of 1 cases bad",
        ),
    ],
)
def test_cell_text(cases, expected):
    assert text_of(*cases) == expected


def test_a_long_error_is_cut_and_keeps_its_lane():
    text = text_of(case("failed", stage="export", error=Error("SomeError", "word " * 100)))
    assert text.endswith("... (torchscript, opset 13); 1 of 1 cases bad")
    assert len(text.removesuffix("; 1 of 1 cases bad")) <= 90


def test_an_environment_failure_is_said_in_every_probe_and_once_in_the_findings():
    view = scan()
    assert by_id(view)[NO_INSTALL].findings[KEY].stage == "install"
    lines = [line for line in finding_lines(view) if line.startswith(NO_INSTALL)]
    assert lines == [f"{NO_INSTALL}: install: failed; InstallError: no wheel for a|b"]


def test_tables_turn_past_six_cells():
    assert probes_table(scan()).headers[0] == "probe"
    extra = [*PLAN, ("py314-torch2.9.0-onnx1.19.1-ort1.23.0", {"python": "3.14", "onnxscript": "0.5.4"})]
    view = build_view("default", "", extra, samples())
    turned = probes_table(view)
    assert turned.headers == ("combination", "op_pad/default")
    assert len(turned.rows) == 7
    assert models_table(view).rows[-1][:6] == ("3.14", "-", "-", "-", "onnxscript 0.5.4", "unknown")


def test_short_ids_stay_unique():
    assert short_ids(["py38-torch1.1-ort1.2", "py38-torch1.3-ort1.2"]) == ["torch1.1", "torch1.3"]
    assert short_ids(["a-b", "a-b-c"]) == ["a-b", "a-b-c"]
    assert short_ids(["a-b"]) == ["a-b"]


def test_newest_is_by_version_and_not_by_text():
    view = scan([record(cell_id, [case()]) for cell_id, _ in PLAN])
    cells = [replace(view.cells[0], id=version, axes={"torch": version}) for version in ("2.9.0", "2.10.0+cpu", "?")]
    assert [cell.id for cell in newest_first(cells)] == ["2.10.0+cpu", "2.9.0", "?"]


def test_an_infeasible_environment_is_bad_and_says_so():
    stages = [StageRecord("resolve", "infeasible", 0.1, Error("NoWheel", "torch has no cp313 wheel"))]
    cell = scan([record(PASSED, stages=stages), record(MISSING, [case()])]).cells[0]
    assert (cell.verdict, cell.outcome) == ("bad", "infeasible")
    assert cell_text(cell.findings[KEY]) == "resolve: infeasible: NoWheel: torch has no cp313 wheel"
