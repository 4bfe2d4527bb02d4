import msgspec
import numpy as np
import pytest

from matrixscan.analysis.agreement import agreement
from matrixscan.analysis.flips import flips
from matrixscan.analysis.grid import ENVIRONMENT, CaseKey, Grid, axis_names, grid_of_records
from matrixscan.reporters import all_reporters
from matrixscan.reporters._findings import Head, head_of, render_findings
from matrixscan.reporters._grid import render_catalogue, render_tables

WORDS = ("", "ok", "export: error", "compare: mismatch", "export: unsupported", "install: failed", "eager: error")
OUTCOMES = ("not_run", "passed", "failed", "failed", "infeasible", "failed", "failed")
NOT_RUN, OK, ERROR, MISMATCH, INFEASIBLE, INSTALL, EAGER = range(7)

TORCH = ("2.0.0", "2.1.0", "2.10.0")
ORT = ("1.15.0", "1.16.0", "1.17.0")
ONNX = ("1.16.0", "1.23.0")
ROWS = [{"torch": torch, "onnx": onnx, "onnxruntime": ort} for torch in TORCH for onnx in ONNX for ort in ORT]


def key(probe="campplus", variant="published", exporter="torchscript", opset=13, size="t3", precision="fp32"):
    return CaseKey(probe, variant, exporter, opset, precision, "onnxruntime-cpu", size)


def grid(columns, rows=ROWS, said=""):
    """Return a grid of case -> function from a combination to a code."""
    codes = np.array([[OK, *(code(row) for code in columns.values())] for row in rows], np.int16)
    return Grid(
        axes=axis_names(rows),
        rows=tuple(rows),
        evidence=("factored",) * len(rows),
        cases=(ENVIRONMENT, *columns),
        words=WORDS,
        outcomes=OUTCOMES,
        codes=codes,
        texts=("", said),
        errors=(codes == ERROR).astype(np.int32),
    )


def always(code):
    return lambda _: code


def old_torch(code):
    return lambda row: code if row["torch"] == "2.0.0" else OK


def old_ort(code):
    return lambda row: code if row["onnxruntime"] == "1.15.0" else OK


def page(made, **head):
    return render_findings(made, flips(made), Head("eras", **head))


def section(text, heading):
    return text.partition(f"\n{heading}\n")[2].partition("\n#")[0]


def test_these_are_no_reporters_of_a_scan_view():
    assert not {"flips.json", "findings.md", "grid.md"} & set(all_reporters())


def test_a_change_of_all_variants_opsets_and_sizes_is_one_line_with_what_the_tool_said():
    columns = {
        key("op_pad", variant, opset=opset, size=size): old_torch(ERROR)
        for variant in ("reflect", "circular")
        for opset in (13, 17)
        for size in ("t3", "t17")
    }
    text = page(grid(columns, said="RuntimeError: [ONNXRuntimeError] : 1 : FAIL : pad | mode\nmore"))
    lines = [line for line in section(text, "### Operators").splitlines() if line]
    assert lines == [
        (
            "- **op_pad** (torchscript opsets 13, 17), torch 2.0.0 → 2.1.0: `export: error` → `ok`: 8 cases "
            "(all 2 variants; every size), for both onnx 1.16.0 and 1.23.0 and every onnxruntime from 1.15.0 to 1.17.0 "
            "— RuntimeError: pad \\| mode"
        )
    ]


def test_lines_join_only_what_is_alike_in_all_they_name():
    columns = {
        key("op_pad", "reflect", opset=13): old_torch(ERROR),
        key("op_pad", "circular", opset=17): old_torch(ERROR),
        key("op_pad", "reflect", opset=17): always(OK),
        key("op_pad", "reflect", opset=13, precision="fp16"): old_torch(ERROR),
    }
    text = page(grid(columns))
    assert "(torchscript opset 13, fp16 and fp32), torch" in text
    assert "(torchscript opset 17), torch" in text
    assert "2 cases (reflect)" in text
    assert "1 case (circular)" in text


def test_sides_and_kinds_have_their_own_sections_and_models_come_first():
    made = grid({key(): old_torch(MISMATCH), key("op_pad"): old_torch(ERROR), key("op_cat"): old_ort(ERROR)})
    made.codes[-1] = [INSTALL, 0, 0, 0]
    text = page(made)
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# Findings of eras",
        "## Releases where most things changed",
        "## On the export side",
        "### Environments that can or cannot be used",
        "### Models",
        "### Operators",
        "## On the run side",
        "### Environments that can or cannot be used",
        "### Operators",
    ]
    assert "torch 2.1.0 → 2.10.0: `ok` → `install: failed`, for onnx 1.23.0" in text
    assert "; 1 unusable" in text


def test_the_summary_counts_cases_once_and_in_the_right_direction():
    columns = {
        key(): old_torch(MISMATCH),
        key(size="t17"): lambda row: ERROR if row["torch"] == "2.1.0" else OK,
        key(size="t9"): lambda row: MISMATCH if row["torch"] == "2.0.0" else ERROR,
    }
    rows = section(page(grid(columns)), "## Releases where most things changed").strip().splitlines()[4:]
    assert [row.split(" | ")[:6] for row in rows] == [
        ["| torch 2.0.0 → 2.1.0", "export", "3", "1", "1", "1"],
        ["| torch 2.1.0 → 2.10.0", "export", "1", "1", "0", "0"],
    ]
    assert "cases of 1 probe" in rows[0]


def test_the_head_says_what_was_measured_and_takes_dates_from_the_scan():
    told = {"harness": ["abc"], "started": "2026-01-01", "finished": "2026-01-02", "ignored": 3}
    made = grid({key(): old_torch(MISMATCH)})
    text = render_findings(made, flips(made), head_of("eras", told, command="nox -s scan", source="From *x*."))
    for line in (
        "From *x*.",
        "- Combinations: 18 (18 by factored evidence).",
        "- torch: 2.0.0 to 2.10.0, 3 releases.",
        "- Cases: 1 in each; 18 results, of which 12 are ok.",
        "- Flips: 6 of 1 cases, 1 different ones.",
        "- Measured from 2026-01-01 to 2026-01-02.",
        "- Harness: `abc`.",
        "- Measure it again: `nox -s scan`.",
    ):
        assert line in text.splitlines()


def test_nothing_to_tell_is_said():
    assert "None: no case changes" in page(grid({key(): always(OK)}))
    lonely = [{"torch": "2.0.0", "onnx": "1.16.0"}, {"torch": "2.1.0", "onnx": "1.23.0"}]
    assert "No two combinations differ in one axis alone" in page(grid({key(): always(OK)}, lonely))


def test_disagreement_is_shown_case_by_case():
    made, joint = grid({key(): always(OK)}), grid({key(): old_torch(MISMATCH)})
    text = render_findings(made, [], Head("eras"), agreement(made, joint))
    assert "12 of 18 cases measured in both ways end alike" in text
    assert "| ok | compare: mismatch | 6 of campplus | " in text
    assert "torch 2.0.0, onnx 1.16.0, onnxruntime 1.15.0; " in text
    assert "onnxruntime 1.17.0; and 3 more |" in text
    assert "end alike" in render_findings(made, [], Head("eras"), agreement(made, made))


def tables_of(made, **more):
    return render_tables(made, "eras", ("campplus",), **more)


def test_a_table_shows_the_newest_first_and_draws_together_what_is_alike():
    made = grid({key(): lambda row: ERROR if row["torch"] == "2.0.0" else old_ort(MISMATCH)(row)})
    text = tables_of(made)
    assert [line for line in text.splitlines() if line.startswith(("|", "###"))] == [
        "### onnx 1.23.0 and onnx 1.16.0",
        "| torch \\\\ onnxruntime | 1.17.0 to 1.16.0 | 1.15.0 |",
        "| --- | --- | --- |",
        "| 2.10.0 to 2.1.0 | good | compare: mismatch |",
        "| 2.0.0 | export: error | export: error |",
    ]


def test_flavours_of_onnx_stand_apart_where_they_differ_and_the_worst_of_the_rest_counts():
    rows = [row | {"python": python} for row in ROWS for python in ("3.8", "3.9")]
    made = grid({key(): lambda row: MISMATCH if row["onnx"] == "1.16.0" and row["python"] == "3.9" else OK}, rows)
    text = tables_of(made)
    assert "good" in section(text, "### onnx 1.23.0")
    assert "mismatch" not in section(text, "### onnx 1.23.0")
    assert "good" not in section(text, "### onnx 1.16.0")


def test_onnx_that_goes_with_its_torch_is_one_table():
    era = dict(zip(TORCH, ("1.13.0", "1.14.0", "1.22.0"), strict=True))
    rows = [row | {"onnx": era[row["torch"]] if row["onnx"] == "1.16.0" else "1.23.0"} for row in ROWS]
    text = tables_of(grid({key(): lambda row: OK if row["onnx"] == "1.23.0" else MISMATCH}, rows))
    assert "### onnx of the time of each torch, 1.13.0 to 1.22.0" in text


def test_cells_say_what_is_not_there():
    def code(row):
        return {"2.0.0": INFEASIBLE, "2.1.0": NOT_RUN, "2.10.0": OK}[row["torch"]]

    rows = [row for row in ROWS if (row["torch"], row["onnxruntime"]) != ("2.10.0", "1.15.0")]
    lines = [line for line in tables_of(grid({key(): code}, rows)).splitlines() if line.startswith("| 2")]
    assert lines == [
        "| 2.10.0 | good | - |",
        "| 2.1.0 | not run | not run |",
        "| 2.0.0 | infeasible | infeasible |",
    ]


def test_an_exporter_has_a_table_of_its_own_where_it_says_something_else():
    made = grid({key(): always(OK), key(exporter="dynamo"): old_torch(ERROR), key(exporter="pnnx"): always(INFEASIBLE)})
    text = tables_of(made)
    assert "torchscript alone:" in text
    assert "dynamo alone:" not in text
    assert "pnnx alone:" not in text


def test_the_catalogue_counts_variants_by_release():
    columns = {
        key("op_pad", "reflect"): always(OK),
        key("op_pad", "circular"): old_torch(ERROR),
        key("op_pad", "edge"): old_ort(MISMATCH),
        key("op_pad", "wrap"): old_torch(EAGER),
        key("op_pad", "late"): old_torch(INFEASIBLE),
    }
    text = render_catalogue(grid(columns), "eras")
    assert (
        "| op_pad | 2.10.0 to 2.1.0: 4 of 5 (partly: edge) | "
        "2.0.0: 1 of 4 (fails: circular; partly: edge; no eager: wrap) |"
    ) in text.splitlines()


@pytest.mark.parametrize(
    ("code", "words"),
    [(OK, "all 1"), (ERROR, "none of 1 (fails)"), (INFEASIBLE, "cannot exist"), (NOT_RUN, "none of 1 (unknown)"),
     (EAGER, "none of 1 (no eager)")],
)  # fmt: skip
def test_a_whole_row_of_the_catalogue_is_one_word(code, words):
    text = render_catalogue(grid({key("op_pad"): always(code), key("op_cat", exporter="dynamo"): always(OK)}), "eras")
    assert f"| op_pad | 2.10.0 to 2.0.0: {words} | - |" in text.splitlines()
    assert "op_cat" not in section(text, "## torchscript")


def test_reports_of_real_records_do_not_depend_on_their_order(record_samples):
    records = record_samples.samples()
    texts = []
    for given in (records, records[::-1]):
        made = grid_of_records(given)
        texts.append((page(made), tables_of(made)))
    assert texts[0] == texts[1]
    assert msgspec.json.encode(flips(grid_of_records(records))) == msgspec.json.encode(flips(made))
