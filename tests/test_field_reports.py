import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

_spec = importlib.util.spec_from_file_location("update_field_reports", ROOT / "docs/update_field_reports.py")
field_reports = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(field_reports)

CLAIMS = tomllib.loads(field_reports.claims_text())
RECORDS = field_reports.read_records(ROOT / "reports/seeds")


def test_the_page_is_the_one_the_records_give():
    page = (ROOT / "docs/field-reports.md").read_text(encoding="utf-8")
    assert field_reports.rendered(RECORDS, CLAIMS) == page


@pytest.mark.parametrize("report", CLAIMS["report"], ids=lambda report: report["title"])
def test_every_claim_is_about_cases_that_were_run(report):
    assert len(CLAIMS["report"]) == 5
    for claim in [*report["claim"], *report.get("fix", ())]:
        assert field_reports.matching(RECORDS, claim["when"]), claim["text"]


def test_a_claim_is_counted_by_the_records_and_not_by_its_text():
    claim = CLAIMS["report"][0]["claim"][0]
    cases = field_reports.matching(RECORDS, claim["when"])
    assert any(case.reason == "mismatch" for _, case in cases)
    turned = {**claim, "expect": "passes"}
    assert field_reports.rendered(RECORDS, {"report": [{**CLAIMS["report"][0], "claim": [claim]}]}) != (
        field_reports.rendered(RECORDS, {"report": [{**CLAIMS["report"][0], "claim": [turned]}]})
    )


@pytest.mark.parametrize(
    ("outcome", "reason", "stage"),
    [("crashed", None, "export"), ("failed", "unusable", "check"), ("failed", "truncated", "compare"),
     ("failed", "shape", "compare"), ("failed", "pipeline", "compare")],
)  # fmt: skip
def test_what_the_reports_taught_to_look_for_is_found_and_named(outcome, reason, stage):
    found = [case for record in RECORDS for case in record.cases if case.outcome == outcome and case.stage == stage]
    assert [case for case in found if reason is None or case.reason == reason]
