"""Margin and latency over time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrixscan.analysis.trends import Measured, SeriesKey, series_of, trend

KEY = SeriesKey("2.0", "1.0", "plain", "torchscript", 13, "fp32", "onnxruntime-cpu", "n3", "p")


@pytest.mark.parametrize(
    ("values", "factor", "moved"),
    [
        ([3.0], None, False),
        ([3.0, 30.0], 10.0, False),  # of one earlier value nobody knows how it scatters
        ([3.0, 3.0, 3.0, 30.0], 10.0, True),
        ([3.0, 3.0, 3.0, 0.3], 0.1, True),
        ([3.0, 3.0, 3.0, 3.3], 1.1, False),
        ([1.0, 2.0, 4.0, 8.0, 16.0, 20.0], 5.0, False),
    ],
)
def test_what_moved_is_told_from_noise(values, factor, moved):
    found = trend(values, 1.25)
    assert found.factor == (None if factor is None else pytest.approx(factor))
    assert (found.moved, found.count, found.last) == (moved, len(values), values[-1])


@given(st.lists(st.floats(0.01, 1e6), min_size=4, max_size=20), st.floats(0.1, 1000))
def test_another_unit_changes_nothing(values, unit):
    one, other = trend(values, 1.25), trend([value * unit for value in values], 1.25)
    assert other.factor == pytest.approx(one.factor)
    assert other.bound == pytest.approx(one.bound)


def test_series_are_sorted_by_time_within_and_by_version_among_them():
    def at(day, margin, torch="2.9"):
        return Measured(KEY._replace(torch=torch), f"2026-01-0{day}", margin, None)

    newest, older = series_of([at(3, 9.0), at(1, 5.0), at(2, 6.0, "2.10")])
    assert (newest.key.torch, older.key.torch) == ("2.10", "2.9")
    assert (older.margin.last, older.margin.since, older.margin.count) == (9.0, "2026-01-03", 2)
    assert older.latency_ms is None
