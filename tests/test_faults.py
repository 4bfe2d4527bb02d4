"""The benchmark of seeded faults: what its published records say, and that the page says the same."""

import importlib.util
import re
from pathlib import Path

import pytest

from matrixscan.matrix.probe import read_probe
from matrixscan.matrix.probe_lint import lint_probe
from matrixscan.matrix.reader import read_matrix
from matrixscan.plan.expand import make_plan

ROOT = Path(__file__).parent.parent

_spec = importlib.util.spec_from_file_location("update_faults", ROOT / "docs/update_faults.py")
benchmark = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(benchmark)

EVERYTHING = benchmark.read_faults(ROOT / "reports/faults")
FAULTS, UNTOUCHED = benchmark.faults(EVERYTHING), benchmark.untouched(EVERYTHING)
PROBES = sorted(path for path in (ROOT / "tests/faults").glob("[a-z]*.py") if not path.is_symlink())


def test_the_page_is_the_one_the_records_give():
    assert benchmark.rendered(EVERYTHING) == (ROOT / "docs/faults.md").read_text(encoding="utf-8")


def test_at_least_twenty_nine_of_thirty_faults_are_found():
    missed = [f"{fault.probe}/{fault.variant}" for fault in FAULTS if fault.missed]
    assert len(FAULTS) >= 30
    assert len(missed) <= len(FAULTS) / 30, missed


def test_none_of_thirty_untouched_lanes_is_called_bad():
    assert len(UNTOUCHED) >= 30
    assert len({(fault.probe, fault.variant) for fault, _ in UNTOUCHED}) >= 15
    assert [(fault.variant, lane.lane, lane.how) for fault, lane in UNTOUCHED if lane.verdict != "good"] == []


def test_a_fault_that_could_not_be_put_in_counts_neither_way():
    for fault in FAULTS:
        assert all(lane.finished for lane in fault.put)
        assert all(not lane.how.startswith("export") for lane in fault.put), fault.variant


def test_faults_are_of_many_kinds_and_say_what_they_change():
    known = benchmark.words()
    assert len({fault.name for fault in FAULTS}) >= 30
    assert all(known[fault.name].endswith(".") for fault in FAULTS)


@pytest.mark.parametrize("path", PROBES, ids=lambda path: path.stem)
def test_the_faulty_probes_are_probes_without_objections(path):
    probe = read_probe(path)
    assert lint_probe(probe) == ()
    names = {variant.rpartition(".")[2] for variant in probe.variants}
    assert "untouched" in names
    assert names - {"untouched"} <= set(benchmark.words())
    # Every network of a family has its untouched export.
    networks = {variant.rpartition(".")[0] for variant in probe.variants} if not probe.stages else {""}
    assert {f"{network}.untouched".lstrip(".") for network in networks} <= set(probe.variants)


def test_the_matrix_runs_all_of_them():
    plan = make_plan(read_matrix(ROOT / "matrices/faults.toml"))
    assert {probe.name for probe in plan.probes} == {path.stem for path in PROBES}
    named = set(
        re.findall(r"^def ([a-z]\w+)\(artifact\)", (ROOT / "tests/faults/_faults.py").read_text(), re.MULTILINE)
    )
    assert named == {case.variant.rpartition(".")[2] for case in plan.cases} - {"untouched"}
