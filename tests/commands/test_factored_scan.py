"""A factored matrix scanned for real: what it says, what it keeps, and what it does again."""

import json
import shutil
import signal
import time

import fake_packages
import pytest

from matrixscan import commands
from matrixscan.analysis.flips import flips
from matrixscan.analysis.grid_files import read_published
from matrixscan.commands import wide
from matrixscan.commands.factored import sides_of
from matrixscan.commands.request import load_plans

EXPORTS = ["py38-torch900.1-onnx900.1", "py38-torch900.2-onnx900.1"]
RUNS = ["py38-ort900.1", "py38-ort900.2"]
CELLS = [f"{export}-ort{runtime}" for export in EXPORTS for runtime in ("900.1", "900.2")]


def said(results):
    """Return what was found of every case, by combination."""
    errors = results["errors"]
    return {
        cell["id"]: (cell["verdict"], cell["verdicts"], [found(case, errors) for case in cell["cases"]])
        for cell in results["cells"]
    }


def found(case, errors):
    which = [case[name] for name in ("probe", "variant", "exporter", "opset", "precision", "runner", "size")]
    words = None if case["error"] is None else errors[case["error"]]["message"]
    return *which, case["stage"], case["outcome"], case["reason"], case["metrics"], words


def facts(path):
    """Return a record without what no two scans have in common."""
    record = json.loads(path.read_text())
    for name in ("started", "finished", "timings", "platform", "stages"):
        del record[name]
    for case in record["cases"]:
        case.pop("seconds", None)
        for name in ("eager_ms", "runner_ms", "peak_memory"):
            case.get("facts", {}).pop(name, None)
    return record


def published(place, matrix="tiny"):
    """Return everything in a published folder that does not depend on time."""
    folder = place.root / "reports" / matrix
    texts = {path.name: path.read_text() for path in folder.iterdir() if path.is_file() and path.suffix != ".parquet"}
    texts |= {path.name: path.read_text() for path in (folder / "locks").iterdir()}
    return texts, {path.stem: facts(path) for path in (folder / "records").glob("*.json")}


def test_a_factored_scan_says_what_a_joint_one_says(scanned):
    factored, joint = scanned.results(), scanned.results("joint")
    assert [cell["id"] for cell in factored["cells"]] == CELLS
    assert said(factored) == said(joint)
    outcomes = {(case["stage"], case["outcome"]) for cell in factored["cells"] for case in cell["cases"]}
    assert outcomes == {(None, "passed"), ("export", "failed"), ("compare", "failed")}


def test_factored_evidence_is_called_so_and_recommends_nothing(scanned):
    assert {cell["evidence"] for cell in scanned.results()["cells"]} == {"factored"}
    assert {cell["evidence"] for cell in scanned.results("joint")["cells"]} == {"joint"}
    assert {cell["verdict"] for cell in scanned.results()["cells"]} == {"good"}
    for name in ("tiny", "joint"):
        assert not [path for path in (scanned.root / "reports" / name).iterdir() if path.match("recommended.*")]
    assert scanned.outcome.text.count("torch==900.2 onnx==900.1 onnxruntime==900.2  (export and run apart)") == 3
    assert "torch==900.2 onnx==900.1 onnxruntime==900.2\n" in scanned.joint.text


def test_environments_are_sides_and_every_export_was_made_once(scanned):
    work = scanned.root / ".matrixscan/tiny"
    assert sorted(path.parent.name for path in work.glob("*/done.json")) == sorted([*EXPORTS, *RUNS])
    assert scanned.side(EXPORTS[0]).evidence == scanned.side(RUNS[0]).evidence == "factored"
    assert "torch" not in scanned.side(RUNS[0]).lock.packages
    assert "onnxruntime" not in scanned.side(EXPORTS[0]).lock.packages
    assert {path.stem for path in (scanned.root / "reports/tiny/locks").iterdir()} == {*EXPORTS, *RUNS}


def test_what_is_done_is_not_done_again(scanned):
    outcome = scanned.scan()
    assert scanned.worked_on == []
    assert "nothing to do" in outcome.text


def test_a_combination_none_of_whose_exports_passes_is_judged_all_the_same(workplace):
    workplace.probe("refused", variants=("refused",))
    axes = {"python": ["3.8"], "torch": ["900.1"], "onnx": ["900.1"], "onnxruntime": ["900.1"]}
    workplace.matrix(probes=("refused",), axes=axes)
    workplace.matrix("joint", plan="joint", probes=("refused",), axes=axes)
    factored, joint = workplace.scan(), workplace.scan("joint")
    assert said(workplace.results()) == said(workplace.results("joint"))
    assert workplace.results()["cells"][0]["verdict"] == "bad"
    assert factored.exit_code == joint.exit_code == 0


def test_scanning_a_part_loses_nothing_of_the_rest(scanned):
    before = said(scanned.results())
    scanned.probe("good", comment="changed")
    scanned.scan(cells=(CELLS[0],))
    assert scanned.worked_on == [EXPORTS[0], RUNS[0]]
    now = said(scanned.results())
    mixed = {name: [case for case in cases if case[0] == "mixed"] for name, (_, _, cases) in before.items()}
    assert {name: [c for c in cases if c[0] == "mixed"] for name, (_, _, cases) in now.items()} == mixed
    assert now[CELLS[0]] == before[CELLS[0]]
    scanned.scan(probes=("good",))
    assert said(scanned.results()) == before


def test_sides_do_not_depend_on_the_probes_that_are_selected(workplace):
    workplace.probe("seen")
    path = workplace.root / "probes/seen.py"
    path.write_text(path.read_text().replace("# variants", '# runners = ["onnxruntime-cpu"]\n# variants'))
    workplace.matrix(probes=("good", "seen"), tables='runners = ["onnxruntime-cpu", "onnx-reference"]\n')
    whole = load_plans(workplace.request())
    part = load_plans(workplace.request(probes=("seen",)))
    assert {case.runner for case in whole.full.cases} == {"onnxruntime-cpu", "onnx-reference"}
    assert {case.runner for case in part.selected.cases} == {"onnxruntime-cpu"}
    assert sides_of(part.selected, part.full) == sides_of(whole.full)


def _artifacts(place):
    return sorted((place.store() / "artifacts").iterdir())


def _references(place):
    return sorted((place.store() / "references").iterdir())


LOSSES = {
    "every artifact": lambda place: shutil.rmtree(place.store() / "artifacts"),
    "an artifact": lambda place: shutil.rmtree(_artifacts(place)[0]),
    "every reference": lambda place: shutil.rmtree(place.store() / "references"),
    "the whole store": lambda place: shutil.rmtree(place.store()),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_the_store_lost_is_made_again(scanned, loss):
    before = said(scanned.results())
    names = [path.name for path in (*_artifacts(scanned), *_references(scanned))]
    LOSSES[loss](scanned)
    scanned.scan()
    assert set(scanned.worked_on) <= set(EXPORTS)
    assert scanned.worked_on
    assert [path.name for path in (*_artifacts(scanned), *_references(scanned))] == names
    assert said(scanned.results()) == before


def _emptied(place):
    """Leave of every artifact and reference less than there was, as a disk may that failed."""
    for path in place.store().rglob("*"):
        if path.is_file() and path.suffix != ".json":
            path.write_bytes(path.read_bytes()[:-9])


def _without_files(place):
    for path in place.store().rglob("*.onnx"):
        path.unlink()


def _without_other_sizes(place):
    """Delete the references of the second size: a run side finds out when it has opened the artifact already."""
    sizes = {case.facts["reference"] for case in place.side(EXPORTS[1]).cases if case.size == {"n": 3}}
    for name in sizes:
        (place.store() / "references" / f"{name}.npz").unlink()


@pytest.mark.parametrize("harm", [_emptied, _without_files, _without_other_sizes])
def test_what_a_run_side_cannot_read_is_no_verdict(scanned, harm, monkeypatch):
    from matrixscan.commands import factored

    before = said(scanned.results())
    harm(scanned)
    (scanned.root / ".matrixscan/measured/tiny/records" / f"{RUNS[0]}.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(factored, "_whole", lambda *_: True)  # it was harmed after anybody looked
        scanned.scan()
    assert scanned.worked_on == [RUNS[0]]
    cases = scanned.side(RUNS[0]).cases
    lost = [case for case in cases if case.outcome == "infra"]
    assert {case.error.type for case in lost} == {"StoreIncomplete"}
    assert not [case for case in cases if case.outcome == "failed" and case.stage != "compare"]
    for cell in scanned.results()["cells"]:
        if cell["id"].endswith("ort900.1"):
            assert cell["verdict"] in {"unknown", "good"}, cell["id"]
    # What was harmed is gone from the store, so that the next scan makes it, and runs it.
    scanned.scan()
    assert RUNS[0] in scanned.worked_on
    assert said(scanned.results()) == before


def test_many_cases_are_tables_that_say_the_same(scanned, monkeypatch):
    joint = read_published(scanned.root / "reports/joint").grid
    records = read_published(scanned.root / "reports/tiny").grid
    monkeypatch.setattr(wide, "WIDE", 0)
    outcome = commands.report(scanned.request())
    folder = scanned.root / "reports/tiny"
    assert {path.name for path in folder.glob("*.parquet")} == {"exports.parquet", "runs.parquet"}
    tables = read_published(folder).grid
    assert flips(tables) == flips(records) == flips(joint)
    assert len(flips(tables)) == 12
    assert f"4 combinations, 10 cases, {len(flips(tables))} flips" in outcome.text
    assert json.loads((folder / "flips.json").read_text())


def test_pins_are_looked_up_in_tables_as_in_records(scanned, monkeypatch):
    pins = f"torch=={fake_packages.TORCHES[0]}\nonnx==900.1\nonnxruntime=={fake_packages.RUNTIMES[0]}\n"
    pins += f"numpy=={fake_packages.NUMPY}\n"

    def found(matrix):
        outcome = commands.check("-", [matrix], ["good", "mixed/bad-run"], "3.8", form="json", text=pins)
        (answer,) = json.loads(outcome.text)["matrices"]
        (match,) = answer["matches"]
        return answer["subjects"], {key: each["verdict"] for key, each in match["verdicts"].items()}, match

    subjects, verdicts, whole = found("joint")
    assert (subjects["good/plain"], verdicts["good/plain"], whole["evidence"]) == ("known_good", "good", "joint")
    _, records, apart = found("tiny")
    monkeypatch.setattr(wide, "WIDE", 0)
    commands.report(scanned.request())
    path = scanned.root / "reports/tiny/verdicts.json"
    for _ in ("as reported", "from the tables themselves"):
        known, tables, match = found("tiny")
        assert verdicts == records == tables
        # Never installed together: promising, and not known to be good.
        assert (known["good/plain"], match["evidence"], apart["evidence"]) == ("untested", "factored", "factored")
        assert (match["platform"], match["date"]) == (apart["platform"].partition(", torch")[0], apart["date"])
        path.unlink(missing_ok=True)


def test_an_export_side_that_cannot_be_is_part_of_the_tables(scanned, monkeypatch):
    """A side without anything to run has its place in the tables: its combinations are not left out."""
    scanned.probe("refused", variants=("refused",))
    axes = {"python": ["3.8"], "torch": ["900.1"], "onnx": ["900.1"], "onnxruntime": ["900.1"]}
    scanned.matrix("alone", probes=("refused",), axes=axes)
    monkeypatch.setattr(wide, "WIDE", 0)
    assert scanned.scan("alone").text == "1 combinations, 2 cases, 0 flips\n"


def _wait_for(condition, process, seconds=90):
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def _events(place, side):
    return "".join(path.read_text() for path in place.root.glob(f".matrixscan/tiny/{side}/runs/*/events.jsonl"))


def test_a_scan_that_was_interrupted_twice_publishes_what_one_run_does(workplace, scanned, monkeypatch):
    workplace.probe("good", seconds=0.2)
    scanned.probe("good", seconds=0.2)
    for matrix in (workplace, scanned):
        matrix.write("probes/mixed.py", (scanned.root / "probes/mixed.py").read_text())
    monkeypatch.chdir(scanned.root)
    shutil.rmtree(scanned.root / ".matrixscan/tiny")
    scanned.scan()
    # While an export side works, before its last export.
    with workplace.start("scan", "tiny") as process:
        _wait_for(lambda: "mixed/plain" in _events(workplace, EXPORTS[1]), process)
        process.send_signal(signal.SIGTERM)
        _, words = process.communicate(timeout=60)
    assert (process.returncode, words) == (130, "interrupted; the same command continues where this stopped\n")
    assert not list(workplace.root.glob("reports/*/records/*"))
    assert workplace.side(EXPORTS[0]) is not None
    assert workplace.side(EXPORTS[1]) is None
    # While a run side works, with some of its cases done.
    with workplace.start("scan", "tiny") as process:
        _wait_for(lambda: '"done"' in _events(workplace, RUNS[0]).replace("'", '"'), process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert workplace.side(EXPORTS[1]) is not None
    assert workplace.side(RUNS[1]) is None
    code, output, words = workplace.call("scan", "tiny")
    assert code == 0, words
    assert f"{EXPORTS[0]}  skip" in output
    assert f"{RUNS[1]}  install" in output
    assert published(workplace) == published(scanned)


def test_a_full_disk_is_no_verdict_and_is_tried_again(workplace):
    workplace.probe("good", variants=("full",))
    axes = {"python": ["3.8"], "torch": ["900.1"], "onnx": ["900.1"], "onnxruntime": ["900.1"]}
    workplace.matrix(probes=("good",), axes=axes)
    outcome = workplace.scan()
    (cell,) = workplace.results()["cells"]
    assert (cell["verdict"], outcome.exit_code) == ("unknown", 4)
    assert {(case["stage"], case["outcome"]) for case in cell["cases"]} == {("export", "infra")}
    workplace.scan()
    assert workplace.worked_on == [EXPORTS[0]]


def test_a_lane_that_an_export_side_cannot_make_is_unknown(workplace):
    """The conversion to half comes with onnxruntime, which an export side does not have; its combinations do."""
    path = workplace.root / "probes/good.py"
    path.write_text(path.read_text().replace("# variants", '# precisions = ["fp32", "fp16"]\n# variants'))
    axes = {"python": ["3.8"], "torch": ["900.1"], "onnx": ["900.1"], "onnxruntime": ["900.1"]}
    workplace.matrix(probes=("good",), axes=axes)
    workplace.scan()
    (cell,) = workplace.results()["cells"]
    outcomes = {(case["precision"], case["outcome"], case["reason"]) for case in cell["cases"]}
    assert outcomes == {("fp32", "passed", None), ("fp16", "skipped", "requirement")}
    assert cell["verdict"] == "unknown"
