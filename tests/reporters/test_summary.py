import datetime as dt

import msgspec

from matrixscan.reporters._summary import render_summary


def candidates(text):
    return text.split("Candidates (good here; newest first)")[1].split("\n\n")[0]


def test_good_combinations_are_candidates_and_say_how_they_become_more(scan_view):
    text = candidates(render_summary(scan_view, "reports/m", "", {}))
    assert "campplus/published:\n  python 3.8  torch==1.11.0 onnx==1.14.1 onnxruntime==1.16.1\n" in text
    assert "`nox -s certify` makes candidates recommendations" in text
    assert "certified," not in text


def test_what_is_certified_says_until_when(scan_view):
    text = candidates(render_summary(scan_view, "reports/m", "", {scan_view.cells[0].id: dt.date(2025, 4, 1)}))
    assert "onnxruntime==1.16.1  (certified, stale after 2025-04-01)" in text


def test_what_was_never_together_is_said_to_be_so(scan_view):
    apart = msgspec.structs.replace(
        scan_view, cells=tuple(msgspec.structs.replace(cell, evidence="factored") for cell in scan_view.cells)
    )
    text = candidates(render_summary(apart, "reports/m", "", {}))
    assert "torch==1.11.0 onnx==1.14.1 onnxruntime==1.16.1  (export and run apart)" in text


def test_where_nothing_is_good_nothing_is_to_be_certified(record_samples):
    text = candidates(render_summary(record_samples.scan([]), "reports/m", "", {}))
    assert "certify" not in text
