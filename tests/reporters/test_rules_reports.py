import json

import numpy as np

from matrixscan.analysis.grid import grid_of_records
from matrixscan.analysis.rules import labels_of
from matrixscan.analysis.rules_file import rules_of_json, rules_text
from matrixscan.analysis.rules_find import rules_of
from matrixscan.analysis.rules_grid import Rulebook, Told, rulebook
from matrixscan.analysis.rules_view import rulebook_of_view
from matrixscan.reporters import all_reporters
from matrixscan.reporters._rules import render_markdown, render_text

PAGE = """\
# Rules of default

5 combinations, joint evidence.

HOW

## Models

### campplus/published

- bad iff torch >= 2.4.1
  - 2 of 2 combinations that show it and 0 of 1 good one; no counter-example; 2 more say nothing about it; \
3 combinations are few, and the rule is weak
  - nothing known between torch 1.11.0 and 2.4.1: 2.0.1 says nothing there
"""


def test_the_page_of_a_scan(scan_view):
    text = all_reporters()["rules.md"].render(scan_view)
    assert text.startswith(PAGE.replace("HOW", text.splitlines()[4]))
    assert "### environment" in text
    assert "- install: failed iff torch >= 2.9.0" in text
    assert "1 of 1 combination that shows it and 0 of 4 usable ones" in text


def test_the_file_of_a_scan_can_be_read_again(scan_view):
    text = all_reporters()["rules.json"].render(scan_view)
    found = rules_of_json(text.encode())
    assert (found.matrix, found.combinations, found.judged) == ("default", 5, ("campplus",))
    assert rules_text(rulebook_of_view(scan_view), "default") == text


def test_a_view_and_the_records_it_is_made_of_have_the_same_rules(record_samples, scan_view):
    grid = grid_of_records(record_samples.samples())
    assert rulebook(grid, ("campplus",)) == rulebook_of_view(scan_view)


def test_records_in_another_order_and_none_at_all(record_samples, scan_view):
    shuffled = record_samples.scan(record_samples.samples()[::-1])
    for name in ("rules.json", "rules.md"):
        render = all_reporters()[name].render
        assert render(shuffled) == render(scan_view)
    empty = record_samples.scan([])
    assert json.loads(all_reporters()["rules.json"].render(empty))["findings"] == []
    assert "0 combinations, no evidence." in all_reporters()["rules.md"].render(empty)


def book(rows, shows):
    labels = labels_of([shows(row) for row in rows], [not shows(row) for row in rows])
    told = Told("op_x", "v", "run: error", (), rules_of(rows, labels))
    return Rulebook(("joint",), len(rows), (), (told,))


ROWS = [{"torch": f"2.{torch}.0", "onnxruntime": f"1.{ort}.0"} for torch in range(12) for ort in range(12)]


def test_exceptions_are_said_with_the_rule_and_named():
    odd = {"torch": "2.3.0", "onnxruntime": "1.7.0"}
    text = render_text(book(ROWS, lambda row: (int(row["torch"][2:-2]) >= 6) != (row == odd)), "mine")
    assert text.splitlines()[3:] == [
        "  run: error iff torch >= 2.6.0, but for 1 counter-example",
        "    72 of 73 combinations that show it and 0 of 71 good ones; 1 counter-example",
        "    nothing tested between torch 2.5.0 and 2.6.0",
        "    counter-examples, not covered: torch2.3.0-ort1.7.0",
    ]


def test_several_rules_are_a_list_and_where_there_is_none_the_text_says_so():
    text = render_text(book(ROWS, lambda row: row["torch"] < "2.1" or row["onnxruntime"] in {"1.3.0", "1.4.0"}), "mine")
    assert text.splitlines()[3:7] == [
        "  run: error iff one of these holds",
        "    torch < 2.1.0: 12 combinations",
        "    onnxruntime >= 1.3.0 and < 1.5.0: 24 combinations",
        "    34 of 34 combinations that show it and 0 of 110 good ones; no counter-example",
    ]
    chequered = render_text(book(ROWS, lambda row: (int(row["torch"][2:-2]) + int(row["onnxruntime"][2:-2])) % 2), "m")
    assert chequered.splitlines()[3] == (
        "  run: error in 72 combinations and 72 are good: no set of at most 3 rules on at most 3 axes each tells them "
        "apart with at most 7 counter-examples"
    )


def test_where_it_is_not_can_be_the_shorter_way_to_say_it():
    def hole(row):
        return 3 <= int(row["torch"][2:-2]) < 6 and 4 <= int(row["onnxruntime"][2:-2]) < 8

    lines = render_text(book(ROWS, lambda row: not hole(row)), "mine").splitlines()
    assert lines[3] == "  run: error unless torch >= 2.3.0 and < 2.6.0 and onnxruntime >= 1.4.0 and < 1.8.0"
    assert lines[4] == "    12 of 12 good ones and 0 of 132 that show it; no counter-example"


def test_markdown_is_escaped():
    labels = np.array([1, 1, -1], np.int8)
    told = Told("op_x", "a|b", "run: error", (), rules_of(ROWS[:3], labels))
    assert "### op_x/a\\|b" in render_markdown(Rulebook(("joint",), 3, (), (told,)), "mine")
    assert "onnxruntime &lt; 1.2.0" in render_markdown(Rulebook(("joint",), 3, (), (told,)), "mine")
