import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_samples import broken_by_protobuf, case, mismatch, record, replace

from matrixscan.analysis.blame import EXPORTER, KERNEL, OPTIMIZER
from matrixscan.analysis.causes import load_causes
from matrixscan.analysis.evidence import Experience
from matrixscan.analysis.flip_groups import Neighbours, grouped
from matrixscan.analysis.flips import flips
from matrixscan.analysis.grid import ENVIRONMENT, grid_of_records
from matrixscan.analysis.grid_evidence import GridExperience, experience_of
from matrixscan.analysis.grid_why import grid_whys, with_blame
from matrixscan.analysis.judge import BAD_OUTCOMES, settle_cases
from matrixscan.records.diagnosis import Diagnosis, DiagnosisRecord, Divergence, Node, Seen
from matrixscan.records.types import Error
from matrixscan.reporters._finding_lines import Said, finding_line, merged
from matrixscan.reporters._grid_why import render_whys

TORCH, ORT = ("1.11.0", "2.3.1", "2.4.1"), ("1.16.1", "1.19.2", "1.29.0")
LANES = (("torchscript", 13), ("torchscript", 17), ("dynamo", 18))


def wrong(lane=("torchscript", 13), plain=None, **more):
    facts = {} if plain is None else {"unoptimized": {"passed": plain, "max_abs": 1.0}}
    return replace(mismatch(0.5, lane=lane, **more), facts=facts)


def scanned(found, evidence="factored"):
    """Return records of (torch, onnxruntime) -> cases; what one torch exported is one file."""
    records = []
    for (torch, ort), cases in found.items():
        axes = {"python": "3.10", "torch": torch, "onnx": "1.14.1", "onnxruntime": ort}
        own = [
            replace(each, facts={**each.facts, "artifact": f"{torch} {each.exporter} {each.opset}"}) for each in cases
        ]
        made = record("py310-torch1.11.0-onnx1.14.1-ort1.16.1", own)
        records.append(replace(made, id=f"py310-torch{torch}-onnx1.14.1-ort{ort}", axes=axes, evidence=evidence))
    return records


KINDS = st.sampled_from(["passed", "wrong", "wrong plain", "right plain", "died", "skipped", "no export"])


def made(kind, lane):
    kinds = {
        "passed": lambda: case(lane=lane),
        "wrong": lambda: wrong(lane),
        "wrong plain": lambda: wrong(lane, plain=False),
        "right plain": lambda: wrong(lane, plain=True),
        "died": lambda: case("crashed", stage="load", lane=lane),
        "skipped": lambda: case("skipped", stage="run", lane=lane),
        "no export": lambda: case("failed", stage="export", reason="error", lane=lane),
    }
    return kinds[kind]()


@pytest.mark.parametrize("evidence", ["joint", "factored"])
def test_a_package_is_blamed_in_whole_environments_alone(evidence):
    dead = case("failed", stage="export", error=Error("SerdeError", "no"))
    other = case("failed", stage="export", error=Error("ValueError", "no"), size={"t": 345})
    records = scanned({("2.3.1", "1.16.1"): [dead, other]}, evidence)
    grid = grid_of_records(iter(records))
    experience = experience_of(grid, (), [broken_by_protobuf(records[0].axes, dead)])
    rules = {key.size: experience.blame(0, column).rule for column, key in enumerate(grid.cases) if key != ENVIRONMENT}
    assert (rules["t200"] == "named-package") is (evidence == "joint")
    assert rules["t345"] != "named-package"


@given(st.lists(st.tuples(KINDS, KINDS, KINDS), min_size=9, max_size=9))
def test_a_grid_knows_what_its_records_know(kinds):
    places = dict(zip(itertools.product(TORCH, ORT), kinds, strict=True))
    found = {place: [made(*each) for each in zip(own, LANES, strict=True)] for place, own in places.items()}
    records = scanned(found)
    cells = [(one.id, one.axes, settle_cases(one.cases)) for one in records]
    known, grid = Experience(cells), grid_of_records(iter(records))
    experience = GridExperience(grid)
    columns = {(key.exporter, key.opset): index for index, key in enumerate(grid.cases)}
    for row, (cell, _, cases) in enumerate(cells):
        for each in cases:
            column = columns[each.exporter, each.opset]
            assert experience.is_bad(row, column) == (each.outcome in BAD_OUTCOMES)
            if each.outcome in BAD_OUTCOMES:
                assert experience.evidence(row, column) == known.evidence(cell, each)


KERNEL_BUG = scanned({
    (torch, ort): [
        wrong(plain=False) if torch != "1.11.0" and ort != "1.29.0" else case(),
        case(lane=("dynamo", 18)),
        case(variant="fixed"),
    ]
    for torch in TORCH for ort in ORT
})  # fmt: skip


def test_a_file_that_is_right_in_another_release_is_the_runners_fault_on_the_side_where_it_is_wrong():
    grid = grid_of_records(iter(KERNEL_BUG))
    told = with_blame(flips(grid), GridExperience(grid))
    run = [flip for flip in told if flip.axis == "onnxruntime"]
    assert [(flip.from_, flip.to, flip.whose) for flip in run] == [("1.19.2", "1.29.0", {"before": KERNEL})] * 2
    export = [flip for flip in told if flip.axis == "torch"]
    assert [(flip.from_, flip.to, flip.whose) for flip in export] == [("1.11.0", "2.3.1", {"after": KERNEL})] * 2
    groups = grouped(told, grid)
    lines = [finding_line(line, Said(grid), Neighbours(grid)) for line in merged(groups)]
    assert sum(line.endswith("— whose fault before: runtime kernel") for line in lines) == 1
    assert sum(line.endswith("— whose fault after: runtime kernel") for line in lines) == 1


def test_files_of_a_joint_scan_are_not_taken_for_the_same():
    joint = [replace(one, evidence="joint") for one in KERNEL_BUG]
    grid = grid_of_records(iter(joint))
    told = with_blame(flips(grid), GridExperience(grid))
    assert {flip.whose.get("before", flip.whose.get("after")) for flip in told} == {"unknown"}


def test_why_says_what_works_and_in_how_many_of_the_failing_combinations():
    grid = grid_of_records(iter(KERNEL_BUG))
    (why,) = grid_whys(GridExperience(grid), ["campplus"], load_causes())
    assert (why.word, why.opsets, len(why.rows), why.of) == ("compare: mismatch", (13,), 4, 9)
    assert (why.blame.whose, why.blame.rule) == (KERNEL, "other-release")
    assert [(each.text, each.count, each.of) for each in why.works] == [
        ("variant fixed", 4, 4), ("dynamo 18", 4, 4), ("onnxruntime 1.29.0 with the very same file", 4, 4),
    ]  # fmt: skip
    text = render_whys([why], grid)
    assert "campplus/published: torchscript opset 13, compare: mismatch, in 4 of 9 combinations" in text
    assert "whose: runtime kernel (other-release: the very same file is wrong in 1.16.1, 1.19.2; " in text
    assert "onnxruntime 1.29.0 with the very same file (good in 4 of these 4)" in text


@pytest.mark.parametrize(
    ("releases", "count", "words"), [("<1.29", 4, "known cause: "), ("<1.19", 2, "in 2 of these 4: ")]
)
def test_a_known_cause_says_in_how_many_of_the_failing_combinations_it_fits(releases, count, words):
    cause = next(each for each in load_causes() if each.id == "avg-pool-ceil")
    when = msgspec.structs.replace(cause.when, versions={"onnxruntime": releases}, contains=None)
    grid = grid_of_records(iter(KERNEL_BUG))
    (why,) = grid_whys(GridExperience(grid), ["campplus"], [msgspec.structs.replace(cause, when=when)])
    assert [(each.count, each.of) for each in why.causes] == [(count, 4)]
    assert f"{words}Average pooling with ceil_mode divides" in render_whys([why], grid).replace("avg-pool-ceil (", "")


def test_nothing_works_where_nothing_was_seen_to():
    found = {(torch, ort): [wrong(plain=False)] for torch in TORCH for ort in ORT}
    (why,) = grid_whys(GridExperience(grid_of_records(iter(scanned(found)))), ["campplus"])
    assert why.works == ()


def test_a_release_that_is_wrong_for_any_of_the_files_is_no_advice():
    found = {(torch, ort): [wrong(plain=False)] for torch in TORCH for ort in ORT}
    found["2.4.1", "1.29.0"] = [case()]
    whys = grid_whys(GridExperience(grid_of_records(iter(scanned(found)))), ["campplus"])
    assert [
        works for why in whys for works in why.works if "1.29.0" in works.text and why.of == 9 and works.of > 2
    ] == []


def test_an_older_release_that_is_right_is_not_called_the_newest():
    found = {(torch, ort): [case() if ort == "1.16.1" else wrong(plain=False)] for torch in TORCH for ort in ORT}
    (why,) = grid_whys(GridExperience(grid_of_records(iter(scanned(found)))), ["campplus"])
    assert [each.text for each in why.works] == ["onnxruntime 1.16.1 with the very same file"]


def test_what_helps_without_optimisations_is_the_optimizers():
    found = {(torch, ort): [wrong(plain=True)] for torch in TORCH for ort in ORT}
    (why,) = grid_whys(GridExperience(grid_of_records(iter(scanned(found)))), ["campplus"])
    assert (why.word, why.blame.whose) == ("compare: optimizer", OPTIMIZER)


def test_an_environment_that_cannot_be_is_no_models_fault():
    grid = grid_of_records(iter(KERNEL_BUG))
    assert ENVIRONMENT in grid.cases
    assert all(
        why.probe != ENVIRONMENT.probe for why in grid_whys(GridExperience(grid), [ENVIRONMENT.probe, "campplus"])
    )


@pytest.mark.parametrize("reproduced", [True, False])
def test_what_was_looked_into_jointly_counts_for_that_combination(reproduced):
    grid = grid_of_records(iter(scanned({("2.4.1", "1.19.2"): [wrong()], ("2.4.1", "1.16.1"): [wrong()]})))
    node = Node("n", "AveragePool", "", {}, (), ())
    first = Divergence("xvector", "CAMLayer", "avg_pool1d", {"ceil_mode": True}, 3, (node,), node, 1e-6, 0.9)
    plain = {level: Seen(False, "mismatch", 1.0, None) for level in ("disabled", "all")}
    case_id = grid.cases[1]
    own = "/".join([*case_id[:3], f"opset{case_id.opset}", *case_id[4:]])
    looked = Diagnosis(own, reproduced, "compare", "mismatch", plain, Seen(True, None, 0.0, None), first)
    axes = {"python": "3.10", "torch": "2.4.1", "onnx": "1.14.1", "onnxruntime": "1.19.2"}
    made = DiagnosisRecord(1, "id", "m_joint", "k", "h", axes, {}, {}, None, {}, "", "", (looked,))
    experience = experience_of(grid, [made])
    whose = [experience.blame(row, 1).whose for row in range(2)]
    assert whose == ([KERNEL, "unknown"] if reproduced else ["unknown", "unknown"])
    whys = grid_whys(experience, ["campplus"])
    assert ("avg_pool1d(ceil_mode=True) in xvector" in render_whys(whys, grid)) == reproduced


def test_the_places_of_a_grid_are_those_of_the_table():
    grid = grid_of_records(iter(KERNEL_BUG))
    assert grid.plain.shape == grid.codes.shape
    assert set(np.unique(grid.plain)) == {-1, 0}
    assert EXPORTER != KERNEL
