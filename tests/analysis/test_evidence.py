import msgspec
from record_samples import case, mismatch

from matrixscan.analysis.evidence import Experience


def versions(torch, onnxruntime):
    return {"torch": torch, "onnxruntime": onnxruntime}


def made(found, artifact="a"):
    return msgspec.structs.replace(found, facts={"artifact": artifact, **found.facts})


WRONG = made(mismatch(0.5))
CELL = ("here", versions("2.4.1", "1.19.2"))


def evidence(*others, own=(WRONG,)):
    return Experience([(*CELL, list(own)), *others]).evidence("here", own[0])


def test_the_case_itself():
    found = evidence(own=(made(case("failed", stage="run", reason="error")),))
    assert (found.stage, found.outcome, found.reason, found.exporter, found.opset) == (
        "run", "failed", "error", "torchscript", 13,
    )  # fmt: skip
    assert (found.runners_wrong, found.runners_right, found.unoptimized) == (("1.19.2",), (), None)
    looked = msgspec.structs.replace(WRONG, facts={"unoptimized": {"passed": False, "max_abs": 1.0}})
    assert evidence(own=(looked,)).unoptimized is False


def test_the_same_file_in_other_releases_of_the_runner():
    found = evidence(
        ("newer", versions("2.4.1", "1.29.0"), [made(case())]),
        ("older", versions("2.4.1", "1.9.0"), [WRONG]),
        ("another file", versions("2.5.0", "1.30.0"), [made(case(), "b")]),
        ("not run there", versions("2.4.1", "1.28.0"), [made(case("skipped"))]),
    )
    assert found.runners_right == ("1.29.0",)
    assert found.runners_wrong == ("1.9.0", "1.19.2")
    unknown = msgspec.structs.replace(WRONG, facts={})
    found = evidence(("newer", versions("2.4.1", "1.29.0"), [case()]), own=(unknown,))
    assert found.runners_right == (), "without a digest nothing says that it is the same file"


def test_other_exporters_and_opsets_count_in_the_same_combination_and_at_the_same_size():
    dynamo, opset17 = case(lane=("dynamo", 18)), case(lane=("torchscript", 17))
    found = evidence(own=(WRONG, dynamo, opset17, case(lane=("other", 1), size={"t": 345})))
    assert (found.exporters_right, found.opsets_right) == (("dynamo",), (17,))
    found = evidence(("there", versions("2.5.0", "1.19.2"), [dynamo, opset17]))
    assert (found.exporters_right, found.opsets_right) == ((), ())


def test_other_releases_of_torch_count_in_the_same_release_of_the_runner():
    found = evidence(
        ("old", versions("1.11.0", "1.19.2"), [case()]),
        ("other runner", versions("1.12.1", "1.20.1"), [case()]),
        ("other lane", versions("1.13.1", "1.19.2"), [case(lane=("dynamo", 18))]),
    )
    assert found.torch_right == ("1.11.0",)


def test_a_witness_is_no_experience():
    found = evidence(own=(WRONG, case(lane=("dynamo", 18), witness=True)))
    assert found.exporters_right == ()
