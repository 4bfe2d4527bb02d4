import msgspec
import numpy as np
from record_samples import PLAN, case, output, record

from matrixscan.analysis.conflicts import DataConflict
from matrixscan.analysis.drift import eager_drifts, margin_drifts
from matrixscan.analysis.view import build_view
from matrixscan.harness.sketch import sketch
from matrixscan.records.types import ProbeRecord
from matrixscan.reporters import all_reporters

ARRAY = np.random.RandomState(0).standard_normal((1, 192))
IDS = [cell for cell, _ in PLAN]


def cell(number, moved=0.0, noise=1e-7):
    """Return the record of a combination whose eager output is off by a share of its size."""
    eager = {"published t200": {"embedding": tuple(sketch("embedding", ARRAY + moved * np.roll(ARRAY, 1)))}}
    probe = ProbeRecord("d", "CAM++", "MIT", eager=eager)
    made = msgspec.structs.replace(output(), noise_floor=noise)
    return record(IDS[number], [case(outputs=(made,))], probes={"campplus": probe})


def test_eager_that_changes_with_torch_is_said_once_where_it_changes():
    records = [cell(3, 0.1), cell(0), cell(2, 0.1), cell(1, 1e-7)]
    (found,) = eager_drifts(records)
    assert (found.before, found.after, found.torch) == (IDS[1], IDS[2], ("1.13.1", "2.0.1"))
    assert (found.probe, found.variant, found.size, found.output) == ("campplus", "published", "t200", "embedding")
    assert 0.05 < found.share < 0.2
    assert "the model changed there" in found.describe()


def test_rounding_and_noise_are_no_drift():
    assert eager_drifts([cell(0), cell(1, 5e-4)]) == ()
    assert len(eager_drifts([cell(0), cell(1, 5e-3)])) == 1
    assert eager_drifts([cell(0), cell(1, 5e-3, noise=0.02)]) == ()


def test_nothing_is_compared_across_other_data_and_where_nothing_was_kept():
    records = [cell(0), cell(1, 0.1)]
    assert eager_drifts(records, [DataConflict("campplus", "weights", "published", {})]) == ()
    assert eager_drifts([record(IDS[0]), cell(1, 0.1)]) == ()


def passing(margin, **more):
    return case(outputs=(output(margin=margin),), **more)


def test_a_margin_that_falls_is_said_for_the_combination_where_it_is_small():
    cells = [("a", [passing(900.0)]), ("b", [passing(3.0)]), ("c", [passing(200.0)])]
    (found,) = margin_drifts(cells)
    assert (found.most, found.least) == (("a", 900.0), ("b", 3.0))
    assert found.describe().endswith("embedding: margin 3 in b, 900 in a; it passes in both")


def test_ample_margins_and_small_falls_and_failures_are_not_drift():
    assert margin_drifts([("a", [passing(9000.0)]), ("b", [passing(101.0)])]) == ()
    assert margin_drifts([("a", [passing(29.0)]), ("b", [passing(3.0)])]) == ()
    failed = case("failed", stage="compare", reason="mismatch", outputs=(output(False, "mismatch", 1.0, 0.1),))
    assert margin_drifts([("a", [passing(900.0)]), ("b", [failed])]) == ()
    assert margin_drifts([("a", [passing(900.0, witness=True)]), ("b", [passing(3.0, witness=True)])]) == ()


def test_tables_show_what_drifts():
    view = build_view("m", "", PLAN[:2], [cell(0), cell(1, 0.1)], judged=("campplus",))
    assert len(view.eager_drifts) == 1
    for name in ("table.md", "table.txt"):
        text = all_reporters()[name].render(view)
        assert "Drift" in text
        assert "the model changed there" in text
