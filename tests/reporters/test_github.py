"""Annotations and summaries: escaped, few enough, short enough, and no doubt hidden."""

import re
from types import SimpleNamespace

import pytest

from matrixscan.reporters._github import (
    ERROR,
    MOST_ANNOTATIONS,
    MOST_BYTES,
    NOTICE,
    WARNING,
    Note,
    counted,
    not_run,
    notes_of,
    render_annotations,
    render_job_summary,
)


def test_every_combination_that_is_not_good_and_could_be_has_a_note(scan_view):
    notes = {note.title.partition(" ")[0]: note for note in notes_of(scan_view)}
    wanted = {cell.id for cell in scan_view.cells if cell.verdict != "good" and cell.outcome != "infeasible"}
    assert notes.keys() == wanted
    for cell in scan_view.cells:
        if cell.id in notes:
            assert notes[cell.id].level == {"bad": NOTICE, "unknown": WARNING}[cell.verdict]
            assert notes[cell.id].title == f"{cell.id} is {cell.verdict}"
            assert notes[cell.id].text


def test_what_is_expected_to_be_good_and_is_not_is_an_error_at_its_line(scan_view):
    ids = [cell.id for cell in scan_view.cells]
    notes = list(notes_of(scan_view, ids, {ids[1]: 7}))
    assert {note.level for note in notes} == {ERROR}
    assert len(notes) == sum(cell.verdict != "good" for cell in scan_view.cells)
    assert all("expected to be good" in note.title for note in notes)
    assert [note.line for note in notes if note.title.startswith(f"{ids[1]} ")] in ([7], [])


def test_nothing_in_a_text_ends_a_command_or_begins_one():
    note = Note(ERROR, "a,b: 100%\n::x::", "50% of\r\n::set-output name=x::y", 3)
    assert render_annotations([note], "m,1:x.toml") == (
        "::error file=m%2C1%3Ax.toml,line=3,title=a%2Cb%3A 100%25%0A%3A%3Ax%3A%3A::"
        "50%25 of%0D%0A::set-output name=x::y\n"
    )


@pytest.mark.parametrize("count", [0, 1, MOST_ANNOTATIONS, MOST_ANNOTATIONS + 1, 300])
def test_of_more_notes_than_github_shows_the_last_says_how_many(count):
    lines = render_annotations(list(not_run([f"c{n}" for n in range(count)])), "m.toml").splitlines()
    assert len(lines) == min(count, MOST_ANNOTATIONS)
    shown = sum("not run" in line for line in lines)
    more = sum(int(number) for line in lines for number in re.findall(r"title=and (\d+) more", line))
    assert shown + more == count


def test_levels_do_not_take_each_others_room():
    notes = [Note(level, str(n), "x") for level in (NOTICE, WARNING, ERROR) for n in range(20)]
    lines = render_annotations(notes, "m.toml").splitlines()
    assert [line.split()[0] for line in lines] == [
        f"::{level}" for level in (ERROR, WARNING, NOTICE) for _ in range(10)
    ]


def test_a_summary_is_cut_at_a_line_and_says_so():
    page = "| \u00e4\u00f6\u00fc |\n" * 100_000
    text = render_job_summary("head", page)
    assert len(text.encode()) < MOST_BYTES
    assert text.startswith("**head**\n\n| ")
    assert "Cut here" in text
    assert all(line in {"| \u00e4\u00f6\u00fc |", "**head**", ""} or "Cut here" in line for line in text.splitlines())
    assert render_job_summary("head", "short\n") == "**head**\n\nshort\n"


def test_counts_name_what_there_is_none_of():
    assert counted(["good", "good", "unknown"]) == "2 good, 0 bad, 1 unknown"


def test_a_combination_without_a_judged_finding_still_says_why():
    error = SimpleNamespace(message="no probe decides this verdict")
    cell = SimpleNamespace(id="c", verdict="unknown", outcome="skipped", error=error, findings={})
    (note,) = notes_of(SimpleNamespace(cells=[cell], subjects=[]))
    assert note.text == "no probe decides this verdict"
