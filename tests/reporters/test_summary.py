import msgspec

from matrixscan.reporters._summary import render_summary


def test_good_combinations_that_were_never_together_are_said_and_are_no_pins(scan_view):
    joint = render_summary(scan_view, "reports/m", "")
    assert "measured together" not in joint
    good = [cell.id for cell in scan_view.cells if cell.verdicts.get("campplus/published") == "good"]
    assert good
    apart = msgspec.structs.replace(
        scan_view, cells=tuple(msgspec.structs.replace(cell, evidence="factored") for cell in scan_view.cells)
    )
    text = render_summary(apart, "reports/m", "")
    assert f"{len(good)} good with export and run apart, the last {good[-1]}" in text
    assert "torch==" not in text.split("Known-good pins")[1]
