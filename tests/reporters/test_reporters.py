import json
import sys
from pathlib import Path

import pytest

from matrixscan import reporters

GOLDEN = Path(__file__).parent / "golden"
FILES = ["results.json", "table.md", "table.txt"]


def test_every_format_has_a_golden_file():
    assert [name for name in reporters.all_reporters() if name in FILES] == FILES


@pytest.mark.parametrize("name", FILES)
def test_the_whole_text_is_the_golden_one(name, scan_view):
    assert reporters.all_reporters()[name].render(scan_view) == (GOLDEN / name).read_text()


@pytest.mark.parametrize("name", FILES)
def test_records_in_another_order_give_the_same_text(name, scan_view, record_samples):
    shuffled = record_samples.scan(record_samples.samples()[::-1])
    render = reporters.all_reporters()[name].render
    assert render(shuffled) == render(scan_view)


@pytest.mark.parametrize("name", FILES)
def test_an_empty_scan_renders(name, record_samples):
    text = reporters.all_reporters()[name].render(record_samples.scan([]))
    assert text.endswith("\n")
    assert "good" not in {cell["verdict"] for cell in json.loads(text).get("cells", [])} if "json" in name else text


def test_results_hold_no_times_and_no_more_than_six_digits(scan_view):
    text = reporters.all_reporters()["results.json"].render(scan_view)
    cells = {cell["id"]: cell for cell in json.loads(text)["cells"]}
    assert list(cells) == sorted(cells)
    assert "2025-01-01" not in text
    metrics = next(
        case["metrics"]
        for case in cells["py311-torch2.4.1-onnx1.16.2-ort1.19.2"]["cases"]
        if case["outcome"] == "failed" and case["size"] == {"t": 345}
    )
    assert metrics["max_abs"] == 0.451235


def test_warnings_reach_every_format(record_samples):
    view = record_samples.scan([record_samples.record("py1-strange", [record_samples.case()])])
    for name in FILES:
        assert "is not in the plan" in reporters.all_reporters()[name].render(view)


def test_error_words_cannot_break_a_markdown_table(record_samples):
    error = record_samples.Error("E", "a|b `c` <d>\nsecond")
    view = record_samples.scan([record_samples.record(cases=[record_samples.case("failed", error=error)])])
    text = reporters.all_reporters()["table.md"].render(view)
    assert "a\\|b \\`c\\` &lt;d>" in text


@pytest.mark.parametrize(
    ("file", "source", "words"),
    [
        ("broken_syntax.py", "def (", "broken_syntax.py: does not import: SyntaxError"),
        ("broken_import.py", "import no_such_module_here", "broken_import.py: does not import"),
        ("nameless.py", "SUFFIX = '.x'\ndef render(view): return ''", "nameless.py: NAME is missing"),
        ("mute.py", "NAME = 'x'\nSUFFIX = '.x'", "mute.py: has no function render(view)"),
        (
            "table_zzz.py",
            "NAME = 'table'\nSUFFIX = '.md'\ndef render(view): return ''",
            "already written by table_md.py",
        ),
    ],
)
def test_a_reporter_that_cannot_be_used_is_named(file, source, words, tmp_path, monkeypatch):
    (tmp_path / file).write_text(source)
    monkeypatch.setattr(reporters, "__path__", [*reporters.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"matrixscan.reporters.{file[:-3]}", raising=False)
    with pytest.raises(reporters.ReporterFileError) as caught:
        reporters.all_reporters()
    assert words in str(caught.value)


def test_a_dropped_in_file_is_a_reporter(tmp_path, monkeypatch):
    (tmp_path / "extra_format.py").write_text("NAME = 'extra'\nSUFFIX = '.x'\ndef render(view): return view.matrix")
    monkeypatch.setattr(reporters, "__path__", [*reporters.__path__, str(tmp_path)])
    assert "extra.x" in reporters.all_reporters()
