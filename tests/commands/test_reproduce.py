import pytest

from matrixscan.commands.reproducing import NothingToReproduceError, _find
from matrixscan.errors import EXIT_USAGE, UnknownNameError
from matrixscan.records.types import CaseRecord, Record


def case(name, outcome="failed", stage="compare", exporter="torchscript", **more):
    runner, size = "onnxruntime-cpu", {"n": 2}
    return CaseRecord(name, "op", "one", exporter, 13, "fp32", runner, size, stage, outcome, **more)


def record(*cases):
    fields = dict.fromkeys(Record.__struct_fields__)
    return Record(**(fields | {"id": "cell", "cases": cases}))


FAILING = case("op/one/failing")


def test_a_failing_case_is_found():
    assert _find(record(FAILING), "op/one/failing") is FAILING


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (case("x", "passed", None), "it passed"),
        (case("x", "skipped", "build"), "it was skipped"),
        (case("x", "infeasible", "export"), "it was infeasible"),
        (case("x", stage="eager"), "it ended at eager, before anything was exported"),
        (case("x", exporter="file"), "file has no module behind it"),
        (case("x", reason="nondeterministic"), "two runs of it differ"),
    ],
)
def test_what_has_nothing_to_show_is_refused_and_what_has_is_named(other, words):
    with pytest.raises(NothingToReproduceError) as caught:
        _find(record(other, FAILING), "x")
    assert str(caught.value).startswith(f"x in cell: {words}")
    assert str(caught.value).endswith("what failed there:\n  op/one/failing")
    assert caught.value.exit_code == EXIT_USAGE


def test_where_nothing_failed_that_is_said():
    with pytest.raises(NothingToReproduceError, match=r"nothing failed there$"):
        _find(record(case("x", "passed", None)), "x")


def test_many_failing_cases_are_not_all_listed():
    many = [case(f"op/{number}") for number in range(40)]
    with pytest.raises(NothingToReproduceError, match=r"and 30 more$"):
        _find(record(case("x", "passed", None), *many), "x")


def test_a_mistyped_case_is_answered_with_those_like_it():
    with pytest.raises(UnknownNameError, match="did you mean 'op/one/failing'"):
        _find(record(FAILING), "op/one/faling")


def test_a_case_like_no_other_is_answered_with_what_failed():
    with pytest.raises(UnknownNameError, match=r"choose from: op/one/failing$"):
        _find(record(FAILING, case("passed", "passed", None)), "zzz")
